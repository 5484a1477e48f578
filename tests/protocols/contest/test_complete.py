"""The checklist of jobs-contest.md section 13 as a whole: each item has its test, by its number."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[2]
#: what needs whole machines with harnesses is in the second
FOLDERS = (TESTS / "protocols" / "contest", TESTS / "e2e" / "contest")
LAST = 36

_NAME = re.compile(r"^ *def test_(\d\d)_\w+\(", re.MULTILINE)


def test_every_item_has_its_test() -> None:
    """The numbers in the names of the tests are the checklist's."""
    files = [file for folder in FOLDERS for file in folder.glob("test_*.py")]
    found = {int(number) for file in files for number in _NAME.findall(file.read_text())}
    assert found == set(range(1, LAST + 1))
