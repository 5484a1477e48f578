"""The checklist of readers-lava.md section 12, as far as it is of this half: each item has its test, by its number."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[3]
#: what needs stock clients and jobs that really run is in the second; events and notifications are in the others
FOLDERS = (TESTS / "protocols" / "lava", TESTS / "e2e" / "lava", TESTS / "services", TESTS / "core")
#: 48 is of administration
ITEMS = {*range(1, 67)} - {48}

_MARK = re.compile(r"Items? (\d+(?:, \d+)*): ")


def numbers(file: Path) -> Iterator[int]:
    """Yield the items that the docstrings of a file's tests name."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            found = _MARK.match(ast.get_docstring(node) or "")
            if found is not None:
                yield from map(int, found[1].split(", "))


def test_every_item_has_its_test() -> None:
    """The numbers at the beginning of the tests' docstrings are the checklist's."""
    files = [file for folder in FOLDERS for file in folder.rglob("test_*.py")]
    assert {number for file in files for number in numbers(file)} == ITEMS
