"""automake's tests: what `make check` prints (parallel and serial harness), `test-suite.log`, and `.trs` files.

XFAIL is a Pass and XPASS a Fail, each with its word in the message; ERROR is a Fail. A test of a subdirectory has the
directory in its path, as far as make tells it. A summary that counts other than the log is a Warn at its line: tests
are missing. What `test-suite.log` repeats behind its tests' lines (`VERBOSE=1` prints it) says nothing new.
"""

import re
from collections.abc import Iterator

from attrs import define, field

from wsgi_app.indexer.formats.format import MAX_TEXT, Format, Found, Line, path, text
from wsgi_app.indexer.formats.picker import Picker
from wsgi_app.indexer.formats.prefix import COLOUR
from wsgi_app.model import ParsedResult
from wsgi_app.states import ResultValue

_WORDS = rb"X?PASS|X?FAIL|SKIP|ERROR"
_COLOUR = COLOUR + rb"{0,4}"
#: a test's status, coloured or not: word and name
STATUS = re.compile(_COLOUR + rb"(" + _WORDS + rb")" + _COLOUR + rb": (\S.*)$")
#: most lines are given up at their first byte
_INTERESTING = re.compile(
    rb"\n\r*+(?=[\x1bXPFSE#T=:A\dMm])"
    + _COLOUR
    + rb"(?:(?:"
    + _WORDS
    + rb")"
    + _COLOUR
    + rb"(?:: \S| \S{1,250} \(exit status: )|"
    rb"# TOTAL:|Testsuite summary for |={3}|:test-result: |(?:All )?\d{1,9} (?:of \d{1,9} )?tests? |"
    rb"Making check in |make(?:\[\d{1,3}\])?: (?:Enter|Leav)ing directory )"
)
_UNDERLINE = re.compile(rb"={3,}\s*$")
_EXIT = re.compile(rb"(?:" + _WORDS + rb") (\S+) \((exit status: \d+)\)\s*$")
_TRS = re.compile(rb":test-result: (" + _WORDS + rb")\b ?(.*)$")
_CHECK = re.compile(rb"Making check in (\S+)")
_ENTER = re.compile(rb"make(?:\[\d+\])?: (Enter|Leav)ing directory [`'](.+)'")
_SUMMARY = re.compile(_COLOUR + rb"Testsuite summary for ")
_TOTAL = re.compile(_COLOUR + rb"# TOTAL: +(\d{1,9})")
_BANNER = re.compile(rb"(?:All )?(\d{1,9}) (?:of (\d{1,9}) )?tests? (?:passed|failed|behaved|did not behave)")

_HEAD = re.compile(
    rb"(?m)^" + _COLOUR + rb"(?:Testsuite summary for \S|# TOTAL: +\d|make +check-TESTS\r?$|:test-result: )"
)
_HEAD_STATUS = re.compile(
    rb"(?m)^" + _COLOUR + rb"(?:X?PASS|X?FAIL|SKIP)" + _COLOUR + rb": [\w./+-]{1,250}(?: \d[^\n]{0,300}?)?\r?$"
)
#: without anything else, that many lines with a status are automake's
_CONVINCING = 3

_VALUES = {
    b"PASS": ResultValue.PASS,
    b"FAIL": ResultValue.FAIL,
    b"SKIP": ResultValue.SKIP,
    b"XFAIL": ResultValue.PASS,
    b"XPASS": ResultValue.FAIL,
    b"ERROR": ResultValue.FAIL,
}
_PLAIN = (b"PASS", b"FAIL", b"SKIP")
_MAX_DEPTH = 64


def judge(word: bytes, remark: str) -> tuple[ResultValue, str | None]:
    """Return result and message of a test with this status."""
    message = remark if word in _PLAIN else f"{word.decode()}: {remark}".rstrip(": ")
    return _VALUES[word], message[:MAX_TEXT] or None


@define
class Counts:
    """Compares what a summary counts with the tests that were seen since the one before."""

    _seen: int = 0
    _skipped: int = 0
    #: the parallel harness's summary has begun; in `test-suite.log` it has another head, and passes are not told
    _begun: bool = False

    def add(self, word: bytes) -> None:
        """Count a test with this status."""
        self._seen += 1
        self._skipped += word == b"SKIP"

    def check(self, number: int, line: bytes, place: str) -> Iterator[ParsedResult]:
        """Yield a Warn when the line is a summary that does not fit; the serial harness's leaves out skipped tests."""
        if _SUMMARY.match(line):
            self._begun = True
        elif self._begun and (match := _TOTAL.match(line)):
            yield from self._compare(number, int(match[1]), self._seen, place)
        elif banner := _BANNER.match(line):
            yield from self._compare(number, int(banner[2] or banner[1]), self._seen - self._skipped, place)

    def _compare(self, number: int, told: int, seen: int, place: str) -> Iterator[ParsedResult]:
        self._seen, self._skipped, self._begun = 0, 0, False
        if told != seen:
            message = f"the summary counts {told} tests, the log tells of {seen}"
            yield ParsedResult(place, ResultValue.WARN, number, message)


