"""JUnit XML, as pytest, Maven, Gradle, GoogleTest, CTest and many others write it.

Read with expat, as it comes: nothing is kept but the test case that is open. What is no XML but often in such reports
(control characters, bytes that are not in the report's encoding) is passed over; a document type, and with it entities,
is not. A report that breaks off, or is no XML from somewhere on, tells what was there and one Warn with the line.
"""

import codecs
import re
from collections.abc import Iterator
from xml.parsers import expat

from attrs import define

from wsgi_app.indexer.formats.format import MAX_TEXT, ByteFormat, Found, one_line, path
from wsgi_app.model import ParsedResult
from wsgi_app.states import ResultValue

_SUITES = ("testsuite", "testsuites")
#: what an element in a test case makes of it; the worst one counts. Flaky: it failed and then it passed (Surefire)
_OUTCOMES = {
    "failure": ResultValue.FAIL,
    "error": ResultValue.FAIL,
    "skipped": ResultValue.SKIP,
    "flakyFailure": ResultValue.WARN,
    "flakyError": ResultValue.WARN,
    "rerunFailure": ResultValue.WARN,
    "rerunError": ResultValue.WARN,
}
#: attributes by which GoogleTest and CTest say that a test case was not run
_NOT_RUN = (("status", "notrun"), ("status", "disabled"), ("result", "skipped"), ("result", "suppressed"))

#: how deep elements may nest, how many there may be, and how many names they and their attributes may have: expat
#: keeps them all
_DEEPEST = 100
_MOST_ELEMENTS = 2_000_000
_MOST_NAMES = 10_000
#: bytes of a tag or comment: expat reads one that is not complete again with every block
_LONGEST = 1 << 20

#: bytes in which the declaration of the encoding is looked for
_HEAD = 1024
_DECLARED = re.compile(rb"\s{0,64}<\?xml\s[^>]{0,200}?encoding\s{0,9}=\s{0,9}[\"']([A-Za-z][\w.-]{0,40})[\"']")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
#: encodings that a declaration may name; others are read as UTF-8, and what is not ASCII in them is lost
_ENCODING = re.compile(
    r"(?:us-?)?ascii|latin-?1|iso-?8859-\d{1,2}|(?:windows-|cp)\d{3,4}|koi8-[ru]|gb(?:k|2312|18030)|big5|shift_jis|"
    r"euc-(?:jp|kr)",
    re.IGNORECASE,
)
_DECLARATION = re.compile(r"\s*<\?xml\s[^>]*>")
#: control characters but tab and newline: XML has none, and a carriage return is no line's end to us
_CONTROLS = bytes(range(9)) + bytes(range(11, 32)) + b"\x7f"
_SPACES = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))
_NO_CHARACTERS = ("\ufffe".encode(), "\uffff".encode())
_ROOT = re.compile(r"(?>\s+|<\?.*?\?>|<!--.*?-->)*+<(?:!DOCTYPE\s+)?testsuites?[\s/>]", re.DOTALL)


class _UnreadableReport(Exception):
    """Why a report is not read any further."""


def _encoding(head: bytes) -> str:
    """Return the encoding of a report that begins so."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    declared = _DECLARED.match(head)
    if declared and _ENCODING.fullmatch(name := declared[1].decode("ascii")):
        try:
            return codecs.lookup(name).name
        except LookupError:
            pass
    return "utf-8"


def _clean(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the report in UTF-8, with the same lines, without its declaration and what XML cannot have."""
    head = b""
    for block in blocks:
        head += block
        if len(head) >= _HEAD:
            break
    decoder = codecs.getincrementaldecoder(_encoding(head))("replace")
    first = decoder.decode(head)
    if match := _DECLARATION.match(first):
        first = "\n" * match[0].count("\n") + first[match.end() :]
    yield _characters(first)
    for block in blocks:
        yield _characters(decoder.decode(block))
    yield _characters(decoder.decode(b"", True))


def _characters(text: str) -> bytes:
    data = text.encode("utf-8", "replace").translate(_SPACES)
    for character in _NO_CHARACTERS:
        data = data.replace(character, b"?")
    return data


@define
class _Case:
    """A test case that is being read, or a suite's own failure."""

    path: str
    line: int
    #: how many elements it stands in, itself too
    depth: int
    result: ResultValue = ResultValue.PASS
    message: str = ""


