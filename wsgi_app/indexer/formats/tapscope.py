"""The documents and subtests of a TAP log that are open at a line: whose test it is, and whether each plan fits."""

from collections.abc import Iterable

from attrs import define, evolve, field

from wsgi_app.indexer.formats.format import path
from wsgi_app.model import ParsedResult
from wsgi_app.states import ResultValue

#: subtests deeper than this are read as if they were this deep
_MAX_DEPTH = 32
#: results that may wait for the name of their subtest; with more of them it stays without
_MAX_HELD = 10_000


@define
class Scope:
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
    #: whether its tests have numbers
    numbered: bool = False

    @property
    def left(self) -> int:
        """The column from which on a line may be part of it."""
        return self.comment if self.indent is None else self.indent

    def count(self, given: int) -> None:
        """Take a test with this number."""
        self.seen += 1
        self.highest = max(self.highest, given)

    def problem(self) -> tuple[int, str] | None:
        """Return line and words when the plan does not fit what came, or is missing where one must be."""
        if self.plan is None:
            return (self.version, "no plan came: the log may have been cut off") if self.version else None
        if self.seen != self.plan:
            return self.plan_line, f"planned {self.plan} tests, saw {self.seen}"
        if self.highest > self.plan:
            return self.plan_line, f"planned {self.plan} tests, saw test {self.highest}"
        return None


@define
class Scopes:
    """The open scopes, the log's own document first, and the results that are known for good."""

    found: list[ParsedResult] = field(factory=list)
    #: the document gave up: its plans say nothing any more
    bailed: bool = False
    _open: list[Scope] = field(factory=lambda: [Scope("", 0, 0)])
    #: how many results wait for a name
    _held: int = 0

    @property
    def document(self) -> Scope:
        """The outermost scope."""
        return self._open[0]

    @property
    def innermost(self) -> Scope:
        """The scope that was opened last."""
        return self._open[-1]

    def at(self, indent: int) -> Scope:
        """Return the innermost scope that a line of this indentation may be part of."""
        return next((scope for scope in reversed(self._open) if scope.left <= indent), self._open[0])

    def open(self, name: str, indent: int) -> None:
        """Begin a subtest; one that was named and never came makes room."""
        self.close(indent)
        scope = self._open[-1]
        if scope.indent is None and scope.comment >= indent:
            self._open.pop()
        if len(self._open) < _MAX_DEPTH:
            self._open.append(Scope(name, indent, None, self._open[-1].strict))

    def enter(self, indent: int) -> Scope:
        """Return the scope in which a test or plan of this indentation stands."""
        while (scope := self._open[-1]).indent is None:
            if indent > self._open[-2].left:
                scope.indent = indent
                return scope
            # the name's line was no subtest's: what follows stands no further right
            self._open.pop()
        if indent > scope.left and len(self._open) < _MAX_DEPTH:
            scope = Scope("", indent, indent, scope.strict, held=[])
            self._open.append(scope)
        return scope

    def close(self, indent: int) -> None:
        """End the subtests that stand right of the indentation; one whose name did not come stays without."""
        self.hand_out(self.leave(indent))

    def leave(self, indent: int) -> list[ParsedResult]:
        """End the subtests that stand right of the indentation; return what waits for the name of the last of them."""
        held: list[ParsedResult] = []
        while len(self._open) > 1 and self._open[-1].left > indent:
            self.hand_out(held)
            self._check(self._open[-1])
            held = self._open.pop().held or []
            self._held -= len(held)
        return held

    def forget_empty(self, name: str, indent: int) -> None:
        """End the subtest of this name in which nothing came, if that is the innermost one."""
        scope = self._open[-1]
        if scope.indent is None and indent <= scope.comment and name == scope.name:
            self._open.pop()

    def restart(self) -> Scope:
        """Begin another document: a log may have those of several programs."""
        self._check(self._open[0])
        self.bailed = False
        self._open = [Scope("", 0, 0)]
        return self._open[0]

    def finish(self) -> None:
        """End everything."""
        self.close(-1)
        self._check(self._open[0])

    def tell(self, result: ParsedResult) -> None:
        """Tell a result of the innermost scope; its path begins in that scope."""
        bare, names = None, [result.path]
        for scope in reversed(self._open):
            names.append(scope.name)
            if scope.held is not None:
                bare = scope.held
                break
        result = evolve(result, path=path(*reversed(names)))
        if bare is None:
            self.found.append(result)
            return
        bare.append(result)
        self._held += 1
        if self._held > _MAX_HELD:
            self._give_up()

    def hand_out(self, held: Iterable[ParsedResult], name: str = "") -> None:
        """Tell the results of a subtest that has ended, and has this name."""
        for result in held:
            self.tell(evolve(result, path=path(name, result.path)))

    def _check(self, scope: Scope) -> None:
        """Say it when the plan of the innermost scope does not fit what came."""
        if not self.bailed and (problem := scope.problem()):
            line, message = problem
            self.tell(ParsedResult("/", ResultValue.FAIL, line, message))

    def _give_up(self) -> None:
        """Wait for names no longer."""
        for depth, scope in enumerate(self._open):
            for result in scope.held or ():
                names = [outer.name for outer in self._open[:depth]]
                self.found.append(evolve(result, path=path(*names, result.path)))
            scope.held = None
        self._held = 0
