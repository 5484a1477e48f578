"""Answers in blocks: what is sent piece by piece costs a call of the system each time."""

from collections.abc import Iterable, Iterator
from typing import AnyStr

#: bytes or characters of a block, at least
BLOCK = 1 << 16


def blocks(pieces: Iterable[AnyStr]) -> Iterator[AnyStr]:
    """Yield the pieces of an answer, many at a time."""
    waiting: list[AnyStr] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= BLOCK:
            yield piece[:0].join(waiting)
            waiting.clear()
            size = 0
    if waiting:
        yield waiting[0][:0].join(waiting)
