"""What every verb works with: the store, the gate, the clock, the settings; and the shape of one change."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import chain
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from attrs import define, field, frozen
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from wsgi_app.clock import Clock, SteadyClock
from wsgi_app.config import Config
from wsgi_app.core import disk
from wsgi_app.core.checkpoints import Checkpoints
from wsgi_app.core.convoy import Convoy
from wsgi_app.core.gate import Gate
from wsgi_app.core.notifier import Notifier
from wsgi_app.errors import TackroomError
from wsgi_app.model import Recipe, Result, Task
from wsgi_app.states import LogState, RecipeStatus, ResultValue, SystemHealth, SystemState
from wsgi_app.store import events as store_events
from wsgi_app.store import times
from wsgi_app.store.db import Database, savepoint, writes

T = TypeVar("T")

#: seconds after which a transaction of many pieces takes no further one: others want to write, too
LONGEST_SECONDS = 0.1


_UNCHANGED: Mapping[str, Any] = MappingProxyType({})


@frozen
class Holding:
    """The recipe that a system holds, and whether a task of it has begun."""

    recipe: int
    begun: bool


@define
class Change:
    """One transaction: state rows, the events that tell of them, and what the gate shows when it is committed."""

    tx: Connection
    now: float
    #: what is told with the commit, and is written last
    events: list[dict[str, Any]] = field(factory=list)
    _gate: list[tuple[int, tuple[str, ...]]] = field(factory=list)
    _revoked: list[tuple[int, tuple[str, ...]]] = field(factory=list)
    _addresses_revoked: list[int] = field(factory=list)

    def event(self, topic: str, job: int | None, /, **data: Any) -> None:
        """Record a state change; it appears with the commit, or not at all."""
        self.events.append({"time": self.now, "topic": topic, "job": job, "data": data})

    def gate(self, recipe: int, *names: str) -> None:
        """Make these gate files right after the commit.

        Two processes may run theirs in any order, since what is added and what is revoked are never the same names (but
        for the seals of logs, which are the indexer's alone); an addition that was overtaken by its own revocation is
        mended by the timer (`GateImage.rebuild`).
        """
        self._gate.append((recipe, names))

    def job_event(self, job: int, status: RecipeStatus, result: ResultValue, *, settled: bool) -> None:
        """Record that a job changed."""
        self.event("job", job, id=job, status=status, result=result, settled=settled)

    def new_recipe_event(self, recipe: Recipe) -> None:
        """Record that a recipe was submitted."""
        self._recipe_event(recipe, None, {})

    def recipe_event(self, recipe: Recipe, **changed: Any) -> None:
        """Record that a recipe changed; `recipe` is as it was before, `changed` overrides what it says."""
        before = {"status": recipe.status, "result": recipe.result, "settled": recipe.settled}
        was = {name: value for name, value in before.items() if changed.get(name, value) != value}
        self._recipe_event(recipe, was, changed)

    def system_event(
        self,
        name: str,
        state: SystemState | None,
        health: SystemHealth | None,
        *,
        was: Mapping[str, Any] | None = _UNCHANGED,
        holds: Holding | None = None,
        **more: Any,
    ) -> None:
        """Record what a system does, and how it is now.

        `was`: which of `health`, `recipe` and `begun` have changed, as they were before; None: it is new. Where any
        has, `holds` says what recipe it holds.
        """
        if was:
            more["holds"] = None if holds is None else {"recipe": holds.recipe, "begun": holds.begun}
        said = None if was is None else dict(was)
        self.event("system", None, name=name, state=state, health=health, was=said, **more)

    def task_event(self, recipe: Recipe, task: Task, **changed: Any) -> None:
        """Record that a task changed; `changed` overrides what `task` says."""
        data = {"status": task.status, "result": task.result}
        data.update(changed)
        self.event("task", recipe.job, id=task.id, job=recipe.job, recipe=recipe.id, **data)

    def result_event(self, job: int, result: Result) -> None:
        """Record a new result."""
        self.event(
            "result",
            job,
            id=result.id,
            job=job,
            recipe=result.recipe,
            task=result.task,
            path=result.path,
            result=result.result,
        )

    def log_event(self, job: int, recipe: int, path: str, state: LogState, size: int) -> None:
        """Record that a log was registered or declared, or what was found when it was read."""
        self.event("log", job, job=job, recipe=recipe, path=path, state=state, size=size)

    def _recipe_event(self, recipe: Recipe, was: Mapping[str, Any] | None, changed: Mapping[str, Any]) -> None:
        data = {"status": recipe.status, "result": recipe.result, "settled": recipe.settled, "system": recipe.system}
        data.update(changed)
        self.event("recipe", recipe.job, id=recipe.id, job=recipe.job, recipe_set=recipe.recipe_set, was=was, **data)

    @contextmanager
    def part(self) -> Iterator[None]:
        """A part of the change: when it raises, nothing of it stays, and what was done before does.

        What contradicts what is stored is a `Conflict`.
        """
        lists: list[list[Any]] = [self.events, self._gate, self._revoked, self._addresses_revoked]
        before = [len(one) for one in lists]
        try:
            with savepoint(self.tx):
                yield
        except BaseException:
            for one, length in zip(lists, before, strict=True):
                del one[length:]
            raise

    def revoke(self, recipe: int, *names: str) -> None:
        """Remove these gate files right after the commit: a change that fails takes nobody's key away."""
        self._revoked.append((recipe, names))

    def revoke_addresses(self, recipe: int) -> None:
        """Let no address in any more, right after the commit, whatever addresses the recipe's system had."""
        self._addresses_revoked.append(recipe)

    def show(self, gate: Gate) -> None:
        """Make and remove the gate files; the first thing after the commit.

        A gate that cannot be written does not keep those behind it from being; the first error is raised at the end.
        """
        steps: list[Callable[[], None]] = [
            *(partial(gate.remove, recipe, names) for recipe, names in self._revoked),
            *(partial(gate.remove_addresses, recipe) for recipe in self._addresses_revoked),
            *(partial(gate.add, recipe, names) for recipe, names in self._gate),
        ]
        trouble: OSError | None = None
        for step in steps:
            try:
                step()
            except OSError as error:
                trouble = trouble or error
        if trouble is not None:
            raise trouble


@frozen
class _Piece:
    """A part of a transaction that others have a part in."""

    work: Callable[[Change], None]
    came: float = field(init=False, factory=time.monotonic)


class _RefusedLateError(Exception):
    """One piece had written something when it was refused, or hit a mistake of ours: nothing of any may stay."""


@frozen
class Ground:
    """What the nouns of core stand on."""

    config: Config
    db: Database
    gate: Gate
    clock: Clock
    notifier: Notifier
    #: where the lines of growing logs begin
    checkpoints: Checkpoints = field(factory=Checkpoints)
    _convoy: Convoy[_Piece, bool] = field(init=False, repr=False)

    @_convoy.default
    def _new_convoy(self) -> Convoy[_Piece, bool]:
        return Convoy(self._carry)

    @contextmanager
    def change(self, *, since: float | None = None, many: bool = False) -> Iterator[Change]:
        """One change: committed whole, or rolled back whole when the block raises.

        `since`: from when on it has waited for the database (monotonic); None: from now. `many`: it is that of many
        calls, which do not wait behind all who make one for themselves.
        """
        with disk.trouble("the disk"):
            with self.db.write(since, many=many) as tx:
                change = Change(tx, self.now(tx))
                yield change
                store_events.append(tx, change.events)
            if change.events:
                self.notifier.ring()
            change.show(self.gate)

    def together(self, work: Callable[[Change], T]) -> T:
        """Make one change of those that calls of this process want at the same time, and return what `work` does.

        It is committed, and its gate files are shown, when this returns; what `work` raises leaves nothing of it. In
        whichever thread it runs, and once more if one that it shares a transaction with is refused late: until the
        commit it does nothing that must not be done twice.
        """
        made: list[T] = []

        def run(change: Change) -> None:
            made[:] = [work(change)]

        piece = _Piece(run)
        if not self._convoy.ride(piece):
            with self.change(since=piece.came) as change:
                run(change)
        return made[0]

    def _carry(self, pieces: Iterator[_Piece]) -> list[bool | TackroomError]:
        """Run the pieces in one transaction, each of which is refused alone; False: it is to have one of its own."""
        made: list[tuple[Change, TackroomError | None]] = []
        try:
            self._run(pieces, made)
        except (_RefusedLateError, DBAPIError):
            return [False for _ in made]
        if any(change.events for change, _ in made):
            self.notifier.ring()
        return [refused or self._shown(change) for change, refused in made]

    def _run(self, pieces: Iterator[_Piece], made: list[tuple[Change, TackroomError | None]]) -> None:
        """Run pieces one after the other until none waits, or they have taken too long; note each with its refusal."""
        first = next(pieces)
        with disk.trouble("the disk"), self.db.write(first.came, many=True) as tx:
            now, began = self.now(tx), time.monotonic()
            for piece in chain([first], pieces):
                change = Change(tx, now)
                # before the attempt: it is one of those that were taken, whatever comes of it
                made.append((change, None))
                made[-1] = (change, _attempt(piece, change))
                if time.monotonic() - began > LONGEST_SECONDS:
                    break
            store_events.append(tx, [event for change, refused in made if refused is None for event in change.events])

    def _shown(self, change: Change) -> Literal[True] | TackroomError:
        """Show what a change does to the gate, or return why that cannot be: it is that caller's to come again."""
        try:
            change.show(self.gate)
        except OSError as error:
            return disk.typed(error, "the disk")
        return True

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One snapshot."""
        with self.db.read() as tx:
            yield tx

    def now(self, tx: Connection) -> float:
        """Return the time that fits what the transaction sees."""
        if isinstance(self.clock, SteadyClock):
            return self.clock.within(lambda: times.count(tx))
        return self.clock()

    def directories(self, recipe: Recipe, paths: Iterable[str]) -> None:
        """Make directories of a recipe's logs (paths below `/recipes/R/`)."""
        for path in paths:
            (self.config.logs / str(recipe.id) / path).mkdir(parents=True, exist_ok=True)


def _attempt(piece: _Piece, change: Change) -> TackroomError | None:
    """Run a piece; return why it is refused, if it is before anything was written. Else raise `_RefusedLateError`."""
    before = writes(change.tx)
    try:
        piece.work(change)
    except TackroomError as error:
        if writes(change.tx) == before:
            return error
        raise _RefusedLateError from error
    except DBAPIError:
        # a database that cannot be used cannot be used by any of them
        raise
    except Exception as error:
        # a mistake of ours: whose it is, is told in a transaction of its own
        raise _RefusedLateError from error
    return None
