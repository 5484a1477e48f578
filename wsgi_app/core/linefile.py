"""Reading a log's file by lines, from any of them on, with memory for one line. A line ends at a newline only."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

#: of a longer line, so many bytes are read: a line is no file
LONGEST_LINE = 1 << 20
BLOCK = 1 << 18


class Line(NamedTuple):
    """A line without its newline: of a very long one the beginning, and how many bytes it has in all."""

    data: bytes
    length: int


def read_lines(path: Path, first: int, count: int, near: tuple[int, int], *, longest: int) -> Iterator[Line]:
    """Yield `count` lines from number `first` (from 0) on, fewer when the file has fewer.

    `near`: a line at or before the first, and the offset at which it begins. Raises OSError.
    """
    with _opened(path) as file:
        if file is None:
            return
        number, offset = near
        file.seek(_behind(file, offset, first - number))
        for _ in range(count):
            line = _next(file, longest)
            if line is None:
                return
            yield line


def read_blocks(path: Path, size: int) -> Iterator[bytes]:
    """Yield the first `size` bytes of a file, fewer when it has fewer. Raises OSError."""
    with _opened(path) as file:
        while file is not None and size > 0 and (block := file.read(min(BLOCK, size))):
            size -= len(block)
            yield block


def _behind(file: BinaryIO, offset: int, lines: int) -> int:
    """Return the offset behind so many lines from an offset on; that of the end when there are fewer."""
    file.seek(offset)
    while lines > 0 and (block := file.read(BLOCK)):
        newlines = block.count(b"\n")
        if newlines >= lines:
            return offset + len(block) - len(block.split(b"\n", lines)[-1])
        lines -= newlines
        offset += len(block)
    return offset


def _next(file: BinaryIO, longest: int) -> Line | None:
    """Read a line of which `longest` bytes are kept, None at the end of the file."""
    data = file.readline(longest + 1)
    if not data:
        return None
    if data.endswith(b"\n"):
        return Line(data[:-1], len(data) - 1)
    length = len(data)
    while rest := file.readline(BLOCK):
        if rest.endswith(b"\n"):
            length += len(rest) - 1
            break
        length += len(rest)
    return Line(data[:longest], length)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO | None]:
    """Open a regular file; None when there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        yield None
        return
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        yield None
        return
    with os.fdopen(descriptor, "rb", BLOCK) as file:
        yield file
