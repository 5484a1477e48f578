"""Logs: where they may be written, how the first chunk comes to be on disk, what is known of them.

Source: design.md sections 2 and 4. Chunks of a log that exists go through Apache and never come here, except in
embedded mode, where `put` takes them all with the same answers.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import frozen
from sqlalchemy import Connection

from wsgi_app.core import gate, lifecycle
from wsgi_app.core.access import Access
from wsgi_app.core.change import Change, Ground
from wsgi_app.core.logfile import Logfile
from wsgi_app.core.logname import parse_path
from wsgi_app.core.ports import Upload
from wsgi_app.errors import (
    BadRange,
    BeyondLimit,
    Denied,
    LengthMissing,
    LogClosed,
    LogIsDirectory,
    NoSuchLog,
    NoSuchRecipe,
    NoSuchResult,
    TooLarge,
    TooManyBytes,
    TooManyLogs,
)
from wsgi_app.model import Caller, Log, LogAddress, LogIndex, Recipe, Span
from wsgi_app.states import LogState, ResultValue
from wsgi_app.store import jobs, recipes, results


@frozen
class Unsettled:
    """What the indexer must know of a recipe that is not settled."""

    recipe: int
    #: whether all its logs are closed, for at least `quiet_seconds`
    closed: bool
    #: tasks whose logs are, likewise
    closed_tasks: frozenset[int]
    #: logs that were indexed, with the size that they had then
    indexed: Mapping[str, int]


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
        if self._ground.gate.holds(address.recipe, gate.FULL):
            # a flood of refusals does not queue up for the writer lock
            with self._ground.read() as tx:
                self._require_room(tx, address)
        self._register(address, file)
        file.create(upload, span)
        return True

    def file(self, caller: Caller, address: LogAddress) -> Path:
        """Return the path of a log's file, for reading. Raises `NoSuchLog`, and what protects private jobs."""
        with self._ground.read() as tx:
            self._readable(tx, caller, address.recipe)
            known = results.load_log(tx, address.recipe, address.path) is not None
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
            known = results.log_names(tx, recipe, owner.owner_path)
        there = {owner.owner_path + name for name in _files(self._path(owner))}
        # what Apache made alone is not registered yet: the newest
        return [path.removeprefix(owner.owner_path) for path in (*known, *sorted(there - set(known)))]

    def page(self, caller: Caller, recipe: int, *, after: str = "", limit: int = 100) -> list[Log]:
        """Return what is known of a recipe's logs in order of path, those behind `after`."""
        with self._ground.read() as tx:
            self._readable(tx, caller, recipe)
            return results.load_logs(tx, recipe, after=after, limit=limit)

    def grew(self, sizes: Mapping[tuple[int, str], int]) -> None:
        """Note how large logs are by now (recipe and path: bytes); register those that Apache made alone."""
        with self._ground.change() as change:
            numbers = recipes.existing(change.tx, {recipe for recipe, _ in sizes})
            known = results.log_sizes(change.tx, numbers)
            tasks = results.tasks_of(change.tx, numbers)
            grown: set[int] = set()
            for (recipe, path), size in sizes.items():
                if (recipe, path) in known:
                    # no event: growing is a state, and a large log grows a thousand times
                    if known[recipe, path][1] != size:
                        results.set_log_size(change.tx, recipe, path, size)
                        grown.add(recipe)
                elif size > 0 and recipe in numbers:
                    address = parse_path(recipe, path)
                    if address.task is None or tasks.get(address.task) == recipe:
                        self._insert(change, address, size)
                        grown.add(recipe)
            for number in grown:
                self._tell_full(change, number)

    def unsettled(self) -> list[Unsettled]:
        """Return for the indexer what is not settled, or was settled late with logs still to index."""
        with self._ground.read() as tx:
            quiet = self._ground.clock() - self._ground.config.quiet_seconds
            members = [*recipes.unsettled_recipes(tx), *recipes.late_recipes(tx)]
            indexed: dict[int, dict[str, int]] = {recipe.id: {} for recipe in members}
            for (recipe, path), (state, size) in results.log_sizes(tx, indexed).items():
                if state is not LogState.GROWING:
                    indexed[recipe][path] = size
        return [
            Unsettled(
                recipe.id,
                recipe.closes is not None and recipe.closes <= quiet,
                frozenset(task.id for task in recipe.tasks if task.closes is not None and task.closes <= quiet),
                indexed[recipe.id],
            )
            for recipe in members
        ]

    def indexed(self, recipe: int, path: str, index: LogIndex) -> bool:
        """Store what one pass over a finished log found, in place of what was known; False when nothing changed.

        Raises `NoSuchRecipe`, `NoSuchTask`, `NoSuchResult` for a file that no log of ours can be.
        """
        with self._ground.change() as change:
            found = lifecycle.recipe_of(change, recipe)
            address = parse_path(recipe, path)
            log = results.load_log(change.tx, recipe, path)
            if log is not None and log.sha256 == index.sha256 and log.state is not LogState.GROWING:
                return False
            if log is None:
                _require_owner(change.tx, found, address)
                self._insert(change, address, index.size)
            results.set_log_index(change.tx, recipe, path, index, LogState.FINISHED)
            new, gone = results.replace_parsed(change.tx, address, index.results, change.now)
            for result in new:
                change.result_event(found.job, result)
            # what is found after settling is listed, but the verdict that was told stands
            if (new or gone) and not found.settled:
                lifecycle.count_results(change, recipe)
            _tell(change, recipe, path, LogState.FINISHED, index.size)
            return True

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

    def _register(self, address: LogAddress, file: Logfile) -> None:
        """Let a log be: its row, and its directories. What is on disk is there before the row can be seen."""
        with self._ground.change() as change:
            recipe = recipes.load_recipe(change.tx, address.recipe)
            if recipe is None:
                raise NoSuchRecipe
            _require_owner(change.tx, recipe, address)
            refusal: Denied | None = None
            closes = [recipe.closes, *(task.closes for task in recipe.tasks if task.id == address.task)]
            if any(moment is not None and moment <= change.now for moment in closes):
                raise LogClosed
            if results.load_log(change.tx, recipe.id, address.path) is None:
                refusal = self._refusal(change.tx, address)
                if refusal is None:
                    file.make_directories()
                    self._insert(change, address, 0)
                else:
                    _warn(change, recipe, address.task, refusal)
            else:
                file.make_directories()
        if refusal is not None:
            # outside: the Warn is to stay
            raise refusal

    def _require_room(self, tx: Connection, address: LogAddress) -> None:
        refusal = self._refusal(tx, address)
        if refusal is not None and results.load_log(tx, address.recipe, address.path) is None:
            raise refusal

    def _refusal(self, tx: Connection, address: LogAddress) -> Denied | None:
        """Return why a recipe may have no more logs, or None; its own (of no task) do not count as logs."""
        config = self._ground.config
        if 0 < config.max_recipe_bytes <= results.sum_bytes(tx, address.recipe):
            return TooManyBytes()
        if address.task is not None and 0 < config.max_logs <= results.count_logs(tx, address.recipe):
            return TooManyLogs()
        return None

    def _tell_full(self, change: Change, number: int) -> None:
        """Say so, once, when a recipe has as many bytes of logs as it may."""
        if 0 < self._ground.config.max_recipe_bytes <= results.sum_bytes(change.tx, number):
            recipe = lifecycle.recipe_of(change, number)
            if not recipe.settled:
                _warn(change, recipe, None, TooManyBytes())

    def _insert(self, change: Change, address: LogAddress, size: int) -> None:
        results.insert_log(
            change.tx,
            address.recipe,
            address.path,
            task=address.task,
            result=address.result,
            size=size,
            now=change.now,
        )
        _tell(change, address.recipe, address.path, LogState.GROWING, size)

    def _readable(self, tx: Connection, caller: Caller, recipe: int) -> Recipe:
        found = recipes.load_recipe(tx, recipe)
        if found is None:
            raise NoSuchRecipe
        self._access.require_reader(tx, caller, jobs.load_job_row(tx, found.job), found.id)
        return found

    def _path(self, address: LogAddress) -> Path:
        return self._ground.config.logs / str(address.recipe) / address.path


def _warn(change: Change, recipe: Recipe, task: int | None, refusal: Denied) -> None:
    """Add the one Warn that says that a limit is reached, and show it at the gate."""
    if not results.has_message(change.tx, recipe.id, str(refusal)):
        change.gate(recipe.id, gate.FULL)
        lifecycle.add_result(change, recipe, task, path="/", result=ResultValue.WARN, message=str(refusal))


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


def _tell(change: Change, recipe: int, path: str, state: LogState, size: int) -> None:
    job = recipes.job_of(change.tx, recipe)
    change.event("log", job, job=job, recipe=recipe, path=path, state=state, size=size)
