"""LAVA's signals: what a test definition says to its dispatcher over the console, wherever it stands in a line.

A run's and a set's name become part of the path. `unknown`, or a word that is none, is a Warn: it must not pass for a
Pass. A measurement that is a number is kept with its units; what is none is part of the message. A case that was
started and never ended nor judged, and a run without end, are Warns too: the log was cut off, or the system was. Of a
dispatcher's own log, which tells each signal twice, the signals count and not their echo. An event is no result: it is
for whoever follows the job.
"""

import re
from collections.abc import Iterator, Mapping

from attrs import define, field

from wsgi_app.indexer.formats.format import MAX_TEXT, Format, Found, Line, path, text
from wsgi_app.indexer.formats.picker import Picker
from wsgi_app.indexer.formats.sieve import Sieve
from wsgi_app.model import ParsedResult, Signal
from wsgi_app.signals import SIGNAL, measured, parameters
from wsgi_app.states import ResultValue

_ECHO = re.compile(rb"Received signal: <([A-Z]{3,32})> ?([^\n]{0,4000})")
_PICKER = Picker(
    re.compile(rb"<LAVA_SIGNAL_[A-Z]|Received signal: <[A-Z]"), Sieve.of(b"<LAVA_SIGNAL_", b"Received signal: <")
)
_HEAD = re.compile(rb"<LAVA_SIGNAL_[A-Z]{3,32}[ >]|Received signal: <[A-Z]{3,32}>")

#: as long as units may be, in characters
_MAX_UNITS = 255
_VALUES = {
    b"pass": ResultValue.PASS,
    b"fail": ResultValue.FAIL,
    b"skip": ResultValue.SKIP,
    b"unknown": ResultValue.WARN,
}
#: cases that may be open at a time; a log with more has lost its ends
_MAX_OPEN = 1000


@define
class Signals:
    """Reads signals line by line."""

    _run: str = ""
    _run_line: int = 0
    _set: str = ""
    #: cases that were started: the line, and the path that the case had then
    _open: dict[str, tuple[int, str]] = field(factory=dict)
    _direct: bool = False

    def feed(self, number: int, line: bytes) -> Iterator[ParsedResult | Signal]:
        """Take the line of this number; yield the results that it tells, and what followers are to know."""
        if b"SIGNAL_" in line:
            for match in SIGNAL.finditer(line):
                self._direct = True
                yield from self._signal(number, match[1], (match[2] or b"").strip())
        elif not self._direct and b"Received signal" in line and (echo := _ECHO.search(line)):
            yield from self._signal(number, echo[1], echo[2].strip(b" \t\"'}\r"))

    def finish(self) -> Iterator[ParsedResult]:
        """Yield what is known only at the end."""
        yield from self._end_run("the log ends within this run")

    def _signal(self, number: int, name: bytes, rest: bytes) -> Iterator[ParsedResult | Signal]:
        if b"$" in rest:
            return
        if name == b"STARTRUN":
            yield from self._end_run("another run began before the end of this one")
            self._run, self._run_line = _first(rest), number
        elif name == b"ENDRUN":
            self._run_line = 0
            yield from self._end_run("")
        elif name == b"TESTSET":
            word, _, argument = rest.partition(b" ")
            self._set = _first(argument) if word.upper() == b"START" else ""
        elif name == b"STARTTC" and len(self._open) < _MAX_OPEN:
            self._open[_first(rest)] = (number, self._path(_first(rest)))
        elif name == b"ENDTC":
            self._open.pop(_first(rest), None)
        elif name == b"TESTCASE":
            yield from self._case(number, parameters(rest))
        elif name == b"TESTREFERENCE":
            yield from self._case(number, _reference(rest))
        elif name == b"TESTRAISE":
            yield ParsedResult(self._path("lava-test-raise"), ResultValue.FAIL, number, text(rest) or None)
        elif name == b"TESTEVENT" and (told := text(rest)):
            yield Signal(number, told)

    def _case(self, number: int, said: Mapping[bytes, bytes]) -> Iterator[ParsedResult]:
        name = text(said.get(b"TEST_CASE_ID", b""))
        if not name:
            return
        self._open.pop(name, None)
        word = said.get(b"RESULT", b"")
        value = _VALUES.get(word.lower())
        measurement = measured(said.get(b"MEASUREMENT", b""))
        units = text(said.get(b"UNITS", b""))[:_MAX_UNITS] or None
        told = (b"REFERENCE",) if measurement is not None else (b"MEASUREMENT", b"UNITS", b"REFERENCE")
        message = text(b" ".join(said[key] for key in told if said.get(key)))
        if value is None:
            value, message = ResultValue.WARN, f"no result: {text(word) or 'nothing'} {message}".strip()[:MAX_TEXT]
        elif value is ResultValue.WARN:
            message = f"unknown {message}".strip()[:MAX_TEXT]
        kept = None if measurement is None else units
        yield ParsedResult(self._path(name), value, number, message or None, measurement=measurement, units=kept)

    def _end_run(self, reason: str) -> Iterator[ParsedResult]:
        """End the run, and what is open in it; `reason` says why it did not end by itself."""
        for number, place in self._open.values():
            yield ParsedResult(place, ResultValue.WARN, number, "started, and no result came")
        self._open.clear()
        if self._run_line:
            yield ParsedResult(path(self._run), ResultValue.WARN, self._run_line, reason)
        self._run, self._run_line, self._set = "", 0, ""

    def _path(self, name: str) -> str:
        return path(self._run, self._set, name)


def _first(data: bytes) -> str:
    """Return the first word."""
    return text(data.split(None, 1)[0]) if data.strip() else ""


def _reference(data: bytes) -> Mapping[bytes, bytes]:
    """Return what a reference says, which is three plain words, or (as dispatchers once wrote it) has keys."""
    said, plain = parameters(data), data.split()
    if b"TEST_CASE_ID" in said or len(plain) != 3:
        return said
    return dict(zip((b"TEST_CASE_ID", b"RESULT", b"REFERENCE"), plain, strict=True))


def has_signals(head: bytes) -> bool:
    """Whether signals stand in it."""
    return _HEAD.search(head) is not None


def _parse(lines: Iterator[Line]) -> Iterator[Found]:
    signals = Signals()
    for number, line in lines:
        yield from signals.feed(number, line)
    yield from signals.finish()


FORMAT = Format("lava", lambda head, name: has_signals(head), _PICKER, _parse)
