"""beakerlib: the journal as text, and what a test prints while it runs; in the layout of 1.20 and later and the older.

Assertions are results below their phase, and a phase's own result stands at its path. The test's result stands at `/`.
Old beakerlib prints its whole journal again at the end: what stands between `TEST PROTOCOL` and the test's result is
not taken when the assertions were seen before. A phase that was begun and has no result is a Warn.
"""

import re
from collections.abc import Iterator

from attrs import define

from wsgi_app.indexer.formats.format import Format, Found, Line, path, text
from wsgi_app.indexer.formats.picker import Picker
from wsgi_app.indexer.formats.prefix import COLOUR, uncoloured
from wsgi_app.model import ParsedResult
from wsgi_app.states import ResultValue

_WORDS = rb"PASS|FAIL|LOG|BEGIN|INFO|DEBUG|SKIP|WARN|WARNING|ERROR|FATAL"
#: begins at a line's beginning; colours may stand anywhere behind it
INTERESTING = rb"\n\r*+::"
_MESSAGE = re.compile(rb":: {1,4}(?:\[ {0,6}\d\d:\d\d:\d\d *\] :: )?\[ {0,6}(" + _WORDS + rb") *\] :: ?(.*)$")
_BAR = re.compile(rb":{22,}\s*$")
_HEADING = re.compile(rb"::   (\S.*)$")
_RESULT = re.compile(rb"(OVERALL )?RESULT: ([A-Z]{3,8}) \((.*)\)\s*$")
_OLD_RESULT = re.compile(rb"RESULT: (.*)$")
_NO_HEADING = re.compile(rb"(?:Duration|Assertions|Phases|Phases fingerprint|Asserts fingerprint|(?:OVERALL )?RESULT):")
_REMARKS = (b" (Expected ", b" (Assert: ")
_HEAD = re.compile(
    rb"(?m)^:: +(?:(?:\[ *\d\d:\d\d:\d\d *\] :: )?\["
    + COLOUR
    + rb"? {1,6}(?:"
    + _WORDS
    + rb") {1,6}"
    + COLOUR
    + rb"?\] :: "
    rb"|  (?:TEST PROTOCOL|(?:OVERALL )?RESULT: " + COLOUR + rb"?[A-Z]{3,8}" + COLOUR + rb"? \())"
)

_VALUES = {
    b"PASS": ResultValue.PASS,
    b"FAIL": ResultValue.FAIL,
    b"SKIP": ResultValue.SKIP,
    b"WARN": ResultValue.WARN,
    b"WARNING": ResultValue.WARN,
    b"ERROR": ResultValue.WARN,
    b"FATAL": ResultValue.FAIL,
}
_PROTOCOL = b"TEST PROTOCOL"
_TOTALS = b"Phases: "


@define
class Journal:
    """Reads a journal line by line."""

    _phase: str = ""
    #: where the phase was begun; 0: it has its result
    _phase_line: int = 0
    #: assertions since the phase was begun, and since the test was
    _asserted: int = 0
    _seen: int = 0
    #: the journal is being told again
    _again: bool = False
    #: the number of phases was told: what comes now is the test's result
    _totals: bool = False
    #: the line of the last bar, and a heading that may stand under it
    _bar: int = 0
    _heading: tuple[int, bytes] = (0, b"")

    def feed(self, number: int, line: bytes) -> Iterator[ParsedResult]:
        """Take the line of this number; yield the results that it tells."""
        line = line.strip(b"\r")
        if not line.startswith(b"::"):
            return
        line = uncoloured(line)
        if _BAR.match(line):
            if self._heading[0] == number - 1:
                yield from self._begin(*self._heading)
            self._bar = number
        elif match := _MESSAGE.match(line):
            yield from self._message(number, match[1], match[2].strip())
        elif match := _HEADING.match(line):
            yield from self._headed(number, match[1].strip())

    def finish(self) -> Iterator[ParsedResult]:
        """Yield what is known only at the end."""
        yield from self._unfinished()

    def _message(self, number: int, word: bytes, rest: bytes) -> Iterator[ParsedResult]:
        value = _VALUES.get(word)
        if value is None:
            if word == b"LOG" and self._bar == number - 1:
                self._heading = (number, rest)
            self._totals = self._totals or rest.startswith(_TOTALS)
        elif match := _OLD_RESULT.match(rest):
            yield from self._end(number, value, text(match[1]))
        elif not self._again:
            yield from self._assertion(number, value, rest)

    def _headed(self, number: int, rest: bytes) -> Iterator[ParsedResult]:
        if match := _RESULT.match(rest):
            self._totals = self._totals or match[1] is not None
            yield from self._end(number, _VALUES.get(match[2], ResultValue.WARN), text(match[3]))
        elif rest.startswith(_TOTALS):
            self._totals = True
        elif self._bar == number - 1 and not _NO_HEADING.match(rest):
            self._heading = (number, rest)

    def _begin(self, number: int, name: bytes) -> Iterator[ParsedResult]:
        """Begin the phase, or another part of the journal, that this heading names."""
        if self._again:
            self._phase = text(name)
            return
        yield from self._unfinished()
        self._phase, self._phase_line, self._asserted = text(name), number, 0
        if name == _PROTOCOL:
            self._again = self._seen > 0
            self._phase, self._phase_line = "", 0

    def _assertion(self, number: int, value: ResultValue, rest: bytes) -> Iterator[ParsedResult]:
        begin = max(rest.rfind(remark) for remark in _REMARKS) if rest.endswith(b")") else -1
        name, remark = (rest[:begin], text(rest[begin + 2 : -1])) if begin > 0 else (rest, "")
        self._seen += 1
        self._asserted += 1
        message = remark if value is not ResultValue.PASS else ""
        yield ParsedResult(path(self._phase, text(name)), value, number, message or None)

    def _end(self, number: int, value: ResultValue, name: str) -> Iterator[ParsedResult]:
        """Take the result of a phase, or of the test: that one stands behind the number of phases."""
        if self._totals or (name != self._phase and not self._phase_line):
            if not self._again:
                yield from self._unfinished()
            yield ParsedResult("/", value, number, name or None)
            self._phase, self._phase_line, self._asserted, self._seen = "", 0, 0, 0
            self._again = self._totals = False
        elif not self._again:
            self._seen += 1
            self._phase, self._phase_line, self._asserted = "", 0, 0
            yield ParsedResult(path(name), value, number)

    def _unfinished(self) -> Iterator[ParsedResult]:
        if self._phase_line and self._asserted:
            yield ParsedResult(path(self._phase), ResultValue.WARN, self._phase_line, "this phase has no result")
        self._phase_line = 0


def has_journal(head: bytes) -> bool:
    """Whether lines of beakerlib stand in it."""
    return _HEAD.search(head) is not None


def _parse(lines: Iterator[Line]) -> Iterator[Found]:
    journal = Journal()
    for number, line in lines:
        yield from journal.feed(number, line)
    yield from journal.finish()


FORMAT = Format("beakerlib", lambda head, name: has_journal(head), Picker(re.compile(INTERESTING)), _parse)
