"""TAP 13 and 14, and KTAP as kernels and kselftest print it.

`not ok ... # TODO` (and KTAP's XFAIL) is an expected failure and becomes None; `ok ... # TODO` is a Pass; SKIP is a
Skip whatever stands before it. `Bail out!` is a Fail: the test gave up, the system did not. A plan that does not fit
what came is a Fail at the plan's line. Subtests are read by indentation, or by kselftest's `# ` before each line; a
subtest's name comes from `# Subtest:` (or `# selftests:`) before it. Without such a line its results stand where it
stands: the name that follows it would come too late.
"""

import re
from collections.abc import Iterator

from attrs import define, field

from wsgi_app.indexer.formats.format import MAX_TEXT, Format, Found, Line, text
from wsgi_app.indexer.formats.prefix import PREFIX, STAMPED, strip
from wsgi_app.model import ParsedResult
from wsgi_app.states import ResultValue

#: subtests deeper than this are read as if they were this deep
_MAX_DEPTH = 32
_MAX_COMMENTS = 5

_WORDS = rb"(?:(?:not )?ok\b|1\.\.\d|#|---|\.\.\.|message:|Bail out!|K?TAP version \d)"
INTERESTING = rb"\n\r{0,4}" + PREFIX + rb"[ \t]{0,128}" + _WORDS

_NESTED = re.compile(
    rb"((?:# ){1,32})(?=[ \t]{0,128}(?:(?:not )?ok \d|1\.\.\d|K?TAP version \d|# (?:Subtest|selftests): ))"
)
_VERSION = re.compile(rb"(K?)TAP version \d+")
_SUBTEST = re.compile(rb"# (?:Subtest: +|(?=selftests: ))(.+)")
_PLAN = re.compile(rb"1\.\.(\d{1,9})\s*(?:#\s*(.*))?$")
_TEST = re.compile(rb"(not )?ok\b(?: +(\d{1,9})\b)?(?: +-(?= |$))?(?: +|$)(.*)$")
_DIRECTIVE = re.compile(rb"(?:^|[^\\])#\s*(SKIP|TODO|XFAIL)\w*:?\s*(.*)$", re.IGNORECASE)
_REMARK = re.compile(rb"(?:^| )# (.*)$")
_MESSAGE = re.compile(rb"message: *[\"']?(.*?)[\"']?\s*$")
_ESCAPED = re.compile(rb"\\([#\\])")
_HEAD = re.compile(rb"(?m)^(?:# )?[ \t]{0,128}(?:K?TAP version \d+|1\.\.\d{1,9}|(?:not )?ok 1\b(?: |$))")


@define
class _Scope:
    """A test document: the log's own, or a subtest's."""

    name: str
    #: where `# Subtest:` stood; the tests stand there or, `indent` once it is known, further right
    comment: int
    indent: int | None
    plan: int | None = None
    plan_line: int = 0
    seen: int = 0
    bailed: bool = False


