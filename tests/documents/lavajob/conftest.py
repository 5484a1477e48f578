"""Each shell with its utilities."""

from pathlib import Path

import pytest
from lavashell import ShellBench, here


@pytest.fixture(params=here())
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> ShellBench:
    """A place to run scripts in, by each shell."""
    return ShellBench.make(tmp_path, request.param)
