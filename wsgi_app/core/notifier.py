"""Wakes the calls of this process that wait for something to change, whichever process changes it."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable
from typing import TypeVar

from attrs import define, field, frozen

from wsgi_app.core.bell import Bell
from wsgi_app.errors import TackroomError, TooManyWaiters

T = TypeVar("T")

#: which part of the places those may take who wait for a topic: systems that claim must not have to wait for readers,
#: nor for sets that never meet; a stream of events holds its place for hours
SHARES = {"event": 0.25, "job": 0.5, "sync": 0.9}

#: waiting calls of one holder (a recipe) in a process
MOST_OF_ONE = 32

#: seconds between two looks at the event table while somebody waits and no bell is rung
LOOK_SECONDS = 0.25
#: how long a look is rested from, in times of what it took of a processor; seconds at least and at most
LOOK_REST = 10
SHORTEST_REST, LONGEST_REST = 0.002, 0.05
#: seconds that one rests who is told something again and again, for each who is told the same
REST_SECONDS = 0.005

#: seconds between two questions to those who hold all places whether they are still there
ASK_SECONDS = 1.0


@frozen
class Subject:
    """What an event is about: its topic, and the id or name of what changed (or several that tell it together)."""

    topic: str
    which: Hashable


@frozen
class News:
    """What happened behind an event: the newest event's id, and what the new ones are about."""

    newest: int
    subjects: Iterable[Subject]


@define(eq=False)
class Place:
    """A place to wait in, held until it is left. Clear it before each look at what was waited for, then wait."""

    subjects: Collection[Subject]
    #: for whom it is
    holder: Hashable
    _notifier: "Notifier"
    _woken: threading.Event = field(init=False, factory=threading.Event)
    _asked: bool = field(init=False, default=False)

    def clear(self) -> bool:
        """Forget earlier wakings; False when everybody is sent home: there is no point in waiting."""
        self._woken.clear()
        return not self._notifier.closed

    def wake(self) -> None:
        """A subject has changed."""
        self._woken.set()

    def ask(self) -> None:
        """Wake it with the question whether its caller is still there: others want the place."""
        self._asked = True
        self._woken.set()

    def asked(self) -> bool:
        """Whether that was asked since this was called last."""
        asked, self._asked = self._asked, False
        return asked

    def wait(self, seconds: float) -> bool:
        """Wait until a subject has changed, or everybody is sent home; False when neither was in time."""
        return self._woken.wait(max(0.0, seconds))

    def rest(self) -> None:
        """Let the others of this process have a turn: the longer, the larger the crowd that waits for the same."""
        self._notifier.rest(REST_SECONDS * max(map(self._notifier.crowd, self.subjects)))

    def leave(self) -> None:
        """Give the place back; once is enough."""
        self._notifier.leave(self)


