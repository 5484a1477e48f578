"""TAP 13 and 14, and KTAP as kernels and kselftest print it.

`not ok ... # TODO` (and KTAP's XFAIL) is an expected failure and becomes None; `ok ... # TODO` is a Pass; SKIP is a
Skip whatever stands before it. `Bail out!` is a Fail: the test gave up, the system did not. A plan that does not fit
what came is a Fail at the plan's line, and a document of version 14 without one a Fail at its first line. Subtests are
read by indentation, or by kselftest's `# ` before each line. A subtest's name comes from `# Subtest:` (or
`# selftests:`) before it, or from the test point that ends it: until then its results are held back.
"""

import re
from collections.abc import Iterable, Iterator

from attrs import define, evolve, field

from wsgi_app.indexer.formats import tapline
from wsgi_app.indexer.formats.format import Format, Found, Line, path, text
from wsgi_app.indexer.formats.prefix import STAMPED, strip
from wsgi_app.model import ParsedResult
from wsgi_app.states import ResultValue

#: subtests deeper than this are read as if they were this deep
_MAX_DEPTH = 32
_MAX_COMMENTS = 5
#: results that may wait for the name of their subtest; with more of them it stays without
_MAX_HELD = 10_000

INTERESTING = tapline.INTERESTING

_HEAD = re.compile(rb"(?m)^(?:# )?[ \t]{0,128}(?:K?TAP version \d+|1\.\.\d{1,9}|(?:not )?ok 1\b(?: |$))")
_STRICT = b"pragma +strict"
#: in strict mode each line matters that is not empty
_ANY = rb"\n[^\n]"


@define
class _Scope:
    """A test document: the log's own, or a subtest's."""

    name: str
    #: where `# Subtest:` stood; the tests stand there or, `indent` once it is known, further right
    comment: int
    indent: int | None
    #: whether what is no TAP is a failure
    strict: bool = False
    #: of a subtest whose name is still to come: its results, with paths that begin in it
    held: list[ParsedResult] | None = None
    #: line of `TAP version 14`, by which a plan must come
    version: int = 0
    plan: int | None = None
    plan_line: int = 0
    seen: int = 0
    #: highest number of a test
    highest: int = 0

    @property
    def left(self) -> int:
        """The column from which on a line may be part of it."""
        return self.comment if self.indent is None else self.indent


