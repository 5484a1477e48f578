"""One pass over a finished log: fingerprint, lines, holes, results and marks.

A gigabyte must not take much longer than `sha256sum` (design.md section 10): reader.py says how.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from attrs import frozen

from wsgi_app.errors import Unavailable
from wsgi_app.indexer import formats
from wsgi_app.indexer.formats.format import ByteFormat, Format, Found
from wsgi_app.indexer.reader import Reader
from wsgi_app.model import LogIndex, Mark, ParsedResult, Signal
from wsgi_app.states import ResultValue

BLOCK = 1 << 20
MAX_MARKS = 1000
#: what one log may have told to those who follow its job; the first ones count
MAX_SIGNALS = 1000
#: lines that a format may look at, per result that may be taken: bounds the time that a hostile log costs
LINES_PER_RESULT = 20


class LogChanging(Unavailable):
    """The log changed while it was read: try again."""

    code = "log.changing"


@frozen
class Stamp:
    """What a file looks like from outside: another stamp means another content."""

    inode: int
    size: int
    #: nanoseconds
    modified: int

    @classmethod
    def of(cls, status: os.stat_result) -> "Stamp":
        """Return the stamp in a stat result."""
        return cls(status.st_ino, status.st_size, status.st_mtime_ns)


def read(path: Path, name: str, max_results: int) -> LogIndex:
    """Read the log in `path`, which is called `name`, and return what it holds; at most `max_results` results.

    Raises `LogChanging` when it is written meanwhile, and OSError.
    """
    return read_stamped(path, name, max_results)[0]


def read_stamped(path: Path, name: str, max_results: int) -> tuple[LogIndex, Stamp]:
    """Do what `read` does, and say which state of the file was read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise IsADirectoryError(f"{path} is no file")
        stamp = Stamp.of(status)
        index = _read(file, stamp.size, name, max_results)
        if Stamp.of(os.fstat(descriptor)) != stamp or index.size != stamp.size:
            raise LogChanging(f"{name} changed while it was read")
        return index, stamp


def flush(path: Path, root: Path) -> None:
    """Bring the file, and its name in every directory up to `root`, to the disk. Raises OSError."""
    flush_file(path)
    flush_names([path], root)


def flush_names(paths: Iterable[Path], root: Path) -> None:
    """Bring the names of files in every directory up to `root` to the disk, each directory once. Raises OSError."""
    directories = {place for path in paths for place in path.parents if place.is_relative_to(root)}
    for place in sorted(directories, key=lambda place: len(place.parts), reverse=True):
        flush_file(place)


def flush_file(path: Path) -> None:
    """Bring one file, or a directory, to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(file: BinaryIO, size: int, name: str, max_results: int) -> LogIndex:
    head = os.pread(file.fileno(), 1 << 16, 0)
    format_ = formats.detect(head, name)
    with _Digest(threaded=size >= 4 * BLOCK) as digest:
        reader = Reader(_blocks(file, size, digest), max_results * LINES_PER_RESULT)
        results, marks, signals = _collect(reader, format_, max_results)
        return LogIndex(
            size=digest.size,
            sha256=digest.hex(),
            lines=reader.lines,
            offsets=bytes(reader.offsets),
            format=format_.name,
            results=tuple(results),
            marks=tuple(sorted([*marks, *reader.holes][:MAX_MARKS], key=lambda mark: mark.line)),
            signals=tuple(signals),
        )


def _collect(
    reader: Reader, format_: Format | ByteFormat, max_results: int
) -> tuple[list[ParsedResult], list[Mark], list[Signal]]:
    """Let the format read to the log's end, or until it has enough; read what is left without it."""
    results: list[ParsedResult] = []
    marks: list[Mark] = []
    signals: list[Signal] = []
    content, said = _parsed(reader, format_)
    for found in said:
        if isinstance(found, Mark):
            if len(marks) < MAX_MARKS:
                marks.append(found)
        elif isinstance(found, Signal):
            if len(signals) < MAX_SIGNALS:
                signals.append(found)
        elif len(results) < max_results:
            results.append(found)
        else:
            results.append(_too_many(found.line, f"more than {max_results} results: the rest was not taken"))
            break
    reader.enough = True
    for _ in content:
        pass
    if reader.left_out and len(results) <= max_results:
        results.append(_too_many(reader.left_out, "too many lines look like results: the rest was not read"))
    return results, marks, signals


def _parsed(reader: Reader, format_: Format | ByteFormat) -> tuple[Iterator[object], Iterator[Found]]:
    """Return the log's content in the pieces that its format wants, and what the format finds in them."""
    if isinstance(format_, ByteFormat):
        blocks = reader.blocks(holes=format_.text)
        return blocks, format_.parse(blocks)
    lines = reader.picked(format_)
    return lines, format_.parse(lines)


def _too_many(line: int, message: str) -> ParsedResult:
    return ParsedResult("/", ResultValue.WARN, line, message)


def _blocks(file: BinaryIO, size: int, digest: "_Digest") -> Iterator[bytes]:
    """Yield the file's first `size` bytes; what is appended meanwhile would never end."""
    left = size
    while left > 0 and (block := file.read(min(BLOCK, left))):
        digest.update(block)
        left -= len(block)
        yield block


class _Digest:
    """SHA-256 and size of what passes; of a large log in a thread of its own, beside the reading."""

    def __init__(self, *, threaded: bool) -> None:
        self.size = 0
        self._hash = hashlib.sha256()
        self._pool = ThreadPoolExecutor(1, "sha256") if threaded else None
        self._pending: list[Future[None]] = []

    def __enter__(self) -> "_Digest":
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def update(self, block: bytes) -> None:
        """Take the next block."""
        self.size += len(block)
        if self._pool is None:
            self._hash.update(block)
            return
        self._pending.append(self._pool.submit(self._hash.update, block))
        if len(self._pending) > 4:
            self._pending.pop(0).result()

    def hex(self) -> str:
        """Return the fingerprint of all blocks."""
        for pending in self._pending:
            pending.result()
        return self._hash.hexdigest()
