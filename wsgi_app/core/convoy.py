"""Many calls in one transaction: whoever comes while another commits waits, and the next takes all who wait along.

A commit costs an fsync however much it holds, and the writer lock is one for all processes: a crowd of small changes is
faster together. Who comes alone waits for nobody.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from attrs import define

from wsgi_app.errors import DatabaseBusy, TackroomError, Unavailable
from wsgi_app.store.db import BUSY_SECONDS

#: more would hold up the database's other writers
MOST = 200
#: where there is a crowd, how long the next may still come: they must get at the interpreter first
GATHER_SECONDS = 0.003

Wish = TypeVar("Wish")
Outcome = TypeVar("Outcome")


@define(eq=False)
class _Rider(Generic[Wish, Outcome]):
    wish: Wish
    outcome: Outcome | TackroomError | None = None


class Convoy(Generic[Wish, Outcome]):
    """Brings wishes to a transaction; `carry` makes one of several, and says of each in turn what came of it.

    An error that `carry` returns is one wish's own, found before anything was written for it. One that it raises is
    everyone's.
    """

    def __init__(self, carry: Callable[[Sequence[Wish]], Sequence[Outcome | TackroomError]]) -> None:
        self._carry = carry
        self._waiting: list[_Rider[Wish, Outcome]] = []
        self._queue = threading.Lock()
        self._road = threading.Lock()
        self._crowded = False

    def ride(self, wish: Wish) -> Outcome:
        """Have a wish carried out, and return what came of it once that is committed.

        Raises the error that is the outcome, and `DatabaseBusy` when others take too long.
        """
        rider: _Rider[Wish, Outcome] = _Rider(wish)
        with self._queue:
            self._waiting.append(rider)
        if not self._road.acquire(timeout=BUSY_SECONDS):
            self._leave(rider)
            raise DatabaseBusy
        try:
            while rider.outcome is None:
                self._drive()
        finally:
            self._road.release()
        if isinstance(rider.outcome, TackroomError):
            raise rider.outcome
        return rider.outcome

    def _drive(self) -> None:
        """Take along who waits, those first who came first."""
        if self._crowded:
            time.sleep(GATHER_SECONDS)
        with self._queue:
            riders, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        self._crowded = len(riders) > 1
        outcomes: Sequence[Outcome | TackroomError]
        # what is no refusal ends the call of the driver alone; his passengers may try again
        outcomes = [Unavailable("the database could not be written")] * len(riders)
        try:
            outcomes = self._carry([rider.wish for rider in riders])
        except TackroomError as error:
            outcomes = [error] * len(riders)
        finally:
            for rider, outcome in zip(riders, outcomes, strict=True):
                rider.outcome = outcome

    def _leave(self, rider: _Rider[Wish, Outcome]) -> None:
        with self._queue:
            if rider in self._waiting:
                self._waiting.remove(rider)