@define
class _Check:
    """Reads the output of `make check` line by line."""

    _counts: Counts = field(factory=Counts)
    #: a status whose next line may make it a heading of `test-suite.log`
    _status: tuple[int, bytes, bytes] | None = None
    #: such a heading's test, until its exit status comes
    _report: ParsedResult | None = None
    _told: set[str] = field(factory=set)
    #: the uppermost directory, and those that make has entered
    _top: str | None = None
    _entered: list[str] = field(factory=list)
    #: from `Making check in`
    _next: str = ""

    def feed(self, number: int, line: bytes) -> Iterator[ParsedResult]:
        """Take the line of this number; yield the results that are complete by it."""
        line = line.strip(b"\r")
        yield from self._release(heading=self._is_heading(number, line))
        if match := STATUS.match(line):
            self._status = (number, match[1], match[2].strip())
        elif match := _EXIT.match(line):
            yield from self._exit(text(match[2]))
        elif match := _TRS.match(line):
            name, remark = _described(match[2])
            value, message = judge(match[1], remark)
            yield ParsedResult(path(name), value, number, message)
        elif match := _CHECK.match(line):
            self._next = text(match[1])
        elif match := _ENTER.match(line):
            self._move(match[1] == b"Enter", text(match[2]))
        else:
            yield from self._counts.check(number, line, path(self._directory()))

    def finish(self) -> Iterator[ParsedResult]:
        """Yield what is known only at the end."""
        yield from self._release(heading=False)
        yield from self._exit("")

    def _is_heading(self, number: int, line: bytes) -> bool:
        """Whether the line underlines the status before it; a summary's bar has another length."""
        if self._status is None or self._status[0] != number - 1:
            return False
        _, word, rest = self._status
        return _UNDERLINE.match(line) is not None and len(line.rstrip()) == len(word) + len(b": ") + len(rest)

    def _release(self, *, heading: bool) -> Iterator[ParsedResult]:
        """Yield the result of the status before this line, or keep it when it is a heading."""
        if self._status is None:
            return
        (number, word, rest), self._status = self._status, None
        name, _, rest = rest.partition(b" ")
        point, remark = _described(rest)
        place = path(self._directory(), text(name), point)
        value, message = judge(word, remark)
        result = ParsedResult(place, value, number, message)
        if heading:
            yield from self._exit("")
            self._report = None if place in self._told else result
            return
        self._counts.add(word)
        # a log, and so its heading, is called like the test without its suffix
        self._told |= {place, place.rpartition(".")[0]}
        yield result

    def _exit(self, message: str) -> Iterator[ParsedResult]:
        """Yield the test of the heading before, now that its exit status is known, or will not come."""
        if self._report is not None:
            report, self._report = self._report, None
            yield ParsedResult(report.path, report.result, report.line, report.message or message or None)

    def _move(self, enter: bool, directory: str) -> None:
        """Follow make into a directory, or out of it."""
        if not enter:
            if self._entered:
                self._entered.pop()
            return
        if self._top is None:
            self._top = directory
            if self._next and self._next != "." and directory.endswith("/" + self._next):
                self._top = directory[: -len(self._next) - 1]
        if len(self._entered) < _MAX_DEPTH:
            self._entered.append(directory)
        self._next = ""

    def _directory(self) -> str:
        """Return the directory that make is in, below the uppermost one."""
        if not self._entered or self._top is None or not self._entered[-1].startswith(self._top + "/"):
            return ""
        return self._entered[-1][len(self._top) + 1 :]


def _described(data: bytes) -> tuple[str, str]:
    """Return what stands behind a test's name: a point of a test that prints TAP, and a remark."""
    if data.startswith(b"- "):
        return "", text(data[2:])
    point, _, remark = data.partition(b"# ")
    return text(point), text(remark)


def _detect(head: bytes, name: str) -> bool:
    return _HEAD.search(head) is not None or len(_HEAD_STATUS.findall(head)) >= _CONVINCING


def _parse(lines: Iterator[Line]) -> Iterator[Found]:
    check = _Check()
    for number, line in lines:
        yield from check.feed(number, line)
    yield from check.finish()


FORMAT = Format("automake", _detect, Picker(_INTERESTING), _parse)