class Notifier:
    """One thread that reads new events, and only while somebody waits; each wakes only those whom it concerns.

    It looks when a commit has rung the bell, but never for more than a tenth of its time.
    """

    def __init__(self, news: Callable[[int | None], News], max_waiters: int, bell: Bell) -> None:
        """`news` returns what happened behind an event id; behind None nothing, but which event is the newest."""
        self._news = news
        self._bell = bell
        self._max_waiters = max_waiters
        self._lock = threading.Lock()
        self._places: set[Place] = set()
        self._waiting: dict[Subject, set[Place]] = defaultdict(set)
        self._held: Counter[Hashable] = Counter()
        self._home = threading.Event()
        self._asked = 0.0
        self._watching = False
        self._watcher: threading.Thread | None = None

    def wait(
        self,
        subjects: Collection[Subject],
        ready: Callable[[], T | None],
        seconds: float,
        *,
        holder: Hashable = None,
        begun: Callable[[], None] = lambda: None,
    ) -> T | None:
        """Ask `ready` now and whenever a subject has changed until it returns something, at most `seconds` long.

        `begun` is called once there is a place to wait in; `holder` is for whom, who has a number of places only.

        Raises `TooManyWaiters` when this process holds as many waiting calls as it may.
        """
        found = ready()
        if found is not None or seconds <= 0:
            return found
        deadline = time.monotonic() + seconds
        place = self.enter(subjects, holder=holder)
        try:
            begun()
            while place.clear():
                # after we are known as waiting: what changes from here on wakes us
                found = ready()
                if found is not None or not place.wait(deadline - time.monotonic()):
                    return found
            return None
        finally:
            place.leave()

    def enter(self, subjects: Collection[Subject], *, holder: Hashable = None) -> Place:
        """Take a place to wait for these subjects in: what changes from here on wakes it. Raises `TooManyWaiters`."""
        place = Place(subjects, holder, self)
        seen = self._news(None).newest
        share = min(SHARES.get(subject.topic, 1.0) for subject in subjects)
        with self._lock:
            full = len(self._places) >= max(1, int(share * self._max_waiters))
            if full or (holder is not None and self._held[holder] >= MOST_OF_ONE):
                self._ask(subjects)
                raise TooManyWaiters
            if not self._watching:
                self._watching = True
                self._watcher = threading.Thread(target=self._watch, args=(seen,), name="notifier", daemon=True)
                self._watcher.start()
            self._places.add(place)
            self._held[holder] += 1
            for subject in subjects:
                self._waiting[subject].add(place)
        return place

    def leave(self, place: Place) -> None:
        """Take a place back, unless it was given back already."""
        with self._lock:
            if place not in self._places:
                return
            self._places.discard(place)
            self._held[place.holder] -= 1
            if not self._held[place.holder]:
                del self._held[place.holder]
            for subject in place.subjects:
                self._waiting[subject].discard(place)
                if not self._waiting[subject]:
                    del self._waiting[subject]

    def crowd(self, subject: Subject) -> int:
        """How many wait for that."""
        return len(self._waiting.get(subject, ()))

    def rest(self, seconds: float) -> None:
        """Sleep, unless everybody is sent home."""
        self._home.wait(seconds)

    @property
    def closed(self) -> bool:
        """Whether everybody is sent home."""
        return self._home.is_set()

    @property
    def waiters(self) -> int:
        """How many places are taken."""
        return len(self._places)

    def close(self) -> None:
        """Send all waiters home."""
        with self._lock:
            self._home.set()
            self._wake(list(self._waiting))
        self._bell.ring()

    def join(self) -> None:
        """Wait until the reading thread of a closed notifier has ended: it must not read a closed database."""
        with self._lock:
            watcher = self._watcher
        if watcher is not None:
            watcher.join()

    def _watch(self, seen: int) -> None:
        try:
            with self._bell.listen() as ear:
                # once before it waits: what happened before it listened
                while self._wanted():
                    began = time.thread_time()
                    seen = self._look(seen)
                    rest = LOOK_REST * (time.thread_time() - began)
                    self.rest(min(max(SHORTEST_REST, rest), LONGEST_REST))
                    ear.wait(LOOK_SECONDS)
        except BaseException:
            # whatever ended this thread, the next who waits starts another
            with self._lock:
                self._watching = False
            raise

    def _look(self, seen: int) -> int:
        """Wake whom the events behind that one concern; return the newest."""
        try:
            news = self._news(seen)
        except TackroomError:
            # it passes; without a watcher everybody here would wait in vain
            return seen
        with self._lock:
            self._wake(news.subjects)
        return news.newest

    def ring(self) -> None:
        """Let whoever waits, in whatever process, know that something was committed."""
        self._bell.ring()

    def _ask(self, subjects: Iterable[Subject]) -> None:
        """Ask those who wait for the same whether they are still there: a refused caller finds a place later."""
        if time.monotonic() - self._asked >= ASK_SECONDS:
            self._asked = time.monotonic()
            for subject in subjects:
                for place in self._waiting.get(subject, ()):
                    place.ask()

    def _wanted(self) -> bool:
        """Return whether somebody waits; if not, this thread ends, and the next who waits starts another."""
        with self._lock:
            self._watching = bool(self._places) and not self.closed
            return self._watching

    def _wake(self, subjects: Iterable[Subject]) -> None:
        for subject in subjects:
            for place in self._waiting.get(subject, ()):
                place.wake()
