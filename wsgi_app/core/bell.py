"""A bell that is rung after a commit, and heard by every process on this data directory that listens."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from attrs import define
from inotify_simple import INotify, flags

#: seconds between two looks of who cannot hear: the kernel has no inotify instance left
DEAF_SECONDS = 0.05
#: the file is touched; or it is gone, and so is the watch
_RUNG = flags.ATTRIB | flags.DELETE_SELF | flags.MOVE_SELF


class Ear(Protocol):
    """Hears the bell."""

    def wait(self, seconds: float) -> None:
        """Return when the bell was rung since the last time, or after so many seconds."""


class Bell:
    """A file that is touched. A ring may get lost with the process that owes it: who listens looks now and then."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ring(self) -> None:
        """Wake all who listen; it takes microseconds, and raises nothing."""
        # nobody has ever listened, or the file is not ours: they look all the same, a little later
        with suppress(OSError):
            os.utime(self._path)

    @contextmanager
    def listen(self) -> Iterator[Ear]:
        """Hear what is rung from now on."""
        try:
            inotify = INotify()
        except OSError:
            yield _Deaf()
            return
        try:
            ear = _Hearing(self._path, inotify)
            ear.watch()
            yield ear
        finally:
            inotify.close()


@define
class _Hearing:
    _path: Path
    _inotify: INotify

    def watch(self) -> None:
        """Hear the file, which is made where it is not there; without it, time alone wakes."""
        with suppress(OSError):
            self._path.touch()
            self._inotify.add_watch(self._path, _RUNG)

    def wait(self, seconds: float) -> None:
        if any(event.mask & ~flags.ATTRIB for event in self._inotify.read(timeout=int(seconds * 1000))):
            self.watch()


class _Deaf:
    def wait(self, seconds: float) -> None:
        # as often as one looked before there was a bell
        time.sleep(min(seconds, DEAF_SECONDS))
