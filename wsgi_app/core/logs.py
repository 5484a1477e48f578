"""Logs: where they may be written, how the first chunk comes to be on disk, what is known of them.

Source: design.md sections 2 and 4. Chunks of a log that exists go through Apache and never come here, except in
embedded mode, where `put` takes them all with the same answers.
"""

import contextlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from sqlalchemy import Connection

from wsgi_app.core import declared, gate, lifecycle, loglimits, unsettled
from wsgi_app.core.access import Access
from wsgi_app.core.change import Change, Ground
from wsgi_app.core.logfile import Logfile
from wsgi_app.core.logname import parse_path
from wsgi_app.core.ports import Upload
from wsgi_app.core.unsettled import Unsettled
from wsgi_app.errors import (
    BadRange,
    BeyondLimit,
    Invalid,
    LengthMissing,
    LogClosed,
    LogIsDirectory,
    NoSuchLog,
    NoSuchRecipe,
    NoSuchResult,
    TooLarge,
)
from wsgi_app.model import Caller, Declaration, Log, LogAddress, LogIndex, Recipe, Span
from wsgi_app.states import LogState
from wsgi_app.store import jobs, logs, recipes, results


class Logs:
    """What systems write."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access

    def put(self, caller: Caller, address: LogAddress, upload: Upload) -> bool:
        """Write a body to a log; True when that made the log.

        Raises `Unauthenticated`, `Denied`, `LogClosed`, `LengthMissing`, `TooLarge`, `BadRange`, `BeyondLimit`,
        `LogIsDirectory`, `TooManyLogs`, `TooManyBytes`, `TornUpload`, `Superseded`, in this order;
        and as making the log does, `NoSuchRecipe`, `NoSuchTask`, `NoSuchResult`.
        """
        self._ground.gate.require(caller, address.recipe)
        self._ground.gate.require_open(address)
        span = self._bounded(upload)
        file = Logfile(self._path(address))
        if file.is_directory():
            raise LogIsDirectory
        if file.exists():
            file.write(upload, span)
            return False
        self._register(address, file)
        file.create(upload, span)
        return True

    def file(self, caller: Caller, address: LogAddress) -> Path:
        """Return the path of a log's file, for reading. Raises `NoSuchLog`, and what protects private jobs."""
        with self._ground.read() as tx:
            self._readable(tx, caller, address.recipe)
            known = logs.load_log(tx, address.recipe, address.path) is not None
        path = self._path(address)
        try:
            size = path.stat().st_size if path.is_file() else None
        except OSError:
            size = None
        # an empty log that nobody wrote was only made in advance
        if size is None or (size == 0 and not known):
            raise NoSuchLog
        return path

    def names(self, caller: Caller, recipe: int, task: int | None, result: int | None) -> list[str]:
        """Return the names of the logs of a recipe, a task or a result (without those of what it has), oldest first."""
        owner = LogAddress(recipe, task, result, "")
        with self._ground.read() as tx:
            found = self._readable(tx, caller, recipe)
            _require_owner(tx, found, owner)
            known = logs.log_names(tx, recipe, owner.owner_path)
        there = {owner.owner_path + name for name in _files(self._path(owner))}
        # what Apache made alone is not registered yet: the newest
        return [path.removeprefix(owner.owner_path) for path in (*known, *sorted(there - set(known)))]

    def page(
        self, caller: Caller, recipe: int, *, states: Collection[LogState] = (), after: str = "", limit: int = 100
    ) -> list[Log]:
        """Return what is known of a recipe's logs in order of path, those behind `after`; in these states, if any."""
        with self._ground.read() as tx:
            self._readable(tx, caller, recipe)
            return logs.load_logs(tx, recipe, states=states, after=after, limit=limit)

    def declare(self, caller: Caller, address: LogAddress, read: Callable[[], Declaration]) -> tuple[Log, bool]:
        """Note what a log is going to be; return it as it is, and whether that registered it.

        What is the same as before is always taken. Raises `Unauthenticated`, `Denied`, what `read` raises, `Invalid`,
        `LogClosed` (also when the log is sealed), and as `put` does for a log that is not there yet.
        """
        self._ground.gate.require(caller, address.recipe)
        declaration = read()
        if declaration.size is not None and declaration.size > self._ground.config.max_log:
            raise Invalid(f"a log has at most {self._ground.config.max_log} bytes", field="size")
        with self._ground.read() as tx:
            log = logs.load_log(tx, address.recipe, address.path)
        if log is not None and log.declared == declaration:
            return log, False
        self._ground.gate.require_open(address)
        file = Logfile(self._path(address))
        if file.is_directory():
            raise LogIsDirectory
        return self._register(address, file, declaration)

    def grew(self, sizes: Mapping[tuple[int, str], int]) -> None:
        """Note how large logs are by now (recipe and path: bytes); register those that Apache made alone."""
        with self._ground.change() as change:
            numbers = recipes.existing(change.tx, {recipe for recipe, _ in sizes})
            known = {(log.recipe, log.path): log for log in logs.standings(change.tx, numbers)}
            tasks = logs.tasks_of(change.tx, numbers)
            grown: set[int] = set()
            for (recipe, path), size in sizes.items():
                log = known.get((recipe, path))
                if log is not None:
                    # no event: growing is a state, and a large log grows a thousand times
                    if log.size != size:
                        logs.set_log(change.tx, recipe, path, size=size)
                        grown.add(recipe)
                        if log.state is LogState.GROWING and log.declared is not None:
                            # what was found before is not what is there: if it was sealed, an upload was under way
                            logs.set_log(change.tx, recipe, path, sha256=None)
                            change.revoke(recipe, gate.sealed_name(parse_path(recipe, path)))
                elif size > 0 and recipe in numbers:
                    address = parse_path(recipe, path)
                    if address.task is None or tasks.get(address.task) == recipe:
                        self._insert(change, address, size)
                        grown.add(recipe)
            for number in grown:
                loglimits.tell_full(self._ground.config, change, number)

    def unsettled(self) -> list[Unsettled]:
        """Return for the indexer what is not settled, or was settled late with logs still to index."""
        with self._ground.read() as tx:
            return unsettled.load(tx, self._ground.clock() - self._ground.config.quiet_seconds)

    def known(self, recipe: int) -> tuple[bool, dict[str, Log]]:
        """Return, for the indexer, whether a recipe is settled, and its logs by path. Raises `NoSuchRecipe`."""
        with self._ground.read() as tx:
            found = recipes.load_recipe(tx, recipe)
            if found is None:
                raise NoSuchRecipe
            return found.settled, {log.path: log for log in logs.load_logs(tx, recipe)}

    def looked(self, recipe: int, path: str, size: int, sha256: str) -> bool:
        """Note what was found in a declared log while its owner runs; True when it is that, and sealed from now on.

        What was read may have changed before the seal took hold: read it once more, before `indexed` says it is
        finished.
        """
        with self._ground.change() as change:
            log = logs.load_log(change.tx, recipe, path)
            # it may have been forgotten, or finished, meanwhile
            if log is None or log.declared is None or log.state is not LogState.GROWING:
                return False
            address = parse_path(recipe, path)
            return declared.look(change, lifecycle.recipe_of(change, recipe), address, log, size, sha256)

    def indexed(self, recipe: int, path: str, index: LogIndex, *, anew: bool = False) -> bool:
        """Store what one pass over a log found, in place of what was known; False when nothing changed.

        The log is finished, or damaged when something else was declared; as long as its owner runs, it still may
        become that. What is found again is stored again only with `anew`, and when it differs. Raises `NoSuchRecipe`,
        `NoSuchTask`, `NoSuchResult` for a file that no log of ours can be.
        """
        with self._ground.change() as change:
            found = lifecycle.recipe_of(change, recipe)
            address = parse_path(recipe, path)
            log = logs.load_log(change.tx, recipe, path)
            state = declared.state_of(None if log is None else log.declared, index.size, index.sha256)
            if log is None:
                _require_owner(change.tx, found, address)
                self._insert(change, address, index.size)
            elif _known(change.tx, log, index, state, anew=anew):
                return False
            elif not (
                log.declared is None
                or declared.closed(found, log.task, change.now)
                or declared.look(change, found, address, log, index.size, index.sha256)
            ):
                return True
            self._store(change, found, address, index, state)
            return True

    def _store(self, change: Change, recipe: Recipe, address: LogAddress, index: LogIndex, state: LogState) -> None:
        logs.set_log_index(change.tx, recipe.id, address.path, index, state)
        declared.count_damaged(change, recipe)
        new, gone = results.replace_parsed(change.tx, address, index.results, change.now)
        for result in new:
            change.result_event(recipe.job, result)
        # what is found after settling is listed, but the verdict that was told stands
        if (new or gone) and not recipe.settled:
            lifecycle.count_results(change, recipe.id)
        change.log_event(recipe.job, recipe.id, address.path, state, index.size)

    def _bounded(self, upload: Upload) -> Span | None:
        config = self._ground.config
        if upload.length is None:
            raise LengthMissing
        if upload.length > config.max_body:
            raise TooLarge
        span = upload.span()
        if span is not None and span.last >= config.max_log:
            raise BeyondLimit
        if span is not None and span.length != upload.length:
            raise BadRange(f"the range has {span.length} bytes, the body {upload.length}")
        return span

    def _register(self, address: LogAddress, file: Logfile, declaration: Declaration | None = None) -> tuple[Log, bool]:
        """Let a log be: its row, and its directories. What is on disk is there before the row can be seen."""
        if self._ground.gate.holds(address.recipe, gate.FULL):
            # a flood of refusals does not queue up for the writer lock
            with self._ground.read() as tx:
                loglimits.require_room(self._ground.config, tx, address)
        with self._ground.change() as change:
            recipe = recipes.load_recipe(change.tx, address.recipe)
            if recipe is None:
                raise NoSuchRecipe
            _require_owner(change.tx, recipe, address)
            if declared.closed(recipe, address.task, change.now):
                raise LogClosed
            log = logs.load_log(change.tx, recipe.id, address.path)
            refusal = None if log is not None else loglimits.refusal(self._ground.config, change.tx, address)
            if refusal is not None:
                loglimits.warn(change, recipe, address.task, refusal)
            else:
                file.make_directories()
                if log is None:
                    self._insert(change, address, 0)
                now = logs.known_log(change.tx, recipe.id, address.path)
                if declaration is not None and declaration != now.declared:
                    declared.declare(change, recipe, now, declaration)
                    now = logs.known_log(change.tx, recipe.id, address.path)
        if refusal is not None:
            # outside: the Warn is to stay
            raise refusal
        return now, log is None

    def _insert(self, change: Change, address: LogAddress, size: int) -> None:
        logs.insert_log(
            change.tx,
            address.recipe,
            address.path,
            task=address.task,
            result=address.result,
            size=size,
            now=change.now,
        )
        job = recipes.job_of(change.tx, address.recipe)
        change.log_event(job, address.recipe, address.path, LogState.GROWING, size)

    def _readable(self, tx: Connection, caller: Caller, recipe: int) -> Recipe:
        found = recipes.load_recipe(tx, recipe)
        if found is None:
            raise NoSuchRecipe
        self._access.require_reader(tx, caller, jobs.load_job_row(tx, found.job), found.id)
        return found

    def _path(self, address: LogAddress) -> Path:
        return self._ground.config.logs / str(address.recipe) / address.path


def _known(tx: Connection, log: Log, index: LogIndex, state: LogState, *, anew: bool) -> bool:
    """Whether a log was indexed before, and nothing else was found."""
    if not anew:
        return log.sha256 == index.sha256 and log.state is state
    address = parse_path(log.recipe, log.path)
    return logs.holds_index(tx, log.recipe, log.path, index, state) and results.holds_parsed(tx, address, index.results)


def _require_owner(tx: Connection, recipe: Recipe, address: LogAddress) -> None:
    if address.task is not None:
        lifecycle.task_of(recipe, address.task)
    if address.result is not None and results.task_of(tx, address.result) != (recipe.id, address.task):
        raise NoSuchResult


def _files(root: Path) -> Iterator[str]:
    """Yield the non-empty files below a directory, without uploads that are under way."""
    for directory, _, names in os.walk(root):
        for name in names:
            path = Path(directory, name)
            # it may be gone by now: replaced, or compressed
            with contextlib.suppress(FileNotFoundError):
                if not name.startswith(".") and path.stat().st_size > 0:
                    yield str(path.relative_to(root))
