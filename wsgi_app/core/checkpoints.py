"""Where the lines of growing logs begin: each byte is read once, however many follow the log.

What is known of a file holds for that file as it was: another inode, a size that shrank, a change that did not add
anything, or an end that is not what it was before make it be read anew.
"""

import os
import stat
import threading
from array import array
from bisect import bisect_right
from collections import OrderedDict
from pathlib import Path

from attrs import define, field, frozen

BLOCK = 1 << 16
#: files that are known at a time, and places of each: both together are 8 MiB at most
MOST_FILES = 256
MOST_PLACES = 2048
#: so many bytes before the end of what is known are compared when there is more
WITNESS = 64


@frozen
class Extent:
    """How far a file reaches: `size` bytes, of which `end` are whole lines, `lines` of them."""

    size: int = 0
    end: int = 0
    lines: int = 0

    @property
    def torn(self) -> bool:
        """Whether a line without a newline is at its end."""
        return self.end < self.size


@define
class _File:
    """What is known of one file."""

    lock: threading.Lock = field(factory=threading.Lock)
    inode: tuple[int, int] = (0, 0)
    modified: int = 0
    extent: Extent = Extent()
    #: the last bytes before `extent.size`
    witness: bytes = b""
    #: line numbers (from 0) and the offsets at which they begin, ascending
    numbers: "array[int]" = field(factory=lambda: array("Q"))
    offsets: "array[int]" = field(factory=lambda: array("Q"))
    #: least bytes between two places
    stride: int = BLOCK

    def follow(self, descriptor: int) -> Extent:
        """Read what the file has more than before; all of it when it is not what it was."""
        status = os.fstat(descriptor)
        inode = status.st_dev, status.st_ino
        if inode != self.inode or not self._holds(descriptor, status):
            self.inode, self.extent, self.witness, self.stride = inode, Extent(), b"", BLOCK
            self.numbers, self.offsets = array("Q"), array("Q")
        self.modified = status.st_mtime_ns
        size, end, lines = self.extent.size, self.extent.end, self.extent.lines
        while size < status.st_size and (block := os.pread(descriptor, min(BLOCK, status.st_size - size), size)):
            if newlines := block.count(b"\n"):
                lines += newlines
                end = size + block.rindex(b"\n") + 1
                self._keep(lines, end)
            size += len(block)
            self.witness = (self.witness + block)[-WITNESS:]
        self.extent = Extent(size, end, lines)
        return self.extent

    def near(self, line: int) -> tuple[int, int]:
        """Return the last known line at or before this one, and where it begins."""
        place = bisect_right(self.numbers, line) - 1
        return (0, 0) if place < 0 else (self.numbers[place], self.offsets[place])

    def _holds(self, descriptor: int, status: os.stat_result) -> bool:
        known = self.extent.size
        if status.st_size <= known:
            return status.st_size == known and status.st_mtime_ns == self.modified
        return os.pread(descriptor, len(self.witness), known - len(self.witness)) == self.witness

    def _keep(self, line: int, offset: int) -> None:
        if self.offsets and offset - self.offsets[-1] < self.stride:
            return
        if len(self.offsets) >= MOST_PLACES:
            del self.numbers[::2], self.offsets[::2]
            self.stride *= 2
        self.numbers.append(line)
        self.offsets.append(offset)


class Checkpoints:
    """Of the files that were asked for last, where lines begin; for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: OrderedDict[Path, _File] = OrderedDict()

    def extent(self, path: Path) -> Extent:
        """Return how far a file reaches by now; nothing when it is not there. Raises OSError."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return Extent()
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return Extent()
            known = self._known(path)
            with known.lock:
                return known.follow(descriptor)
        finally:
            os.close(descriptor)

    def near(self, path: Path, line: int) -> tuple[int, int]:
        """Return a line (from 0) at or before this one, and the offset at which it begins, of what `extent` read."""
        known = self._known(path)
        with known.lock:
            return known.near(line)

    def _known(self, path: Path) -> _File:
        with self._lock:
            known = self._files.setdefault(path, _File())
            self._files.move_to_end(path)
            while len(self._files) > MOST_FILES:
                self._files.popitem(last=False)
            return known
