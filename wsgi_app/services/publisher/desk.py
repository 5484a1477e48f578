"""Deliveries that are due, handed out so that a receiver that is slow or down keeps no other waiting for long."""

import threading
from collections import Counter
from collections.abc import Iterable

from wsgi_app.notification import Delivery

#: deliveries that lie here at most
MOST = 1000
#: how many of one receiver are in hand at a time, and while the last of them failed
MOST_OF_ONE = 4
MOST_OF_FAILING = 1


class Desk:
    """Deliveries by id, and who is called for them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._lying: dict[int, tuple[Delivery, str]] = {}
        self._in_hand: dict[int, str] = {}
        self._calls: Counter[str] = Counter()
        self._failing: set[str] = set()

    def room(self) -> int:
        """Return how many more there may be."""
        with self._changed:
            return max(0, MOST - len(self._lying))

    def ids(self) -> set[int]:
        """Return which are here, lying or in hand."""
        with self._changed:
            return {*self._lying, *self._in_hand}

    def at_work(self) -> int:
        """Return how many are in hand."""
        with self._changed:
            return len(self._in_hand)

    def put(self, found: Iterable[tuple[Delivery, str]]) -> None:
        """Lay deliveries on it, each with the host that is called."""
        with self._changed:
            for delivery, host in found:
                if delivery.id not in self._in_hand:
                    self._lying[delivery.id] = delivery, host
            self._changed.notify_all()

    def take(self, seconds: float) -> Delivery | None:
        """Return the first that may be sent now, None when there is none within so many seconds."""
        with self._changed:
            number = self._first()
            if number is None:
                self._changed.wait(seconds)
                number = self._first()
            if number is None:
                return None
            delivery, host = self._lying.pop(number)
            self._in_hand[number] = host
            self._calls[host] += 1
            return delivery

    def done(self, delivery: Delivery, *, failed: bool) -> None:
        """Say that one that was taken is noted, and whether its receiver failed."""
        with self._changed:
            host = self._in_hand.pop(delivery.id)
            self._calls[host] -= 1
            if not self._calls[host]:
                del self._calls[host]
            (self._failing.add if failed else self._failing.discard)(host)
            self._changed.notify_all()

    def _first(self) -> int | None:
        for number, (_, host) in self._lying.items():
            most = MOST_OF_FAILING if host in self._failing else MOST_OF_ONE
            if self._calls[host] < most:
                return number
        return None
