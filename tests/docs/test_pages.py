"""Pages that strangers read: their links lead somewhere, their commands exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pages import ROOT, Page, pages
from typed import require

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_BLOCK = re.compile(r"^( *)```console\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
_TOCTREE = re.compile(r"^```{toctree}\n(.*?)^```", re.DOTALL | re.MULTILINE)

PAGES = pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))


@PAGES
def test_links(path: Path) -> None:
    """Every relative link leads to a file, and to a heading in it when it names one."""
    for line in Page(path).lines:
        for link in _LINK.findall(line):
            if re.match("[a-z]+:", link):
                continue
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            assert target.exists(), link
            assert target.is_relative_to(ROOT), link
            if anchor:
                assert anchor in {_slug(heading) for heading in Page(target).headings}, link


def _slug(heading: str) -> str:
    """Return the anchor that code hosts and Sphinx give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_no_page_is_lost() -> None:
    """Every page of the documentation is in a table of contents."""
    listed = {ROOT / "docs" / "index.md"}
    for path in pages():
        for block in _TOCTREE.findall(path.read_text(encoding="utf-8")):
            listed |= {path.parent / f"{entry}.md" for entry in block.split("\n") if entry and entry[0] != ":"}
    news = ROOT / "docs" / "changelog.d"
    assert {path for path in pages() if path.is_relative_to(ROOT / "docs") and path.parent != news} == listed


@PAGES
def test_contents(path: Path) -> None:
    """Every entry of a table of contents is a page."""
    for block in _TOCTREE.findall(path.read_text(encoding="utf-8")):
        for entry in block.split("\n"):
            assert not entry or entry.startswith(":") or (path.parent / f"{entry}.md").is_file(), entry


@PAGES
def test_commands(path: Path) -> None:
    """Every `tackroom` and `make` that a page shows exists, with the options that it is shown with."""
    for line in _commands(path.read_text(encoding="utf-8")):
        require(line)
        if line.startswith("make "):
            assert f"\n{line.split()[1]}:" in (ROOT / "Makefile").read_text(encoding="utf-8"), line


def _commands(text: str) -> Iterator[str]:
    for indent, block in _BLOCK.findall(text):
        for line in block.splitlines():
            if line.startswith(f"{indent}$ "):
                yield line[len(indent) + 2 :]
