"""Reading that takes long and sends little: how much of it this process does at a time, so that all else goes on.

A search through a log of gigabytes goes on though its client has left, since it has nothing to send by which that
would be found out. Whoever waits for a place holds a thread, so that not everybody may.
"""

import threading
from collections.abc import Iterator
from itertools import chain
from typing import TypeVar

from wsgi_app.errors import TooManyReaders

#: such reads that there may be at a time, and how many of them are at work: the others wait, or send what they have
MOST_READS = 64
MOST_AT_WORK = 4

Piece = TypeVar("Piece")


class LongReads:
    """The long reads of this process."""

    def __init__(self, most: int = MOST_READS, at_work: int = MOST_AT_WORK) -> None:
        self._places = threading.BoundedSemaphore(most)
        self._at_work = threading.BoundedSemaphore(at_work)

    def share(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        """Return what is read, piece by piece, the first of them read already. Raises `TooManyReaders`.

        Its place is given back when it is read to its end or closed.
        """
        if not self._places.acquire(blocking=False):
            raise TooManyReaders
        # begun here: of what was never begun nothing is done when it is closed
        reading = self._read(pieces)
        return chain([piece for piece in (next(reading, None),) if piece is not None], reading)

    def _read(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        try:
            while True:
                with self._at_work:
                    try:
                        piece = next(pieces)
                    except StopIteration:
                        return
                yield piece
        finally:
            self._places.release()
