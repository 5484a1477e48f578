"""xm-test: the outputs of one run. The raw log (serial or parallel automake), its extracts, the report and the XML.

All of them give a test the path `/group/NN_group_rest`, so they compare; the group comes from the line that begins it
and, where none does, from the test's name. The reason that a test prints becomes its result's message. A test that was
made ready and has no status is a Warn: the log was cut off. So is a summary that counts other than the log. Of a
report, which names failures only, the counts are one more result, `/summary`.
"""

import html
import re
from collections.abc import Iterator

from attrs import define, field

from wsgi_app.indexer.formats import automake
from wsgi_app.indexer.formats.format import Format, Found, Line, path, text
from wsgi_app.indexer.formats.picker import Picker
from wsgi_app.model import ParsedResult
from wsgi_app.states import ResultValue

#: a run's output is small: every line that is not empty is looked at
_INTERESTING = re.compile(rb"\n\r*+[ \t]{0,64}[^\s]")
_CASE = re.compile(rb"\*\*\* (?:case (\S+) from group |Running tests (?:for|\S.*? from) case (\S+))")
_CHECK = re.compile(rb"Making check in (?:\S*/)?(?!(?:tests|\.)\s*$)([^\s/]+)\s*$")
_READY = re.compile(rb"cp (\d{1,6}_[\w.+-]+)\.py \S+\.test\s*$")
_REASON = re.compile(rb"REASON: (.*)$")
_TEST = re.compile(rb"(\d{1,6}_\S+)\.test\s*$")
_GROUP = re.compile(r"\d+_([^_]+)_")
_SUMMARY = re.compile(rb"\s*Xm-test execution summary:")
_COUNT = re.compile(rb"\s*(X?PASS|X?FAIL):\s+(\d{1,9})\s*$")
_DETAIL = re.compile(rb"\s*(X?FAIL): (\d{1,6}_\S+)\s*$")
_TAG = re.compile(rb"<(/?(?:results|group|test|name|state))>([^<]{0,1000})")
_HEAD = re.compile(
    rb"(?m)^(?:\*\*\* (?:case \S+ from group \S|Running tests for case \S)|\s{0,8}Xm-test execution summary:|"
    rb"(?:X?PASS|X?FAIL|SKIP|ERROR): \d{2,3}_[\w.+-]+_(?:pos|neg)\.test\s*$)|"
    rb"<results>\s{0,64}<group>\s{0,64}<name>"
)
_MAX_READY = 10_000


@define
class _Report:
    """A report: where it begins, what it counts, and the failures that it names."""

    line: int
    counts: dict[bytes, int] = field(factory=dict)
    details: int = 0

    def finish(self) -> Iterator[ParsedResult]:
        """Yield what the counts say; those of FAIL and PASS take in XFAIL and XPASS."""
        fail, xfail, ok, xpass = (self.counts.get(word, 0) for word in (b"FAIL", b"XFAIL", b"PASS", b"XPASS"))
        message = f"{ok - xpass} PASS, {fail - xfail} FAIL, {xpass} XPASS, {xfail} XFAIL"
        value = ResultValue.FAIL if fail > xfail or xpass else ResultValue.PASS
        yield ParsedResult("/summary", value, self.line, message)
        if fail != self.details:
            message = f"the summary counts {fail} failures, expected ones among them; {self.details} are named"
            yield ParsedResult("/", ResultValue.WARN, self.line, message)


