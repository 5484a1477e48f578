"""Markdown that is made, not written."""

import inspect
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; bars in cells are escaped, line ends become spaces."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in line) + " |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """Return text as code; nothing for no text."""
    return f"`{text}`" if text else ""


def paragraphs(thing: object) -> list[str]:
    """Return the paragraphs of a docstring, each in one line; none when there is no docstring of its own."""
    text = inspect.cleandoc(getattr(thing, "__doc__", None) or "")
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