class _Report:
    """Makes results of expat's events."""

    def __init__(self) -> None:
        self.found: list[Found] = []
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.DefaultHandler = self._before_root
        self._fed = 0
        self._depth = self._elements = 0
        self._names: set[str] = set()
        self._suites: list[tuple[int, str]] = []
        self._case: _Case | None = None
        #: the depth of the element whose text has the message, 0: none; and that text's beginning
        self._said = 0
        self._words = ""

    def feed(self, data: bytes, *, last: bool = False) -> bool:
        """Take the next bytes; return whether more are wanted. What is found is added to `found`."""
        self._fed += len(data)
        try:
            self._parser.Parse(data, last)
        except _UnreadableReport as error:
            self._stop(f"the report is not read from here on: {error}")
        except expat.ExpatError as error:
            problem = expat.ErrorString(error.code)
            self._stop("the report breaks off here" if last else f"from here on the report is not XML: {problem}")
        else:
            if self._fed - self._parser.CurrentByteIndex <= _LONGEST or last:
                return True
            self._stop("the report is not read from here on: a tag or comment does not end")
        return False

    def _stop(self, why: str) -> None:
        """Tell what is known of the open test case, and that nothing more is read."""
        line = self._parser.CurrentLineNumber
        if line > 1 and self._parser.CurrentColumnNumber == 0 and self._parser.CurrentByteIndex == self._fed:
            # behind the last newline there is no line
            line -= 1
        if self._case is not None and self._case.result is ResultValue.FAIL:
            self._finish(self._case)
        self.found.append(ParsedResult("/", ResultValue.WARN, line, why))

    def _before_root(self, piece: str) -> None:
        if piece == "<!DOCTYPE":
            raise _UnreadableReport("a document type declaration (DOCTYPE) is not accepted")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        self._names.add(tag)
        self._names.update(attributes)
        if self._depth > _DEEPEST or self._elements > _MOST_ELEMENTS or len(self._names) > _MOST_NAMES:
            raise _UnreadableReport("too many elements, names, or elements in one another")
        self._parser.DefaultHandler = None
        outcome = _OUTCOMES.get(tag)
        if self._case is None:
            if tag in _SUITES:
                self._suites.append((self._depth, "" if tag == "testsuites" else attributes.get("name", "")))
            elif tag == "testcase":
                self._begin(attributes)
            elif outcome is ResultValue.FAIL:
                self._case = _Case(self._path(), self._parser.CurrentLineNumber, self._depth)
        if self._case is not None and outcome is not None and self._depth <= self._case.depth + 1:
            self._judge(self._case, outcome, attributes)

    def _begin(self, attributes: dict[str, str]) -> None:
        group = attributes.get("classname", "")
        if self._suites and self._suites[-1][1] == group:
            # Surefire calls its suites after their classes
            group = ""
        place = self._path(group, attributes.get("name", ""))
        self._case = _Case(place, self._parser.CurrentLineNumber, self._depth)
        if any(attributes.get(name) == value for name, value in _NOT_RUN):
            self._case.result = ResultValue.SKIP

    def _judge(self, case: _Case, outcome: ResultValue, attributes: dict[str, str]) -> None:
        if outcome.severity < case.result.severity and case.result is not ResultValue.PASS:
            return
        if outcome is case.result and case.message:
            return
        case.result = outcome
        case.message = one_line(attributes.get("message", "").lstrip().partition("\n")[0])
        if not case.message:
            case.message = one_line(attributes.get("type", ""))
            self._said, self._words = self._depth, ""
            self._parser.CharacterDataHandler = self._text

    def _text(self, piece: str) -> None:
        """Take text until its first line that says something is complete."""
        if "\n" not in self._words and len(self._words) <= 4 * MAX_TEXT:
            self._words = (self._words + piece).lstrip()

    def _end(self, tag: str) -> None:
        if self._said == self._depth and self._case is not None:
            self._said = 0
            self._parser.CharacterDataHandler = None
            self._case.message = one_line(self._words.partition("\n")[0]) or self._case.message
        if self._case is not None and self._case.depth == self._depth:
            self._finish(self._case)
        elif self._suites and self._suites[-1][0] == self._depth:
            self._suites.pop()
        self._depth -= 1

    def _finish(self, case: _Case) -> None:
        self.found.append(ParsedResult(case.path, case.result, case.line, case.message or None))
        self._case = None

    def _path(self, *names: str) -> str:
        return path(*(one_line(name).strip("/") for _, name in self._suites), *map(one_line, names))


def _parse(blocks: Iterator[bytes]) -> Iterator[Found]:
    report = _Report()
    for data in _clean(blocks):
        more = report.feed(data)
        yield from report.found
        report.found.clear()
        if not more:
            return
    report.feed(b"", last=True)
    yield from report.found


def _detect(head: bytes, name: str) -> bool:
    return _ROOT.match(codecs.decode(head, _encoding(head), "replace")) is not None


FORMAT = ByteFormat("junit", _detect, _parse, text=True)
