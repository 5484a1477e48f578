"""What the tests of the documentation read: pages with all that is made from the code, their tables, their headings."""

import re
from pathlib import Path

from attrs import frozen
from tackroom_reference import expand

ROOT = Path(__file__).resolve().parents[2]

_HEADING = re.compile(r"^(#{1,6}) +(.*)$")
_FENCE = re.compile(r"^ *```")
_CODE = re.compile(r"`([^`]+)`")


@frozen
class Page:
    """One Markdown file."""

    path: Path

    @property
    def text(self) -> str:
        """What its readers get, as Markdown."""
        return expand(self.path.read_text(encoding="utf-8"))

    @property
    def lines(self) -> list[str]:
        """Its lines without those of fenced blocks."""
        found, fenced = [], False
        for line in self.text.splitlines():
            if _FENCE.match(line):
                fenced = not fenced
            elif not fenced:
                found.append(line)
        return found

    @property
    def headings(self) -> list[str]:
        """Its headings, of any level, without their marks."""
        return [match[2] for line in self.lines if (match := _HEADING.match(line))]

    def section(self, heading: str) -> list[str]:
        """Return the lines between a heading and the next one."""
        found: list[str] = []
        inside = False
        for line in self.lines:
            if match := _HEADING.match(line):
                inside = match[2] == heading
            elif inside:
                found.append(line)
        return found

    def rows(self, heading: str | None = None) -> list[list[str]]:
        """Return the body rows of its tables (of one section's), as cells."""
        lines = self.lines if heading is None else self.section(heading)
        found = []
        for place, line in enumerate(lines):
            if not line.startswith("|") or set(line) <= set("|-: "):
                continue
            if place + 1 < len(lines) and set(lines[place + 1]) <= set("|-: ") and "-" in lines[place + 1]:
                continue
            found.append([cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        return found


def code(cell: str) -> list[str]:
    """Return what stands between backquotes."""
    return _CODE.findall(cell)


def pages() -> list[Path]:
    """Return everything that strangers read."""
    readmes = [ROOT / "README.md", ROOT / "apache" / "README.md", *sorted((ROOT / "wsgi_app").rglob("README.md"))]
    return [*readmes, *sorted((ROOT / "docs").rglob("*.md"))]


def reference(name: str) -> Page:
    """Return a page of the reference by its name."""
    return Page(ROOT / "docs" / "reference" / f"{name}.md")
