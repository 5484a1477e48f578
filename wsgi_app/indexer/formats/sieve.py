"""Finds words in a log, several times as fast as an expression of which they are the branches.

The expression engine passes over what begins none of several branches at 2.5 ns a byte, and at 0.3 ns where all of them
begin with the same byte. So in a copy of the log the words' first letters are made the same one, and the words are
looked for as they look then. That finds a little more than the words (`KUG: ` for `BUG: `), and never less.
"""

import re
from collections.abc import Iterable

from attrs import frozen

_DIGITS = b"0123456789"


@frozen
class Sieve:
    """Words, made to be found; a copy of a log in which they can be, has its length."""

    _table: bytes
    _words: re.Pattern[bytes]

    @classmethod
    def of(cls, *words: bytes) -> "Sieve":
        """Make one of these words; a `0` in a word is any digit. Let few letters begin them, all of them rare."""
        letters = bytes({word[0] for word in words})
        table = bytes.maketrans(letters + _DIGITS, letters[:1] * len(letters) + b"0" * len(_DIGITS))
        return cls(table, re.compile(_tree({word.translate(table) for word in words})))

    def sifted(self, data: bytes) -> bytes:
        """Return a copy in which the words can be found."""
        return data.translate(self._table)

    def search(self, sifted: bytes, position: int, end: int) -> re.Match[bytes] | None:
        """Return where the next word may stand in such a copy."""
        return self._words.search(sifted, position, end)


def _tree(words: Iterable[bytes]) -> bytes:
    """Return an expression for the words in which no letter that several begin with is looked at twice."""
    tails: dict[bytes, set[bytes]] = {}
    for word in words:
        tails.setdefault(word[:1], set()).add(word[1:])
    if b"" in tails:
        # whatever goes on like this word has this word in it
        return b""
    branches = [re.escape(letter) + _tree(rest) for letter, rest in sorted(tails.items())]
    return branches[0] if len(branches) == 1 else b"(?:" + b"|".join(branches) + b")"
