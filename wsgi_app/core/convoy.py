"""Many calls in one transaction: whoever comes while another commits waits, and the next takes all who wait along.

A commit costs an fsync however much it holds, and the writer lock is one for all processes: a crowd of small changes is
faster together, and in one thread: several that each run a few statements hand the interpreter over at every one of
them. Who comes alone waits for nobody.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from attrs import define, field

from wsgi_app.errors import DatabaseBusy, TackroomError, Unavailable
from wsgi_app.store.db import BUSY_SECONDS

#: more would hold up the database's other writers
MOST = 200

Wish = TypeVar("Wish")
Outcome = TypeVar("Outcome")


def _locked() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@define(eq=False)
class _Rider(Generic[Wish, Outcome]):
    wish: Wish
    #: whether it is the one who takes the others along
    drives: bool = False
    outcome: Outcome | TackroomError | None = None
    #: free once there is an outcome, or it drives
    called: threading.Lock = field(init=False, factory=_locked)


class Convoy(Generic[Wish, Outcome]):
    """Brings wishes to a transaction; `carry` makes one of several, and says of each in turn what came of it.

    It takes as many as it likes of those that it is offered, the first at least: who comes until it asks for the next
    is offered, too. An error that it returns is one wish's own, found before anything was written for it. One that it
    raises is everyone's whom it took.
    """

    def __init__(self, carry: Callable[[Iterator[Wish]], Sequence[Outcome | TackroomError]]) -> None:
        self._carry = carry
        self._line: deque[_Rider[Wish, Outcome]] = deque()
        self._queue = threading.Lock()
        self._driven = False

    def ride(self, wish: Wish) -> Outcome:
        """Have a wish carried out, and return what came of it once that is committed.

        Raises the error that is the outcome, and `DatabaseBusy` when others take too long.
        """
        rider: _Rider[Wish, Outcome] = _Rider(wish)
        with self._queue:
            rider.drives, self._driven = not self._driven, True
            if not rider.drives:
                self._line.append(rider)
        if not rider.drives and not rider.called.acquire(timeout=BUSY_SECONDS):
            self._give_up(rider)
        if rider.drives:
            self._drive(rider)
        if rider.outcome is None or isinstance(rider.outcome, TackroomError):
            raise rider.outcome or Unavailable("the database could not be written")
        return rider.outcome

    def _drive(self, driver: _Rider[Wish, Outcome]) -> None:
        """Take along who waits, those first who came first; who is first of those that are left drives next."""
        taken = [driver]
        # what is no refusal ends the call of the driver alone; his passengers may try again
        outcomes: Sequence[Outcome | TackroomError] = []
        try:
            outcomes = self._carry(self._offered(taken))
        except TackroomError as error:
            outcomes = [error] * len(taken)
        finally:
            for rider, outcome in zip(taken, outcomes, strict=False):
                rider.outcome = outcome
            called = [rider for rider in taken if rider is not driver]
            with self._queue:
                self._driven = bool(self._line)
                if self._line:
                    called.append(self._line.popleft())
                    called[-1].drives = True
            for rider in called:
                rider.called.release()

    def _offered(self, taken: list[_Rider[Wish, Outcome]]) -> Iterator[Wish]:
        yield taken[0].wish
        while len(taken) < MOST:
            with self._queue:
                if not self._line:
                    return
                taken.append(self._line.popleft())
            yield taken[-1].wish

    def _give_up(self, rider: _Rider[Wish, Outcome]) -> None:
        """Leave the line, unless it was taken along meanwhile: then wait for what comes of that."""
        with self._queue:
            waits = rider in self._line
            if waits:
                self._line.remove(rider)
        if waits:
            raise DatabaseBusy
        rider.called.acquire()
