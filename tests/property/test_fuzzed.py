"""What fuzzing found (tests/property/fuzz.py): inputs that reach far into the readers, or once broke one."""

from pathlib import Path

import pytest
from targets import TARGETS

KEPT = Path(__file__).parent / "fuzzed"


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_kept(name: str) -> None:
    """Every input is read or refused as any other."""
    kept = sorted((KEPT / name).iterdir())
    assert kept
    for path in kept:
        TARGETS[name](path.read_bytes())


def test_what_is_kept_is_small() -> None:
    """The corpus is no burden: a few hundred small files."""
    sizes = [path.stat().st_size for path in KEPT.rglob("*") if path.is_file()]
    assert len(sizes) < 200
    assert max(sizes) <= 8192