@define
class _Run:
    """Reads an output line by line."""

    _group: str = ""
    #: the last one before a test's status counts
    _reason: bytes = b""
    #: tests without status yet, and the lines at which they were made ready
    _ready: dict[bytes, int] = field(factory=dict)
    _counts: automake.Counts = field(factory=automake.Counts)
    _report: _Report | None = None
    #: a failure that the report names: its reason is the next line
    _detail: tuple[int, bytes, bytes] | None = None

    def feed(self, number: int, line: bytes) -> Iterator[ParsedResult]:
        """Take the line of this number; yield the results that are complete by it."""
        if match := _SUMMARY.match(line):
            yield from self._end_report()
            self._report = _Report(number)
        elif self._report is not None:
            yield from self._report_line(self._report, number, line)
        elif match := _CASE.match(line) or _CHECK.match(line):
            group = text(next(name for name in match.groups() if name))
            if group != self._group:
                yield from self._missing()
            self._group = group
        elif match := _READY.match(line):
            if len(self._ready) < _MAX_READY:
                self._ready[match[1]] = number
        elif match := _REASON.match(line):
            self._reason = match[1]
        elif (match := automake.STATUS.match(line)) and (test := _TEST.match(match[2])):
            self._ready.pop(test[1], None)
            self._counts.add(match[1])
            yield self._result(number, match[1], text(test[1]), text(self._reason))
            self._reason = b""
        else:
            yield from self._counts.check(number, line, path(self._group))

    def finish(self) -> Iterator[ParsedResult]:
        """Yield what is known only at the end."""
        yield from self._missing()
        yield from self._end_report()

    def _result(self, number: int, word: bytes, name: str, reason: str) -> ParsedResult:
        value, message = automake.judge(word, "" if reason == "Unknown reason" else reason)
        group = self._group
        if not group:
            match = _GROUP.match(name)
            group = match[1] if match else ""
        return ParsedResult(path(group, name), value, number, message)

    def _missing(self) -> Iterator[ParsedResult]:
        for name, number in self._ready.items():
            yield ParsedResult(path(self._group, text(name)), ResultValue.WARN, number, "no status came of this test")
        self._ready.clear()

    def _report_line(self, report: _Report, number: int, line: bytes) -> Iterator[ParsedResult]:
        detail = _DETAIL.match(line)
        if self._detail is not None:
            told = not detail and self._detail[0] == number - 1
            yield from self._end_detail(report, line if told else b"")
            if told:
                return
        if detail:
            self._detail = (number, detail[1], detail[2])
        elif match := _COUNT.match(line):
            report.counts.setdefault(match[1], int(match[2]))

    def _end_detail(self, report: _Report, reason: bytes) -> Iterator[ParsedResult]:
        if self._detail is not None:
            (number, word, name), self._detail = self._detail, None
            report.details += 1
            self._group = ""
            yield self._result(number, word, text(name), text(reason))

    def _end_report(self) -> Iterator[ParsedResult]:
        if self._report is not None:
            yield from self._end_detail(self._report, b"")
            yield from self._report.finish()


@define
class _Xml:
    """Reads the results in XML line by line; what a test has printed is escaped there, so a tag is a tag."""

    _group: str = ""
    #: the innermost of these elements: group, test, or neither
    _inside: str = ""
    _line: int = 0
    _name: str = ""
    _state: bytes = b""
    _reason: str = ""

    def feed(self, number: int, line: bytes) -> Iterator[ParsedResult]:
        """Take the line of this number; yield the results that are complete by it."""
        if match := _REASON.match(line):
            self._reason = text(html.unescape(text(match[1].partition(b"<")[0])).encode())
        for match in _TAG.finditer(line):
            tag, content = match[1], match[2].strip()
            if tag in (b"group", b"test", b"/group"):
                self._inside = tag.decode().strip("/") if tag != b"/group" else ""
                self._line, self._name, self._state, self._reason = number, "", b"", ""
            elif tag == b"name" and self._inside == "group":
                self._group = text(content)
            elif tag == b"name":
                self._name = text(content)
            elif tag == b"state":
                self._state = content
            elif tag == b"/test" and self._inside == "test":
                yield from self._end()

    def _end(self) -> Iterator[ParsedResult]:
        """Yield the test's result. Its name comes without its group."""
        self._inside = "between"
        number, _, rest = self._name.partition("_")
        status = automake.STATUS.match(self._state + b": x")
        if status and rest:
            value, message = automake.judge(status[1], self._reason)
            yield ParsedResult(path(self._group, f"{number}_{self._group}_{rest}"), value, self._line, message)


def _parse(lines: Iterator[Line]) -> Iterator[Found]:
    run, xml = _Run(), _Xml()
    is_xml = False
    for number, line in lines:
        line = line.strip(b"\r")
        is_xml = is_xml or line.startswith((b"<results>", b"<xml>"))
        yield from xml.feed(number, line) if is_xml else run.feed(number, line)
    yield from run.finish()


FORMAT = Format("xm-test", lambda head, name: _HEAD.search(head) is not None, Picker(_INTERESTING), _parse)
