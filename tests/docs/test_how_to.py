"""What the how-tos and the tutorial say is done, as a newcomer does it: by pasting their commands, page after page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Lab, running_lab
from pages import ROOT
from pasting import checkout, paste, read

DOCS = ROOT / "docs"
FILES = sorted(path for folder in ("howto", "tutorial") for path in (DOCS / folder).glob("*.md"))
EXCUSED = [path for path in FILES if read(path.read_text(encoding="utf-8")).excuse]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """One Tackroom, known as in the pages, and one checkout for all: whoever has done one page can do the next."""
    with running_lab("apache", TACKROOM_BASE_URL="http://lab.example:8080/") as made:
        checkout(made)
        yield made


@pytest.mark.timeout(240)
@pytest.mark.parametrize("path", [path for path in FILES if path not in EXCUSED], ids=lambda path: path.stem)
def test_page(path: Path, lab: Lab) -> None:
    """Every command of the page works, and says what the page shows."""
    paste(read(path.read_text(encoding="utf-8")), lab)


def test_excused() -> None:
    """Only the tables of contents have nothing to paste."""
    assert {path.name for path in EXCUSED} == {"index.md"}