@define
class Tap:
    """Reads TAP line by line. With `kernel`, comments belong to the result that follows, and tests have numbers."""

    kernel: bool = False
    _scopes: list[_Scope] = field(factory=lambda: [_Scope("", 0, 0)])
    #: what is known for good
    _ready: list[ParsedResult] = field(factory=list)
    _held: int = 0
    _bailed: bool = False
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
        ready, self._ready = self._ready, []
        return ready

    def finish(self) -> list[ParsedResult]:
        """Return what is known only at the end."""
        self._release()
        self._hand_out(self._close(-1))
        self._check(self._scopes[0])
        return self._ready

    def _take(self, number: int, indent: int, content: bytes) -> None:
        if not tapline.WORDS.match(content):
            self._strange(number, indent, content)
        elif content == b"---" and self._point is not None and indent > self._point:
            self._yaml = indent
        elif match := tapline.SUBTEST.match(content):
            self._open(tapline.plain(match[1]), indent)
        elif content.startswith(b"#"):
            self._comment(text(content[1:]))
        elif match := tapline.TEST.match(content):
            if match[2] or not self.kernel:
                self._test(number, indent, match)
        elif match := tapline.PLAN.match(content):
            self._planned(number, indent, match)
        elif match := tapline.VERSION.match(content):
            self._version(number, indent, match)
        elif match := tapline.BAIL.match(content):
            self._bail(number, content[match.end() :])
        elif match := tapline.PRAGMA.match(content):
            if match[2] == b"strict":
                self._enter(indent).strict = match[1] == b"+"
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

    def _release(self) -> None:
        """What was to be said about the last test has been said."""
        self._yaml = self._point = None
        if self._failed is not None:
            self._tell(self._failed)
            self._failed = None

    def _test(self, number: int, indent: int, match: re.Match[bytes]) -> None:
        self._release()
        name, value, message = tapline.judge(match[1] is None, match[3])
        held = self._close(indent)
        if self._scopes[-1].indent is None and indent <= self._scopes[-1].comment and name == self._scopes[-1].name:
            # a subtest in which nothing came
            self._scopes.pop()
        scope = self._enter(indent)
        given = int(match[2] or scope.seen + 1)
        if scope is self._scopes[0] and given == 1 and scope.plan == scope.seen:
            scope = self._restart()
        scope.seen += 1
        scope.highest = max(scope.highest, given)
        name = name or f"test {given}"
        self._hand_out(held, name)
        comments, self._comments = self._comments, []
        if value is ResultValue.FAIL and message is None and comments:
            message = text(" ".join(comments).encode())
        result = ParsedResult(path(name), value, number, message)
        self._point = indent
        if value is ResultValue.FAIL and message is None:
            self._failed = result
        else:
            self._tell(result)

    def _planned(self, number: int, indent: int, match: re.Match[bytes]) -> None:
        self._release()
        self._hand_out(self._close(indent))
        scope = self._enter(indent)
        if scope.plan is not None:
            if scope is not self._scopes[0]:
                return
            scope = self._restart()
        scope.plan, scope.plan_line = int(match[1]), number
        if scope.plan == 0:
            reason = tapline.plain(tapline.SKIPPED.sub(b"", match[2] or b"", count=1))
            self._tell(ParsedResult("/", ResultValue.SKIP, number, reason or None))

    def _version(self, number: int, indent: int, match: re.Match[bytes]) -> None:
        self._release()
        self._hand_out(self._close(indent))
        scope = self._scopes[-1]
        if scope.seen and scope.indent == indent:
            self._hand_out(self._close(indent - 1))
        self.kernel = self.kernel or match[1] == b"K"
        if indent == 0:
            if self._scopes[0].seen or self._scopes[0].plan is not None:
                self._restart()
            self._scopes[0].version = number if match[2] == b"14" and not self.kernel else 0

    def _bail(self, number: int, reason: bytes) -> None:
        self._release()
        if not self._bailed:
            # a subtest says it, and its parent once more
            self._tell(ParsedResult("/Bail out!", ResultValue.FAIL, number, tapline.plain(reason) or None))
        self._bailed = True

    def _strange(self, number: int, indent: int, content: bytes) -> None:
        """Take what is no TAP: in strict mode that is a failure, told once a document."""
        scope = next((scope for scope in reversed(self._scopes) if scope.left <= indent), self._scopes[0])
        if scope.strict and content:
            scope.strict = False
            self._tell(ParsedResult("/", ResultValue.FAIL, number, f"not TAP: {text(content)}"[:200]))

    def _open(self, name: str, indent: int) -> None:
        """Begin a subtest; one that was named and never came makes room."""
        self._release()
        self._hand_out(self._close(indent))
        self._comments = []
        scope = self._scopes[-1]
        if scope.indent is None and scope.comment >= indent:
            self._scopes.pop()
        if len(self._scopes) < _MAX_DEPTH:
            self._scopes.append(_Scope(name, indent, None, self._scopes[-1].strict))

    def _enter(self, indent: int) -> _Scope:
        """Return the scope in which a test or plan of this indentation stands."""
        while (scope := self._scopes[-1]).indent is None:
            if indent > self._scopes[-2].left:
                scope.indent = indent
                return scope
            # the name's line was no subtest's: what follows stands no further right
            self._scopes.pop()
        if indent > scope.left and len(self._scopes) < _MAX_DEPTH:
            scope = _Scope("", indent, indent, scope.strict, held=[])
            self._scopes.append(scope)
        return scope

    def _close(self, indent: int) -> list[ParsedResult]:
        """End the subtests that stand right of the indentation; return what waits for the name of the last of them."""
        held: list[ParsedResult] = []
        while len(self._scopes) > 1 and self._scopes[-1].left > indent:
            self._hand_out(held)
            self._check(self._scopes[-1])
            held = self._scopes.pop().held or []
            self._held -= len(held)
        return held

    def _restart(self) -> _Scope:
        """Begin another document: a log may have those of several programs."""
        self._check(self._scopes[0])
        self._bailed = False
        self._scopes = [_Scope("", 0, 0)]
        return self._scopes[0]

    def _check(self, scope: _Scope) -> None:
        """Say it when the plan of the innermost scope does not fit what came."""
        if self._bailed:
            return
        line, message = scope.plan_line, None
        if scope.plan is None:
            line, message = scope.version, "no plan came: the log may have been cut off" if scope.version else None
        elif scope.seen != scope.plan:
            message = f"planned {scope.plan} tests, saw {scope.seen}"
        elif scope.highest > scope.plan:
            message = f"planned {scope.plan} tests, saw test {scope.highest}"
        if message:
            self._tell(ParsedResult("/", ResultValue.FAIL, line, message))

    def _tell(self, result: ParsedResult) -> None:
        """Tell a result of the innermost scope; its path begins in that scope."""
        bare, names = None, [result.path[1:]]
        for scope in reversed(self._scopes):
            names.append(scope.name)
            if scope.held is not None:
                bare = scope.held
                break
        result = evolve(result, path=path(*reversed(names)))
        if bare is None:
            self._ready.append(result)
            return
        bare.append(result)
        self._held += 1
        if self._held > _MAX_HELD:
            self._give_up()

    def _hand_out(self, held: Iterable[ParsedResult], name: str = "") -> None:
        """Tell the results of a subtest that has ended, and has this name."""
        for result in held:
            self._tell(evolve(result, path=path(name, result.path[1:])))

    def _give_up(self) -> None:
        """Wait for names no longer."""
        for depth, scope in enumerate(self._scopes):
            for result in scope.held or ():
                names = [outer.name for outer in self._scopes[:depth]]
                self._ready.append(evolve(result, path=path(*names, result.path[1:])))
            scope.held = None
        self._held = 0


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
    "tap", _detect, re.compile(INTERESTING), _parse, _STRICT, re.compile(_ANY), re.compile(tapline.CONTINUED)
)
