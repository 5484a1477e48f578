"""Wakes the calls of this process that wait for something to change, whichever process changes it."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable
from typing import TypeVar

from attrs import frozen

from wsgi_app.errors import TackroomError, TooManyWaiters

T = TypeVar("T")

#: which part of the places those may take who wait for a topic: systems that claim must not have to wait for readers,
#: nor for sets that never meet
SHARES = {"job": 0.5, "sync": 0.9}

#: waiting calls of one holder (a recipe) in a process
MOST_OF_ONE = 32

#: seconds between two looks at the event table while somebody waits
LOOK_SECONDS = 0.05


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


class Notifier:
    """One thread that reads new events, and only while somebody waits; each wakes only those whom it concerns."""

    def __init__(self, news: Callable[[int | None], News], max_waiters: int) -> None:
        """`news` returns what happened behind an event id; behind None nothing, but which event is the newest."""
        self._news = news
        self._max_waiters = max_waiters
        self._lock = threading.Lock()
        self._waiting: dict[Subject, set[threading.Event]] = defaultdict(set)
        self._waiters = 0
        self._held: Counter[Hashable] = Counter()
        self._closed = False
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
        woken = threading.Event()
        self._enter(subjects, woken, holder)
        try:
            begun()
            while True:
                woken.clear()
                if self._closed:
                    return None
                # after we are known as waiting: what changes from here on wakes us
                found = ready()
                if found is not None or not woken.wait(max(0.0, deadline - time.monotonic())):
                    return found
        finally:
            self._leave(subjects, woken, holder)

    def close(self) -> None:
        """Send all waiters home."""
        with self._lock:
            self._closed = True
            self._wake(list(self._waiting))

    def join(self) -> None:
        """Wait until the reading thread of a closed notifier has ended: it must not read a closed database."""
        with self._lock:
            watcher = self._watcher
        if watcher is not None:
            watcher.join()

    def _enter(self, subjects: Collection[Subject], woken: threading.Event, holder: Hashable) -> None:
        seen = self._news(None).newest
        share = min(SHARES.get(subject.topic, 1.0) for subject in subjects)
        with self._lock:
            full = self._waiters >= max(1, int(share * self._max_waiters))
            if full or (holder is not None and self._held[holder] >= MOST_OF_ONE):
                raise TooManyWaiters
            if not self._watching:
                self._watching = True
                self._watcher = threading.Thread(target=self._watch, args=(seen,), name="notifier", daemon=True)
                self._watcher.start()
            self._waiters += 1
            self._held[holder] += 1
            for subject in subjects:
                self._waiting[subject].add(woken)

    def _leave(self, subjects: Collection[Subject], woken: threading.Event, holder: Hashable) -> None:
        with self._lock:
            self._waiters -= 1
            self._held[holder] -= 1
            if not self._held[holder]:
                del self._held[holder]
            for subject in subjects:
                self._waiting[subject].discard(woken)
                if not self._waiting[subject]:
                    del self._waiting[subject]

    def _watch(self, seen: int) -> None:
        pause = threading.Event()
        try:
            while self._wanted():
                pause.wait(LOOK_SECONDS)
                try:
                    news = self._news(seen)
                except TackroomError:
                    # it passes; without a watcher everybody here would wait in vain
                    continue
                seen = news.newest
                with self._lock:
                    self._wake(news.subjects)
        except BaseException:
            # whatever ended this thread, the next who waits starts another
            with self._lock:
                self._watching = False
            raise

    def _wanted(self) -> bool:
        """Return whether somebody waits; if not, this thread ends, and the next who waits starts another."""
        with self._lock:
            self._watching = self._waiters > 0 and not self._closed
            return self._watching

    def _wake(self, subjects: Iterable[Subject]) -> None:
        for subject in subjects:
            for woken in self._waiting.get(subject, ()):
                woken.set()
