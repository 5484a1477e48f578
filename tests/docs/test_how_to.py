"""What the how-tos and the tutorial say is done, as a newcomer does it: by pasting their commands, page after page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Lab, running_lab
from mailserver import taking_mail
from pages import ROOT
from pasting import checkout, paste, read

DOCS = ROOT / "docs"
FILES = sorted(path for folder in ("howto", "tutorial") for path in (DOCS / folder).glob("*.md"))
PAGES = {path: read(path.read_text(encoding="utf-8")) for path in FILES}
EXCUSED = {path.name for path, page in PAGES.items() if page.excuse}
#: the others need a machine of their own: tests/ansible/test_pages.py has it
HERE = [path for path, page in PAGES.items() if not page.excuse and not page.machines]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """One Tackroom, known as in the pages, and one checkout for all: whoever has done one page can do the next."""
    with taking_mail() as server:
        told = {"MAIL_HOST": "127.0.0.1", "MAIL_PORT": str(server.port), "CALLBACK_PRIVATE": "127.0.0.0/8"}
        settings = {"BASE_URL": "http://lab.example:8080/", **told}
        with running_lab("apache", **{f"TACKROOM_{name}": value for name, value in settings.items()}) as made:
            checkout(made)
            yield made


@pytest.mark.timeout(240)
@pytest.mark.parametrize("path", HERE, ids=lambda path: path.stem)
def test_page(path: Path, lab: Lab) -> None:
    """Every command of the page works, and says what the page shows."""
    paste(PAGES[path], lab)


def test_excused() -> None:
    """Only the tables of contents have nothing to paste."""
    assert {"index.md"} == EXCUSED
