"""Both fronts."""

from collections.abc import Iterator

import pytest
from lab import Lab, running_lab


@pytest.fixture(params=["apache", "none"], scope="module")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A Tackroom, once behind httpd and once embedded, for tests that leave it whole."""
    with running_lab(request.param) as made:
        yield made


@pytest.fixture(scope="module")
def apache_lab() -> Iterator[Lab]:
    """A Tackroom behind httpd, for tests that leave it whole."""
    with running_lab("apache") as made:
        yield made