@define
class Tap:
    """Reads TAP line by line. With `kernel`, comments belong to the result that follows, and tests have numbers."""

    kernel: bool = False
    _scopes: list[_Scope] = field(factory=lambda: [_Scope("", 0, None)])
    #: a failed test that may yet get a message
    _failed: ParsedResult | None = None
    _comments: list[str] = field(factory=list)
    #: the indentation of the YAML block that is being read
    _yaml: int | None = None

    def feed(self, number: int, line: bytes) -> Iterator[ParsedResult]:
        """Take the line of this number, without prefix; yield the results that are complete by it."""
        indent, content = _indented(line)
        if self._in_yaml(indent, content):
            return
        if content.startswith(b"#") and not _SUBTEST.match(content):
            self._comment(text(content[1:]))
        elif content == b"---" and self._failed is not None:
            self._yaml = indent
        elif match := _TEST.match(content):
            if match[2] or not self.kernel:
                yield from self._test(number, indent, match)
        elif match := _PLAN.match(content):
            yield from self._planned(number, indent, match)
        else:
            yield from self._other(number, indent, content)

    def finish(self) -> Iterator[ParsedResult]:
        """Yield what is known only at the end."""
        yield from self._release()
        yield from self._close(-1)

    def _in_yaml(self, indent: int, content: bytes) -> bool:
        """Take a line of a YAML block; a line further left ends the block, closed or not."""
        if self._yaml is None:
            return False
        if indent < self._yaml:
            self._yaml = None
            return False
        if content == b"...":
            self._yaml = None
        elif (match := _MESSAGE.match(content)) and match[1] not in (b"", b"|", b">", b"|-", b">-"):
            self._explain(text(match[1]))
        return True

    def _comment(self, comment: str) -> None:
        if self.kernel:
            self._comments = [*self._comments[-_MAX_COMMENTS + 1 :], comment] if comment else self._comments
        elif comment:
            self._explain(comment)

    def _explain(self, message: str) -> None:
        """Give the failed test its message, unless it has one."""
        if self._failed is not None and self._failed.message is None:
            failed = self._failed
            self._failed = ParsedResult(failed.path, failed.result, failed.line, message[:MAX_TEXT])

    def _release(self) -> Iterator[ParsedResult]:
        self._yaml = None
        if self._failed is not None:
            yield self._failed
            self._failed = None

    def _test(self, number: int, indent: int, match: re.Match[bytes]) -> Iterator[ParsedResult]:
        yield from self._release()
        yield from self._close(indent)
        scope = self._enter(indent)
        scope.seen += 1
        name, value, message = _judge(match[1] is None, match[3])
        comments, self._comments = self._comments, []
        if value is ResultValue.FAIL and message is None and comments:
            message = " ".join(comments)[:MAX_TEXT]
        result = ParsedResult(self._path(name or f"test {int(match[2] or scope.seen)}"), value, number, message)
        if value is ResultValue.FAIL and message is None:
            self._failed = result
        else:
            yield result

    def _planned(self, number: int, indent: int, match: re.Match[bytes]) -> Iterator[ParsedResult]:
        yield from self._release()
        yield from self._close(indent)
        scope = self._enter(indent)
        if scope.plan is not None:
            return
        scope.plan, scope.plan_line = int(match[1]), number
        if scope.plan == 0:
            reason = match[2] or b""
            reason = re.sub(rb"(?i)^skip\w*:?\s*", b"", reason)
            yield ParsedResult(self._path(""), ResultValue.SKIP, number, text(reason) or None)

    def _other(self, number: int, indent: int, content: bytes) -> Iterator[ParsedResult]:
        if match := _VERSION.match(content):
            yield from self._release()
            yield from self._close(indent, new=True)
            self.kernel = self.kernel or match[1] == b"K"
        elif match := _SUBTEST.match(content):
            yield from self._release()
            yield from self._close(indent)
            self._comments = []
            self._open(text(match[1]), indent)
        elif content.startswith(b"Bail out!"):
            yield from self._release()
            for scope in self._scopes:
                scope.bailed = True
            reason = text(content[9:])
            yield ParsedResult(self._path("Bail out!"), ResultValue.FAIL, number, reason or None)

    def _open(self, name: str, indent: int) -> None:
        """Begin a subtest; one that was named and never came makes room."""
        if self._scopes[-1].indent is None and len(self._scopes) > 1:
            self._scopes.pop()
        if len(self._scopes) < _MAX_DEPTH:
            self._scopes.append(_Scope(name, indent, None))

    def _enter(self, indent: int) -> _Scope:
        """Return the scope in which a test or plan of this indentation stands."""
        scope = self._scopes[-1]
        if scope.indent is None:
            enclosing = self._scopes[-2].indent if len(self._scopes) > 1 else None
            if len(self._scopes) > 1 and indent <= (0 if enclosing is None else enclosing):
                # the name's line was no subtest's: what follows stands no further right
                self._scopes.pop()
                return self._enter(indent)
            scope.indent = indent
        elif indent > scope.indent and len(self._scopes) < _MAX_DEPTH:
            scope = _Scope("", indent, indent)
            self._scopes.append(scope)
        return scope

    def _close(self, indent: int, *, new: bool = False) -> Iterator[ParsedResult]:
        """End the scopes that stand right of the indentation; with `new`, the one that stands there too."""
        while (scope := self._scopes[-1]).indent is not None and (
            scope.indent > indent or (new and scope.indent == indent and scope.seen > 0)
        ):
            if scope.plan and scope.seen != scope.plan and not scope.bailed:
                message = f"planned {scope.plan} tests, saw {scope.seen}"
                yield ParsedResult(self._path(""), ResultValue.FAIL, scope.plan_line, message)
            if len(self._scopes) == 1:
                self._scopes[0] = _Scope("", 0, None)
                return
            self._scopes.pop()

    def _path(self, name: str) -> str:
        names = [scope.name for scope in self._scopes if scope.name]
        return ("/" + "/".join([*names, name] if name else names))[:MAX_TEXT]


def _indented(line: bytes) -> tuple[int, bytes]:
    """Return the line's indentation and the rest; kselftest's `# ` before a nested line counts as two columns."""
    line = line.replace(b"\t", b"    ", 128).strip(b"\r")
    content = line.lstrip(b" ")
    indent = len(line) - len(content)
    if match := _NESTED.match(content):
        content = content[match.end() :]
        inner = content.lstrip(b" ")
        indent += match.end() + len(content) - len(inner)
        content = inner
    return indent, content.rstrip()


def _judge(passed: bool, rest: bytes) -> tuple[str, ResultValue, str | None]:
    """Return name, result and message of a test line, from what follows its number."""
    if match := _DIRECTIVE.search(rest):
        name = rest[: rest.index(b"#", match.start())]
        word = match[1].upper()
        reason = text(match[2]) or None
        if word == b"SKIP":
            return _name(name), ResultValue.SKIP, reason
        return (
            _name(name),
            ResultValue.PASS if passed else ResultValue.NONE,
            f"{word.decode()}: {reason or ''}".rstrip(": "),
        )
    message = None
    if match := _REMARK.search(rest):
        message = text(match[1]) or None
        rest = rest[: match.start()]
    return _name(rest), ResultValue.PASS if passed else ResultValue.FAIL, message


def _name(data: bytes) -> str:
    return text(_ESCAPED.sub(rb"\1", data))


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


FORMAT = Format("tap", _detect, re.compile(INTERESTING), _parse)
