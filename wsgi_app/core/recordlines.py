"""Lines of a console log as records."""

import re
import struct
from bisect import bisect_right
from collections.abc import Iterator

from attrs import frozen

from wsgi_app.core.change import Ground
from wsgi_app.core.console import Segment, console_file
from wsgi_app.core.linefile import LONGEST_LINE, Line, read_lines
from wsgi_app.core.masking import Mask
from wsgi_app.core.record import CaseSaid, Level, Record
from wsgi_app.signals import lone_case
from wsgi_app.store import consoles

_PAIR = struct.Struct(">QQ")
#: what begins a command to the reader's terminal: ESC, and the C1 controls that do so alone (ECMA-48)
_STEERS = re.compile(rb"\x1b|\xc2[\x90\x98\x9b\x9d-\x9f]")
GONE = "this line is no longer on the disk"


def lines_of(ground: Ground, segment: Segment, mask: Mask, first: int, last: int) -> Iterator[Record]:
    """Yield the records of lines `first` (from 0) to before `last` of a task's console log. Raises OSError."""
    path = console_file(ground, segment.recipe, segment.task.id)
    if first == 0:
        near = (0, 0)
    elif segment.indexed:
        with ground.read() as tx:
            near = _near(consoles.load_offsets(tx, segment.recipe, segment.path), first)
    else:
        near = ground.checkpoints.near(path, first)
    maker = _Maker(segment, mask)
    number = segment.base + 1 + first
    for line in read_lines(path, first, last - first, near, longest=LONGEST_LINE + mask.longest):
        yield maker.record(number, line)
        number += 1
    # whoever took it away took it from all: numbers stay what they are
    for missing in range(number, segment.base + 1 + last):
        yield Record(missing, segment.began, Level.ERROR, GONE)


@frozen
class _Maker:
    segment: Segment
    mask: Mask

    def record(self, number: int, line: Line) -> Record:
        """Return the record of a line."""
        data = self.mask.line(_STEERS.sub(b"", line.data))
        case = lone_case(data)
        if case is not None:
            said = CaseSaid(self.segment.place, self.mask.text(self.segment.task.name), case)
            return Record(number, self.segment.began, Level.RESULT, None, said)
        if line.length > LONGEST_LINE:
            # what is cut off may be the end of a secret
            data = data[: len(data) - self.mask.longest]
            data += f" [... {line.length} bytes]".encode()
        return Record(number, self.segment.began, Level.OUTPUT, data.decode("utf-8", "replace").rstrip("\r"))


def _near(offsets: bytes, line: int) -> tuple[int, int]:
    """Return the last line (from 0) at or before this one of those that are stored, where they count from 1."""
    place = bisect_right(range(len(offsets) // _PAIR.size), line + 1, key=lambda one: _pair(offsets, one)[0]) - 1
    if place < 0:
        return 0, 0
    number, offset = _pair(offsets, place)
    return number - 1, offset


def _pair(offsets: bytes, place: int) -> tuple[int, int]:
    number, offset = _PAIR.unpack_from(offsets, place * _PAIR.size)
    return number, offset
