"""One pass over a finished log: fingerprint, lines, holes, results and marks.

A gigabyte must not take much longer than `sha256sum` (design.md section 10), so no line is looked at by Python unless
its format's `interesting` expression has picked it; the expression is run over blocks of whole lines. A line ends at a
newline and nowhere else.
"""

import hashlib
import os
import re
import stat
import struct
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from attrs import define, field, frozen

from wsgi_app.errors import Unavailable
from wsgi_app.indexer import formats
from wsgi_app.indexer.formats.format import Format, Line
from wsgi_app.model import LogIndex, Mark, ParsedResult
from wsgi_app.states import ResultValue

BLOCK = 1 << 20
#: of a longer line only the beginning is looked at
MAX_LINE = 1 << 20
#: a parser gets at most that many bytes of a line: those around what is interesting
MAX_WINDOW = 8192
#: bytes between the lines whose offsets are kept
STRIDE = 1 << 16
#: that many NUL bytes in a row are a hole: a range beyond the end, or a lost one. Serial lines bring single ones
HOLE = 64
MAX_MARKS = 1000
#: lines that a format may look at, per result that may be taken: bounds the time that a hostile log costs
LINES_PER_RESULT = 20

_HOLE = re.compile(rb"\0{%d,}" % HOLE)
_PAIR = struct.Struct(">QQ")


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
    for place in (path, *path.parents):
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if place == root:
            break


def _read(file: BinaryIO, size: int, name: str, max_results: int) -> LogIndex:
    head = os.pread(file.fileno(), 1 << 16, 0)
    format_ = formats.detect(head, name)
    with _Digest(threaded=size >= 4 * BLOCK) as digest:
        reader = _Reader(_blocks(file, size, digest), format_, max_results * LINES_PER_RESULT)
        results, marks = _collect(reader, format_, max_results)
        return LogIndex(
            size=digest.size,
            sha256=digest.hex(),
            lines=reader.lines,
            offsets=bytes(reader.offsets),
            format=format_.name,
            results=tuple(results),
            marks=tuple(sorted([*marks, *reader.holes][:MAX_MARKS], key=lambda mark: mark.line)),
        )


def _collect(reader: "_Reader", format_: Format, max_results: int) -> tuple[list[ParsedResult], list[Mark]]:
    """Let the format read to the log's end, or until it has enough; read what is left without it."""
    results: list[ParsedResult] = []
    marks: list[Mark] = []
    lines = reader.interesting()
    for found in format_.parse(lines):
        if isinstance(found, Mark):
            if len(marks) < MAX_MARKS:
                marks.append(found)
        elif len(results) < max_results:
            results.append(found)
        else:
            results.append(_too_many(found.line, f"more than {max_results} results: the rest was not taken"))
            break
    reader.enough = True
    for _ in lines:
        pass
    if reader.left_out and len(results) <= max_results:
        results.append(_too_many(reader.left_out, "too many lines look like results: the rest was not read"))
    return results, marks


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


@define
class _Reader:
    """Cuts blocks into whole lines, counts them, and picks those that are interesting."""

    _blocks: Iterator[bytes]
    _format: Format
    #: how many lines may still be picked
    _allowed: int
    #: set when no further line is wanted
    enough: bool = False
    #: the first line that was not picked any more
    left_out: int = 0
    lines: int = 0
    offsets: bytearray = field(factory=bytearray)
    holes: list[Mark] = field(factory=list)
    #: the expression that picks now
    _pattern: re.Pattern[bytes] | None = None
    #: where the next line begins
    _offset: int = 0
    #: from which offset on the next line's is kept
    _keep: int = 0
    #: NUL bytes in a row at the end of the block before
    _nuls: int = 0

    def interesting(self) -> Iterator[Line]:
        """Yield the interesting lines; at its end everything is counted."""
        self._pattern = self._format.interesting
        carry, dropped = b"", 0
        for block in self._blocks:
            if self._format.interesting is not None:
                self._find_holes(block)
            begin = 0
            if len(carry) >= MAX_LINE:
                begin = block.find(b"\n") + 1
                if begin == 0:
                    dropped += len(block)
                    continue
                yield from self._lines(b"\n" + carry, len(carry) + 1)
                self._offset += dropped + begin - 1
                carry, dropped = b"", 0
            data = b"\n" + carry + block[begin:]
            cut = data.rfind(b"\n")
            yield from self._lines(data, cut)
            carry = data[cut + 1 :]
        if carry:
            yield from self._lines(b"\n" + carry, len(carry) + 1)

    def _lines(self, data: bytes, end: int) -> Iterator[Line]:
        """Yield what is interesting before `end`. Before each line stands a newline, before the first one too."""
        counted = position = 0
        while not self.enough and self._pattern and (match := self._pattern.search(data, position, end)):
            start = data.rfind(b"\n", 0, match.end()) + 1
            position = data.find(b"\n", match.end(), end)
            position = end if position < 0 else position
            self._count(data, counted, start)
            counted = start
            if self._allowed == 0:
                self.left_out, self.enough = self.lines, True
                break
            self._allowed -= 1
            line = data[start:position]
            if len(line) > MAX_WINDOW:
                start = max(start, match.start() - MAX_WINDOW // 8)
                line = data[start : min(position, start + MAX_WINDOW)]
            if self._format.trigger is not None and self._format.trigger in line:
                self._pattern = self._format.more
            yield self.lines, line
        self._count(data, counted, end)
        self._offset += end

    def _count(self, data: bytes, begin: int, end: int) -> None:
        """Count the lines that begin there, and keep the offset of one now and then."""
        while (place := max(begin, self._keep - self._offset)) < end:
            newline = data.find(b"\n", place, end)
            if newline < 0:
                break
            self.lines += data.count(b"\n", begin, newline + 1)
            begin = newline + 1
            self.offsets += _PAIR.pack(self.lines, self._offset + newline)
            self._keep = self._offset + newline + STRIDE
        self.lines += data.count(b"\n", begin, end)

    def _find_holes(self, block: bytes) -> None:
        """Mark each run of NUL bytes once, where it begins; `lines` counts the newlines before this block."""
        if b"\0" not in block:
            self._nuls = 0
            return
        before = self._nuls
        leading = len(block) - len(block.lstrip(b"\0"))
        if before < HOLE <= before + leading:
            self._hole(self.lines + 1)
        line, counted = self.lines + 1, 0
        for match in _HOLE.finditer(block, leading):
            if len(self.holes) >= MAX_MARKS:
                break
            line += block.count(b"\n", counted, match.start())
            counted = match.start()
            self._hole(line)
        trailing = len(block) - len(block.rstrip(b"\0"))
        self._nuls = trailing if trailing < len(block) else before + trailing

    def _hole(self, line: int) -> None:
        self.holes.append(Mark("hole", line, "NUL bytes where text should be"))
