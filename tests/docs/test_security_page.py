"""The page of threats: every line names tests that exist, and every test of tests/security/ stands in a line."""

import ast
import re
from collections.abc import Iterator

from pages import ROOT

PAGE = ROOT / "docs" / "explanation" / "security.md"
SECTIONS = ["Access", "Paths and names", "Browsers", "Secrets", "HTTP", "Documents, logs and archives"]

_ENTRY = re.compile(r"^- .*(?:\n  .*)*", re.MULTILINE)
_SHAPE = re.compile(r"- \*\*[^*]+\*\*: .+? `tests/[^`]+`\Z", re.DOTALL)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_each_threat_has_its_test() -> None:
    """Every entry reads `**Threat**: what protects. tests`, and all of its tests exist."""
    entries = _ENTRY.findall(PAGE.read_text(encoding="utf-8"))
    assert entries
    for entry in entries:
        assert _SHAPE.fullmatch(entry), entry
        named = _TEST.findall(entry)
        assert len(named) == entry.count("`tests/"), entry
        for file, name in named:
            assert name in _functions(file), entry


def test_each_test_has_its_threat() -> None:
    """Every test function of tests/security/ is named by an entry."""
    named = set(_TEST.findall(PAGE.read_text(encoding="utf-8")))
    files = [str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "security").rglob("test_*.py")]
    assert files
    assert {(file, name) for file in files for name in _functions(file)} <= named


def test_sections() -> None:
    """The page's sections are these, in this order, and none is empty."""
    parts = re.split(r"^## (.+)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert parts[1::2] == SECTIONS
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        assert _ENTRY.search(text), name


def _functions(file: str) -> set[str]:
    return set(_tests((ROOT / file).read_text(encoding="utf-8")))


def _tests(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name
