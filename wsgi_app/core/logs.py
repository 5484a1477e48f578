"""Logs: where they may be written, how the first chunk comes to be on disk, what is known of them.

Source: design.md sections 2 and 4. Chunks of a log that exists go through Apache and never come here, except in
embedded mode, where `put` takes them all with the same answers.
"""

import contextlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

from sqlalchemy import Connection

from wsgi_app.core import declared, findings, grown, lifecycle, live, unsettled
from wsgi_app.core.access import Access
from wsgi_app.core.change import Ground
from wsgi_app.core.findings import Finding
from wsgi_app.core.live import Told
from wsgi_app.core.logfile import Logfile
from wsgi_app.core.logname import parse_path
from wsgi_app.core.logplace import holds_bytes, place
from wsgi_app.core.ports import Upload
from wsgi_app.core.registry import Registry, Wish, require_owner
from wsgi_app.core.unsettled import Indexed, Survey
from wsgi_app.errors import (
    BadRange,
    BeyondLimit,
    Invalid,
    LengthMissing,
    LogIsDirectory,
    NoSuchLog,
    NoSuchRecipe,
    TackroomError,
    TooLarge,
)
from wsgi_app.model import Caller, Declaration, Log, LogAddress, LogIndex, Recipe, Span
from wsgi_app.states import LogState
from wsgi_app.store import jobs, logs, recipes

#: the largest number that httpd reads in a Content-Range: both planes are to say the same
FAR = 2**63 - 1


class Logs:
    """What systems write."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access
        self._registry = Registry(ground)

    def put(self, caller: Caller, address: LogAddress, upload: Upload) -> bool:
        """Write a body to a log; True when that made the log.

        Raises `Unauthenticated`, `Denied`, `LogClosed`, `LengthMissing`, `TooLarge`, `BadRange`, `BeyondLimit`,
        `LogIsDirectory`, `TooManyLogs`, `TooManyBytes`, `TornUpload`, `LateUpload`, `Superseded`, in this order;
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
        self._registry.register(Wish(address, file, caller.request))
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
            require_owner(tx, found, owner)
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
        return self._registry.declare(Wish(address, file, caller.request), declaration)

    def grew(self, sizes: Mapping[tuple[int, str], int]) -> None:
        """Note how large logs are by now (recipe and path: bytes); register those that Apache made alone."""
        with self._ground.change() as change:
            grown.store(change, sizes)

    def weigh(self, numbers: Collection[int]) -> None:
        """Say of recipes that have as many bytes of logs as they may that they do; see `grown.weigh`."""
        grown.weigh(self._ground, numbers)

    def survey(self, after: int | None = None, also: Collection[int] = ()) -> Survey:
        """Return for the indexer what has become of recipes since an event, and of some more; see `unsettled.survey`.

        Without an event: of all that are not settled, or were settled late with logs still to index.
        """
        with self._ground.read() as tx:
            return unsettled.survey(tx, self._ground.now(tx) - self._ground.config.quiet_seconds, after, also)

    def indexed_before(self, numbers: Collection[int]) -> dict[int, list[Indexed]]:
        """Return for the indexer which logs of recipes were indexed."""
        with self._ground.read() as tx:
            return unsettled.indexed(tx, numbers)

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

    def told(self, told: Sequence[Told]) -> list[int | None]:
        """Store what growing logs tell, in one transaction; see `live.store` for what comes of each."""
        with self._ground.change() as change:
            return live.store(change, told)

    def indexed(self, recipe: int, path: str, index: LogIndex, *, anew: bool = False) -> bool:
        """Store what one pass over a log found, in place of what was known; False when nothing changed.

        The log is finished, or damaged when something else was declared; as long as its owner runs, it still may
        become that. What is found again is stored again only with `anew`, and when it differs. Raises `NoSuchRecipe`,
        `NoSuchTask`, `NoSuchResult` for a file that no log of ours can be.
        """
        with self._ground.change() as change:
            (outcome,) = findings.store(change, [Finding(recipe, path, index)], anew=anew)
            if isinstance(outcome, TackroomError):
                raise outcome
        return outcome

    def all_indexed(self, found: Sequence[Finding]) -> list[bool | TackroomError]:
        """Do what `indexed` does for several logs, in one transaction; return what comes of each, errors too."""
        with self._ground.change() as change:
            return findings.store(change, found, anew=False)

    def _bounded(self, upload: Upload) -> Span | None:
        config = self._ground.config
        if upload.length is None:
            raise LengthMissing
        if upload.length > config.max_body:
            raise TooLarge
        span = upload.span()
        if span is not None and span.last >= config.max_log:
            raise BeyondLimit
        if span is not None and not (span.first <= span.last and (span.total is None or span.last < span.total <= FAR)):
            raise BadRange
        if span is not None and span.length != upload.length:
            raise BadRange(f"the range has {span.length} bytes, the body {upload.length}")
        return span

    def _readable(self, tx: Connection, caller: Caller, recipe: int) -> Recipe:
        found = recipes.load_recipe(tx, recipe)
        if found is None:
            raise NoSuchRecipe
        self._access.require_reader(tx, caller, jobs.load_job_row(tx, found.job), found.id)
        return found

    def _path(self, address: LogAddress) -> Path:
        return place(self._ground.config.logs, f"{address.recipe}/{address.path}")


def _files(root: Path) -> Iterator[str]:
    """Yield the non-empty files below a directory, without uploads that are under way."""
    for directory, _, names in os.walk(root):
        for name in names:
            path = Path(directory, name)
            # it may be gone by now: replaced, or compressed
            with contextlib.suppress(FileNotFoundError):
                if not name.startswith(".") and holds_bytes(path):
                    yield str(path.relative_to(root))
