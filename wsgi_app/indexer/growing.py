"""One log as it grows: what its signals tell is read as it comes. Whole lines only, and no byte more than twice.

A line counts once its end is there, so the next bytes are looked for an end first; where a line is longer than what
came at once, it is read once more then. What lies behind a hole waits for the pass over the finished log: a hole may
still be filled, and then all lines behind it have other numbers.
"""

import os
from collections.abc import Iterator

from attrs import define, field

from wsgi_app.indexer import formats
from wsgi_app.indexer.formats import console, lava
from wsgi_app.indexer.index import BLOCK, LINES_PER_RESULT, MAX_SIGNALS
from wsgi_app.indexer.reader import HOLE, Reader
from wsgi_app.model import ParsedResult, Signal

#: bytes from which a log's format is seen
HEAD = 1 << 16

_HOLE = b"\0" * HOLE
#: the formats in which signals count
_TELLING = (lava.FORMAT, console.FORMAT, console.FORMAT_WITH_TESTS)


@define
class Growing:
    """What was read of a growing log, and what it told that is not stored yet."""

    name: str
    #: the file that is read; another one is another log
    inode: int
    #: how far the file reached when it was read first: what it told by then is stored at once, in place of whatever was
    #: stored of it before
    goal: int
    max_results: int
    #: where the first line begins that was not read
    offset: int = 0
    #: up to where the file was looked at; between `offset` and there no line ends
    seen: int = 0
    #: lines that were read
    lines: int = 0
    #: what was found behind the stored result with the id `after`, and is not stored yet
    found: list[ParsedResult] = field(factory=list)
    after: int = 0
    #: what was found for those who follow the job, and is not told yet
    said: list[Signal] = field(factory=list)
    #: nothing more is taken before the log is finished
    enough: bool = False
    #: what is found may be stored: by an earlier process, or by an attempt whose outcome is not known
    doubtful: bool = True
    #: nothing was stored yet by whoever reads it
    _unstored: bool = True
    #: a hole begins at `seen`
    _hole: bool = False
    #: signals are looked for: the log's format is one in which they count
    _telling: bool = False
    _taken: int = 0
    _signalled: int = 0
    _looked_at: int = 0
    _signals: lava.Signals = field(factory=lava.Signals)

    def begins_anew(self, status: os.stat_result) -> bool:
        """Whether this is not the file that was read, or it was cut."""
        return status.st_ino != self.inode or status.st_size < self.seen

    def is_behind(self, size: int) -> bool:
        """Whether there is more to read in a file of this size, as far as is known."""
        return size > self.seen and not self.enough and not self._hole

    @property
    def due(self) -> bool:
        """Whether what was found may be stored, and that would change anything."""
        if self._unstored:
            return self.seen >= self.goal or self.enough or self._hole
        return bool(self.found or self.said)

    def store(self, last: int) -> None:
        """Take note that everything found is stored, the last of it with this id."""
        self.found.clear()
        self.said.clear()
        self.after, self.doubtful, self._unstored = last, False, False

    def read(self, descriptor: int, size: int) -> None:
        """Read the next bytes of a file that has this size: at most a block, and the line that ends in it."""
        if self.enough:
            return
        length = HOLE if self._hole else BLOCK
        block = os.pread(descriptor, min(length, size - self.seen), self.seen)
        hole = block.find(_HOLE)
        self._hole = hole >= 0
        if self._hole:
            block = block[:hole]
        end = block.rfind(b"\n") + 1
        if end:
            reader = Reader(self._lines(descriptor, block[:end]), self._allowed, lines=self.lines)
            self._take(descriptor, reader)
            self.lines, self.offset = reader.lines, self.seen + end
        self.seen += len(block)

    @property
    def _allowed(self) -> int:
        """How many further lines may be looked at: bounds the time that a hostile log costs, as at its end."""
        return self.max_results * LINES_PER_RESULT - self._looked_at

    def _lines(self, descriptor: int, block: bytes) -> Iterator[bytes]:
        """Yield whole lines: the beginning of the first one, which was seen before, and the block in which it ends."""
        for begin in range(self.offset, self.seen, BLOCK):
            yield os.pread(descriptor, min(BLOCK, self.seen - begin), begin)
        yield block

    def _take(self, descriptor: int, reader: Reader) -> None:
        """Take what the signals among the lines tell."""
        for number, line in reader.picked(lava.FORMAT):
            self._looked_at += 1
            if not self._tells(descriptor):
                continue
            for found in self._signals.feed(number, line):
                if isinstance(found, Signal):
                    self._signalled += 1
                    if self._signalled <= MAX_SIGNALS:
                        self.said.append(found)
                    continue
                if self._taken == self.max_results:
                    self.enough = reader.enough = True
                    break
                self._taken += 1
                self.found.append(found)
        self.enough = self.enough or reader.left_out > 0

    def _tells(self, descriptor: int) -> bool:
        """Whether signals count in this log; seen from its head when the first of them is there."""
        if not self._telling and not self.enough:
            head = os.pread(descriptor, HEAD, 0)
            self._telling = formats.detect(head, self.name) in _TELLING
            # one that is no signal's format by now will not be: its first bytes, or all that count, say so
            self.enough = not self._telling and (len(head) == HEAD or lava.has_signals(head))
        return self._telling
