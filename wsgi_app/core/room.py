"""Whether the disk takes what comes: found out by writing to it."""

import errno
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

#: bytes that are written to know: more than what a file system keeps within an inode
SAMPLE = 65536
#: how long an answer is good for
CACHE_SECONDS = 1.0
#: bytes below which uploads are soon refused, and files
LOW_SPACE = 1 << 30
FEW_INODES = 10_000


@frozen
class Found:
    """What a disk is like: why nothing can be stored on it, or that there will soon be no room."""

    trouble: str | None = None
    low: str | None = None


class Room:
    """The file systems of some directories."""

    def __init__(self, places: Sequence[Path]) -> None:
        self._places = places
        self._turn = threading.Lock()
        self._found = Found()
        self._until = 0.0

    def look(self) -> Found:
        """Write to each file system, at most once a second however many ask, and say what came of it."""
        with self._turn:
            if time.monotonic() >= self._until:
                self._found = self._look()
                self._until = time.monotonic() + CACHE_SECONDS
            return self._found

    def _look(self) -> Found:
        known: set[int] = set()
        low = None
        for place in self._places:
            try:
                device = place.stat().st_dev
                if device in known:
                    continue
                known.add(device)
                _write(place)
                low = low or _low(place)
            except OSError as error:
                return Found(_why(place, error))
        return Found(None, low)


def _write(place: Path) -> None:
    """Write a file without a name, and wait until it is on the disk. Raises OSError."""
    with tempfile.TemporaryFile(dir=place) as file:
        file.write(bytes(SAMPLE))
        file.flush()
        os.fsync(file.fileno())


def _low(place: Path) -> str | None:
    status = os.statvfs(place)
    free = status.f_bavail * status.f_frsize
    if free < LOW_SPACE:
        return f"{free >> 20} MiB are left on the file system of {place}: make room"
    # some file systems make inodes as they are needed, and say 0
    if status.f_files and status.f_favail < FEW_INODES:
        return f"{status.f_favail} inodes are left on the file system of {place}: remove small files"
    return None


def _why(place: Path, error: OSError) -> str:
    """Return a sentence on why nothing could be written."""
    if error.errno == errno.ENOSPC:
        status = os.statvfs(place)
        if status.f_files and not status.f_favail:
            return f"no inodes are left on the file system of {place}: remove small files"
        return f"no room is left on the file system of {place}: remove or move files"
    if error.errno == errno.EDQUOT:
        return f"the quota of the file system of {place} is used up: raise it, or remove files"
    if error.errno == errno.EROFS:
        return f"the file system of {place} is read-only: see the kernel's messages, and mount it to be written"
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return f"no more files can be opened ({error.strerror}): raise its limit (ulimit -n, LimitNOFILE=)"
    return f"{place} cannot be written ({error.strerror}): see to its rights, and to the disk"
