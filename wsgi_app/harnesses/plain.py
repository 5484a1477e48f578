"""Words of strangers (names of tasks, of files in archives, reasons of servers) as one line that no terminal obeys."""

from __future__ import annotations

LONGEST = 2000  #: characters


def plain(text: str) -> str:
    """Return the text with control characters and the like shown as what they are, and not at any length."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text[:LONGEST])
