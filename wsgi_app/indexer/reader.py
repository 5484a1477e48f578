"""A log in pieces: whole lines, of which those that matter are picked, or blocks as they are. All lines are counted.

No line is looked at by Python unless its format's `interesting` expression has picked it; the expression is run over
blocks of whole lines. A line ends at a newline and nowhere else.
"""

import re
import struct
from collections.abc import Iterator

from attrs import define, field

from wsgi_app.indexer.formats.format import Format, Line
from wsgi_app.indexer.formats.picker import Picker
from wsgi_app.model import Mark

#: of a longer line only the beginning is looked at
MAX_LINE = 1 << 20
#: a parser gets at most that many bytes of a line: those around what is interesting
MAX_WINDOW = 8192
#: bytes between the lines whose offsets are kept
STRIDE = 1 << 16
#: that many NUL bytes in a row are a hole: a range beyond the end, or a lost one. Serial lines bring single ones
HOLE = 64
MAX_HOLES = 1000

_HOLE = re.compile(rb"\0{%d,}" % HOLE)
_NEXT = Picker(re.compile(rb"\n"))
_PAIR = struct.Struct(">QQ")


@define
class Reader:
    """Gives a log's content to a format, once, as lines or as blocks; at the end of either everything is counted."""

    _content: Iterator[bytes]
    #: how many lines may still be picked
    _allowed: int
    #: set when no further line is wanted
    enough: bool = False
    #: the first line that was not picked any more
    left_out: int = 0
    lines: int = 0
    #: packed big-endian unsigned 64-bit pairs: line, offset at which it begins
    offsets: bytearray = field(factory=bytearray)
    holes: list[Mark] = field(factory=list)
    #: what picks now
    _picker: Picker | None = None
    #: the one that picks behind a line that is continued
    _after: Picker | None = None
    #: where the next line begins
    _offset: int = 0
    #: from which offset on the next line's is kept
    _keep: int = 0
    #: NUL bytes in a row at the end of the block before
    _nuls: int = 0

    def blocks(self, *, holes: bool) -> Iterator[bytes]:
        """Yield the log's blocks as they come."""
        # a newline that nothing follows begins no line
        held = b"\n"
        for block in self._content:
            if holes:
                self._find_holes(block, self.lines + len(held))
            data = held + block
            held = b"\n" if data.endswith(b"\n") else b""
            end = len(data) - len(held)
            self._count(data, 0, end)
            self._offset += end
            yield block

    def picked(self, format_: Format) -> Iterator[Line]:
        """Yield the lines that are interesting to the format."""
        self._picker = format_.interesting
        carry, dropped = b"", 0
        for block in self._content:
            self._find_holes(block, self.lines + 1)
            begin = 0
            if len(carry) >= MAX_LINE:
                begin = block.find(b"\n") + 1
                if begin == 0:
                    dropped += len(block)
                    continue
                yield from self._lines(format_, b"\n" + carry, len(carry) + 1)
                self._offset += dropped + begin - 1
                carry, dropped = b"", 0
            data = b"\n" + carry + block[begin:]
            cut = data.rfind(b"\n")
            yield from self._lines(format_, data, cut)
            carry = data[cut + 1 :]
        if carry:
            yield from self._lines(format_, b"\n" + carry, len(carry) + 1)

    def _lines(self, format_: Format, data: bytes, end: int) -> Iterator[Line]:
        """Yield what is interesting before `end`. Before each line stands a newline, before the first one too."""
        counted = position = 0
        picker = picking = None
        while not self.enough and self._picker:
            if picking is None or picker is not self._picker:
                picker, picking = self._picker, self._picker.over(data, end)
            match = picking.next(position)
            if match is None:
                break
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
            self._choose(format_, line)
            yield self.lines, line
        self._count(data, counted, end)
        self._offset += end

    def _choose(self, format_: Format, line: bytes) -> None:
        """Choose what picks the next line."""
        if self._after is not None:
            self._picker, self._after = self._after, None
        if format_.trigger is not None and format_.trigger in line:
            self._picker = format_.more
        if format_.continued is not None and format_.continued.search(line):
            self._picker, self._after = _NEXT, self._picker

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

    def _find_holes(self, block: bytes, line: int) -> None:
        """Mark each run of NUL bytes once, where it is long enough; `line` is the one in which the block begins."""
        if b"\0" not in block:
            self._nuls = 0
            return
        before = self._nuls
        leading = len(block) - len(block.lstrip(b"\0"))
        if before < HOLE <= before + leading:
            self._hole(line)
        counted = 0
        for match in _HOLE.finditer(block, leading):
            if len(self.holes) >= MAX_HOLES:
                break
            line += block.count(b"\n", counted, match.start())
            counted = match.start()
            self._hole(line)
        trailing = len(block) - len(block.rstrip(b"\0"))
        self._nuls = trailing if trailing < len(block) else before + trailing

    def _hole(self, line: int) -> None:
        self.holes.append(Mark("hole", line, "NUL bytes where text should be"))
