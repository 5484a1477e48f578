"""TAP 13 and 14, and KTAP as kernels and kselftest print it.

`not ok ... # TODO` (and KTAP's XFAIL) is an expected failure and becomes None; `ok ... # TODO` is a Pass; SKIP is a
Skip whatever stands before it. `Bail out!` is a Fail: the test gave up, the system did not. A plan that does not fit
what came is a Fail at the plan's line, and a document of version 14 without one a Fail at its first line. Subtests are
read by indentation, or by kselftest's `# ` before each line. A subtest's name comes from `# Subtest:` (or
`# selftests:`) before it, or from the test point that ends it: until then its results are held back.
"""

import re
from collections.abc import Iterator

from attrs import define, evolve, field

from wsgi_app.indexer.formats import tapline
from wsgi_app.indexer.formats.format import Format, Found, Line, path, text
from wsgi_app.indexer.formats.picker import Picker
from wsgi_app.indexer.formats.prefix import STAMPED, strip
from wsgi_app.indexer.formats.tapscope import Scopes
from wsgi_app.model import ParsedResult
from wsgi_app.states import ResultValue

_MAX_COMMENTS = 5

INTERESTING = tapline.INTERESTING

_HEAD = re.compile(
    rb"(?m)^(?:# )?[ \t]{0,128}(?:K?TAP version \d+|1\.\.\d{1,9}[ \t]{0,8}(?:#|\r?$)|(?:not )?ok 1\b(?:[ \r]|$))"
)
_STRICT = b"pragma +strict"
#: in strict mode each line matters that is not empty
_ANY = rb"\n[^\n]"


