"""Tackrooms to attack: behind httpd and embedded, one of each for all tests of a worker, which leave them whole."""

import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest
from cast import Cast
from lab import Lab, running_lab


@pytest.fixture(scope="session")
def labs() -> Iterator[Callable[[str], Lab]]:
    """Start a Tackroom of each kind when it is first asked for, where core files may be written, and keep it."""
    with ExitStack() as stack:

        @cache
        def of(front: str) -> Lab:
            soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
            resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
            try:
                return stack.enter_context(running_lab(front))
            finally:
                resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))

        yield of


@pytest.fixture(scope="module", params=["apache", "none"])
def lab(request: pytest.FixtureRequest, labs: Callable[[str], Lab]) -> Lab:
    """A Tackroom, once behind httpd and once embedded."""
    return labs(request.param)


@pytest.fixture(scope="module")
def cast(lab: Lab) -> Cast:
    """Who plays in it."""
    return Cast(lab)
