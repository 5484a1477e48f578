"""What YAML is read by: bounds, words, and how refusals name a place."""

import re
from collections.abc import Sequence
from typing import Any

from attrs import frozen


@frozen
class Limits:
    """How much of a text is read: its `size` in bytes; values, and letters of them, with all aliases followed."""

    size: int
    values: int
    letters: int
    depth: int


@frozen
class Words:
    """What a plain word is, else it is a text: kinds and their patterns, and the words for true."""

    kinds: tuple[tuple[str, re.Pattern[str]], ...]
    true: frozenset[str]


#: the kind of what is merged into a mapping
MERGE = "merge"


def _words(*true: str, false: Sequence[str]) -> Words:
    flags = "|".join(word for one in (*true, *false) for word in (one, one.capitalize(), one.upper()))
    patterns = {
        "null": r"~|null|Null|NULL|",
        "bool": flags,
        "int": r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+",
        "float": r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?",
        MERGE: r"<<",
    }
    return Words(tuple((kind, re.compile(rf"(?:{pattern})\Z")) for kind, pattern in patterns.items()), frozenset(true))


#: JSON's words and numbers, not the dates, `yes` and `1:30` of YAML 1.1
JSON_WORDS = _words("true", false=["false"])
#: the same and YAML 1.1's yes and no, as whoever writes for PyYAML means them
PYYAML_WORDS = _words("true", "yes", "on", false=["false", "no", "off"])

#: of a file that somebody has of himself: the most that Tackroom reads in one job
WIDE = Limits(size=64 * 1024 * 1024, values=500_000, letters=64 * 1024 * 1024, depth=500)


class BadYAML(Exception):
    """It is not YAML, or not such as can be JSON; the message names the line."""


def place(mark: Any) -> str:
    """Return how a message begins that is about a place, "" when that is not known."""
    return "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
