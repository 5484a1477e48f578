"""What the how-tos and the tutorial say is done, as a newcomer does it: by pasting their commands."""

from pathlib import Path

import pytest
from pages import ROOT
from pasting import read, try_page

DOCS = ROOT / "docs"
FILES = sorted(path for folder in ("how-to", "tutorial") for path in (DOCS / folder).glob("*.md"))
EXCUSED = [path for path in FILES if read(path.read_text(encoding="utf-8")).excuse]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("path", [path for path in FILES if path not in EXCUSED], ids=lambda path: path.stem)
def test_page(path: Path) -> None:
    """Every command of the page works, and says what the page shows."""
    try_page(path)


def test_excused() -> None:
    """Only the tables of contents have nothing to paste."""
    assert {path.name for path in EXCUSED} == {"index.md"}
