"""Documents of recipes as they are sent, kept until the database says that they are out of date (decision 0032)."""

import threading
from collections import OrderedDict
from collections.abc import Hashable

from attrs import frozen

#: bytes that all that is kept in one process has together
MOST_BYTES = 16 << 20
#: what a document costs beside its bytes
_APART = 500


@frozen
class Kept:
    """A document, and the version of its recipe set of which it is."""

    version: int
    body: bytes


class Shelf:
    """What was asked for last, by recipe and format; it says of which version that is, whoever takes it asks which one
    is right. Threads may share it.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        """`most`: bytes."""
        self._most = most
        self._size = 0
        self._kept: OrderedDict[tuple[int, Hashable], Kept] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, recipe: int, form: Hashable) -> Kept | None:
        """Return what is kept of a recipe in a format, or None."""
        place = (recipe, form)
        with self._lock:
            found = self._kept.get(place)
            if found is not None:
                self._kept.move_to_end(place)
            return found

    def put(self, recipe: int, form: Hashable, version: int, body: bytes) -> Kept:
        """Keep a document in place of an earlier one; where that is too much, those go that nobody asked for lately."""
        new = Kept(version, body)
        place = (recipe, form)
        with self._lock:
            self._remove(place)
            if _cost(new) <= self._most:
                self._kept[place] = new
                self._size += _cost(new)
            while self._size > self._most:
                self._remove(next(iter(self._kept)))
        return new

    def _remove(self, place: tuple[int, Hashable]) -> None:
        old = self._kept.pop(place, None)
        if old is not None:
            self._size -= _cost(old)


def _cost(kept: Kept) -> int:
    return _APART + len(kept.body)
