"""Wakes the calls of this process that wait for an event, whichever process wrote it."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from wsgi_app.errors import TackroomError, TooManyWaiters

T = TypeVar("T")

#: seconds between two looks at the event table while somebody waits
LOOK_SECONDS = 0.05


class Notifier:
    """One thread that watches the newest event id, and only while somebody waits."""

    def __init__(self, latest: Callable[[], int], max_waiters: int) -> None:
        self._latest = latest
        self._max_waiters = max_waiters
        self._changed = threading.Condition()
        self._newest = 0
        self._waiters = 0
        self._closed = False
        self._watching = False

    def wait(self, ready: Callable[[], T | None], seconds: float) -> T | None:
        """Ask `ready` now and after every new event until it returns something, at most `seconds` long.

        Raises `TooManyWaiters` when this process holds as many waiting calls as it may.
        """
        deadline = time.monotonic() + seconds
        seen = self._latest()
        found = ready()
        if found is not None or seconds <= 0:
            return found
        self._enter(seen)
        try:
            while found is None and time.monotonic() < deadline and not self._closed:
                seen = self._sleep(seen, deadline)
                found = ready()
            return found
        finally:
            self._leave()

    def close(self) -> None:
        """Send all waiters home."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _enter(self, seen: int) -> None:
        with self._changed:
            if self._waiters >= self._max_waiters:
                raise TooManyWaiters
            self._waiters += 1
            self._newest = max(self._newest, seen)
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, name="notifier", daemon=True).start()

    def _leave(self) -> None:
        with self._changed:
            self._waiters -= 1

    def _sleep(self, seen: int, deadline: float) -> int:
        with self._changed:
            self._changed.wait_for(
                lambda: self._newest > seen or self._closed, timeout=max(0.0, deadline - time.monotonic())
            )
            return self._newest

    def _watch(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(LOOK_SECONDS)
            try:
                newest = self._latest()
            except TackroomError:
                # it passes; without a watcher everybody here would wait in vain
                newest = self._newest
            with self._changed:
                if self._waiters == 0 or self._closed:
                    self._watching = False
                    return
                if newest != self._newest:
                    self._newest = newest
                    self._changed.notify_all()
