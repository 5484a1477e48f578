"""Tackrooms for restraint: one of each front for all tests here, and others for modules that name `SETTINGS`."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab import running_lab

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # pytest's importlib mode does not

from tests.restraint.bench import Site

pytest.register_assert_rewrite("tests.restraint.bodies", "tests.restraint.outcome", "tests.restraint.transcript")

#: few results, so that a test reaches the limit; logs close at once when a recipe is aborted
PLAIN = {"TACKROOM_MAX_RESULTS": "8", "TACKROOM_GRACE_SECONDS": "0", "TACKROOM_QUIET_SECONDS": "0.1"}

Sites = Callable[[str], Site]


@contextlib.contextmanager
def running_sites(settings: dict[str, str]) -> Iterator[Sites]:
    """Tackrooms with these settings by their front; each starts when it is first asked for."""
    made: dict[str, Site] = {}
    with contextlib.ExitStack() as stack:

        def get(front: str) -> Site:
            if front not in made:
                lab = stack.enter_context(running_lab(front, **settings))
                made[front] = Site(lab, settings.get("TACKROOM_PREFIX", "/"))
            return made[front]

        yield get


@pytest.fixture(scope="session")
def plain_sites() -> Iterator[Sites]:
    """The Tackrooms that most tests share: a start costs more than a test."""
    with running_sites(PLAIN) as sites:
        yield sites


@pytest.fixture(scope="module")
def sites(request: pytest.FixtureRequest) -> Iterator[Sites]:
    """The module's own Tackrooms if it has settings, else those that all share."""
    if not hasattr(request.module, "SETTINGS"):
        yield request.getfixturevalue("plain_sites")
        return
    with running_sites({**PLAIN, **request.module.SETTINGS}) as own:
        yield own


@pytest.fixture(params=["apache", "none"])
def site(sites: Sites, request: pytest.FixtureRequest) -> Site:
    """A Tackroom, once behind httpd and once embedded."""
    return sites(request.param)


@pytest.fixture
def httpd_site(sites: Sites) -> Site:
    """A Tackroom behind httpd."""
    return sites("apache")
