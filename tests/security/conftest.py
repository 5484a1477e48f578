"""Tackrooms to attack: behind httpd and embedded, one of each for all tests of a worker, which leave them whole."""

import resource
from collections.abc import Iterator

import pytest
from cast import Cast
from lab import Lab, running_lab


@pytest.fixture(scope="session", params=["apache", "none"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A Tackroom, once behind httpd and once embedded, started where core files may be written."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    with running_lab(request.param) as made:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
        yield made


@pytest.fixture(scope="session")
def cast(lab: Lab) -> Cast:
    """Who plays in it."""
    return Cast(lab)
