"""A lab with two systems, T1 and T2, that run our harness."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from contestlab import Site
from lab import running_lab

SYSTEMS = ("T1", "T2")


@pytest.fixture(scope="module")
def make_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Site]]:
    """Make a lab with T1 and T2, both asking for work."""
    with ExitStack() as stack:

        def make(front: str = "apache", **settings: str) -> Site:
            lab = stack.enter_context(running_lab(front, **settings))
            site = Site(lab, tmp_path_factory.mktemp("systems"))
            stack.callback(site.end)
            for system in SYSTEMS:
                lab.post("/systems/", {"name": system})
                site.start_harness(system)
            return site

        yield make


@pytest.fixture(scope="module")
def site(make_site: Callable[..., Site]) -> Site:
    """The lab that a module shares; what is lost is given up soon."""
    return make_site(TACKROOM_GRACE_SECONDS="1")
