"""Starts in flight: identical ones make one job, in whichever process they are, and whatever becomes of their callers.

A start has a token, by which `Jobs.submit` knows it again (its idempotency key). The token lies in a file of its own
until the first of those who fly with it has landed; whoever comes meanwhile flies with the same. A process that is
killed leaves its token behind, and its next identical start goes on with it. So it is with an answer that may not have
reached its caller, where whoever takes the call can tell: the token stays for a while.
"""

import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wsgi_app.core import disk
from wsgi_app.core.filecopy import make_directory

#: seconds after which a start that was killed is none that anybody still waits for
ABANDONED = 60.0


def _no_longer() -> float:
    return 0.0


class Flights:
    """The starts in flight of one data directory; their files lie in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        #: by the clock that only goes on
        self._next_sweep = 0.0

    @contextmanager
    def flight(self, who: str, what: bytes, keep: Callable[[], float] = _no_longer) -> Iterator[str]:
        """Be in flight: yields the token that all have who start the same meanwhile. Raises as the disk does.

        At its end `keep` says for how many seconds more (`ABANDONED` at most) whoever starts the same gets the token.
        """
        name = hashlib.sha256(b"%d %b %b" % (len(who.encode()), who.encode(), what)).hexdigest()
        path = self._directory / name
        with disk.trouble("the starts in flight"):
            descriptor, token = self._board(path)
        try:
            yield token
        finally:
            with disk.trouble("the starts in flight"):
                self._land(path, descriptor, keep())

    def _board(self, path: Path) -> tuple[int, str]:
        make_directory(self._directory)
        with self._alone():
            self._sweep()
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                token = os.pread(descriptor, 100, 0).decode("ascii", "replace")
                if not token or _abandoned(descriptor):
                    token = secrets.token_urlsafe(24)
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, token.encode(), 0)
                # held by whoever flies: it ends with the process, however that ends
                fcntl.flock(descriptor, fcntl.LOCK_SH)
            except OSError:
                os.close(descriptor)
                raise
        return descriptor, token

    def _land(self, path: Path, descriptor: int, kept: float) -> None:
        try:
            with self._alone(), suppress(FileNotFoundError):
                # else another has landed before, and this may be somebody's next flight
                if path.stat().st_ino != os.fstat(descriptor).st_ino:
                    return
                if kept > 0:
                    left = time.time() - ABANDONED + kept
                    os.utime(descriptor, (left, left))
                else:
                    path.unlink()
        finally:
            os.close(descriptor)

    def _sweep(self) -> None:
        """Take away what starts that were killed have left, now and then; nobody boards or lands meanwhile."""
        now = time.monotonic()
        if now < self._next_sweep:
            return
        self._next_sweep = now + ABANDONED
        for path in self._directory.iterdir():
            descriptor = os.open(path, os.O_RDWR)
            try:
                if _abandoned(descriptor):
                    path.unlink()
            finally:
                os.close(descriptor)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else boards or lands meanwhile: it takes no time."""
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _abandoned(descriptor: int) -> bool:
    """Whether nobody flies with the token in this file, nor may still come for it; nobody boards meanwhile."""
    if time.time() - os.fstat(descriptor).st_mtime <= ABANDONED:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