@define
class Tap:
    """Reads TAP line by line. With `kernel`, comments belong to the result that follows, and tests have numbers."""

    kernel: bool = False
    _scopes: Scopes = field(factory=Scopes)
    #: a failed test that may yet get a message
    _failed: ParsedResult | None = None
    _comments: list[str] = field(factory=list)
    #: the indentation of the test point that a YAML block may follow, and of the block that is being read
    _point: int | None = None
    _yaml: int | None = None
    #: the line that has the message because the one before said so
    _continued: int = 0

    def feed(self, number: int, line: bytes) -> list[ParsedResult]:
        """Take the line of this number, without prefix; return the results that are complete by it."""
        indent, content = tapline.indented(line)
        if not self._in_yaml(number, indent, content):
            self._take(number, indent, content)
        found, self._scopes.found = self._scopes.found, []
        return found

    def finish(self) -> list[ParsedResult]:
        """Return what is known only at the end."""
        self._release()
        self._scopes.finish()
        return self._scopes.found

    def _take(self, number: int, indent: int, content: bytes) -> None:
        if not tapline.WORDS.match(content):
            self._strange(number, indent, content)
        elif content == b"---" and self._point is not None and indent > self._point:
            self._yaml = indent
        elif match := tapline.SUBTEST.match(content):
            self._subtest(tapline.plain(match[1]), indent)
        elif content.startswith(b"#"):
            self._comment(text(content.lstrip(b"# ")))
        elif match := tapline.TEST.match(content):
            if self._is_test(indent, match):
                self._test(number, indent, match)
        elif match := tapline.PLAN.match(content):
            self._planned(number, indent, match)
        elif match := tapline.VERSION.match(content):
            self._version(number, indent, match)
        elif match := tapline.BAIL.match(content):
            self._bail(number, content[match.end() :])
        elif match := tapline.PRAGMA.match(content):
            if match[2] == b"strict":
                self._scopes.enter(indent).strict = match[1] == b"+"
        else:
            self._strange(number, indent, content)

    def _in_yaml(self, number: int, indent: int, content: bytes) -> bool:
        """Take a line of a YAML block; a line of TAP further left ends the block, closed or not."""
        if self._yaml is None:
            return False
        if number == self._continued and indent > self._yaml:
            self._explain(text(content))
            return True
        if indent < self._yaml and tapline.WORDS.match(content):
            self._yaml = None
            return False
        if content == b"...":
            self._yaml = None
        elif (message := tapline.message(content)) is not None:
            self._continued = 0 if message else number + 1
            self._explain(message)
        return True

    def _comment(self, comment: str) -> None:
        if self.kernel:
            self._comments = [*self._comments[-_MAX_COMMENTS + 1 :], comment] if comment else self._comments
        else:
            self._explain(comment)

    def _explain(self, message: str) -> None:
        """Give the failed test its message, unless it has one."""
        if message and self._failed is not None and self._failed.message is None:
            self._failed = evolve(self._failed, message=message)

    def _is_test(self, indent: int, match: re.Match[bytes]) -> bool:
        """Whether it is a test: KTAP's have numbers, and behind a program's last one `prove` says a bare `ok`."""
        if match[2]:
            return True
        document = self._scopes.document
        told = match[1] is None and not match[3] and indent == 0
        return not self.kernel and not (told and document.numbered and document.plan == document.seen)

    def _subtest(self, name: str, indent: int) -> None:
        self._release()
        self._comments = []
        # kselftests explain what comes, as kernels do
        self.kernel = self.kernel or name.startswith("selftests: ")
        self._scopes.open(name, indent)

    def _release(self) -> None:
        """What was to be said about the last test has been said."""
        self._yaml = self._point = None
        if self._failed is not None:
            self._scopes.tell(self._failed)
            self._failed = None

    def _test(self, number: int, indent: int, match: re.Match[bytes]) -> None:
        self._release()
        name, value, message = tapline.judge(match[1] is None, match[3])
        held = self._scopes.leave(indent)
        self._scopes.forget_empty(name, indent)
        scope = self._scopes.enter(indent)
        given = int(match[2] or scope.seen + 1)
        if scope is self._scopes.document and given == 1 and scope.plan == scope.seen:
            scope = self._scopes.restart()
        scope.count(given)
        scope.numbered = match[2] is not None
        name = name or f"test {given}"
        self._scopes.hand_out(held, name)
        comments, self._comments = self._comments, []
        if value is ResultValue.FAIL and message is None and comments:
            message = text(" ".join(comments).encode())
        result = ParsedResult(path(name), value, number, message)
        self._point = indent
        if value is ResultValue.FAIL and message is None:
            self._failed = result
        else:
            self._scopes.tell(result)

    def _planned(self, number: int, indent: int, match: re.Match[bytes]) -> None:
        self._release()
        self._scopes.close(indent)
        scope = self._scopes.enter(indent)
        if scope.plan is not None:
            if scope is not self._scopes.document:
                return
            scope = self._scopes.restart()
        scope.plan, scope.plan_line = int(match[1]), number
        if scope.plan == 0:
            reason = tapline.plain(tapline.SKIPPED.sub(b"", match[2] or b"", count=1))
            self._scopes.tell(ParsedResult("/", ResultValue.SKIP, number, reason or None))

    def _version(self, number: int, indent: int, match: re.Match[bytes]) -> None:
        self._release()
        self._scopes.close(indent)
        scope = self._scopes.innermost
        if scope.seen and scope.indent == indent:
            self._scopes.close(indent - 1)
        self.kernel = self.kernel or match[1] == b"K"
        if indent == 0:
            if self._scopes.document.seen or self._scopes.document.plan is not None:
                self._scopes.restart()
            self._scopes.document.version = number if match[2] == b"14" and not self.kernel else 0

    def _bail(self, number: int, reason: bytes) -> None:
        self._release()
        if not self._scopes.bailed:
            # a subtest says it, and its parent once more
            self._scopes.tell(ParsedResult("/Bail out!", ResultValue.FAIL, number, tapline.plain(reason) or None))
        self._scopes.bailed = True

    def _strange(self, number: int, indent: int, content: bytes) -> None:
        """Take what is no TAP: in strict mode that is a failure, told once a document."""
        scope = self._scopes.at(indent)
        if scope.strict and content:
            scope.strict = False
            self._scopes.tell(ParsedResult("/", ResultValue.FAIL, number, f"not TAP: {text(content)}"[:200]))


def _detect(head: bytes, name: str) -> bool:
    return has_tap(head) and len(STAMPED.findall(head)) < 3


def has_tap(head: bytes) -> bool:
    """Whether lines of TAP, not of a kernel's, stand in it."""
    return _HEAD.search(head) is not None


def _parse(lines: Iterator[Line]) -> Iterator[Found]:
    parser = Tap()
    for number, line in lines:
        yield from parser.feed(number, strip(line))
    yield from parser.finish()


FORMAT = Format(
    "tap",
    _detect,
    Picker(re.compile(INTERESTING)),
    _parse,
    _STRICT,
    Picker(re.compile(_ANY)),
    re.compile(tapline.CONTINUED),
)
