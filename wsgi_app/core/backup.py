"""A backup: one moment of the database, and the logs that it knows, in a directory; taken while all goes on.

    DIR/manifest.json             which snapshot, and its fingerprint; made last
    DIR/unfinished                there while a backup is being made, and when one was broken off
    DIR/snapshot-N/tackroom.db    the database; beside it the settings, if the data has some
    DIR/snapshot-N/logs/R/...     logs that were not finished, or are not what the database says
    DIR/logs/R/...                finished logs: they never change, so the next backup into DIR keeps them

The database comes first, then the logs: what it says is finished is on the disk for good. The gate is its image and is
not copied. The manifest before this one stays whole until the new one takes its place by a rename.
"""

import fcntl
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from attrs import define, field

from wsgi_app import __version__
from wsgi_app.clock import Clock, rfc3339
from wsgi_app.config import Config
from wsgi_app.core import filecopy, manifest
from wsgi_app.core.filecopy import Fingerprint
from wsgi_app.core.logfile import TEMPORARY
from wsgi_app.core.logname import parse_path
from wsgi_app.core.manifest import Loose, Manifest
from wsgi_app.errors import BadName, Conflict, DatabaseCorrupt, Invalid, NotFound
from wsgi_app.store import migrations, snapshot, soundness
from wsgi_app.store.snapshot import StoredLog

UNFINISHED = "unfinished"
DATABASE = "tackroom.db"
SETTINGS = "tackroom.toml"
LOGS = "logs"
_SNAPSHOT = re.compile(r"snapshot-([1-9][0-9]{0,8})")
_WORDS = "A backup into this directory is being made, or was broken off: repeat it. An older one may be whole.\n"


@define
class Backup:
    """One backup of a Tackroom's data into a directory; `told` gets the bytes done and all that there are."""

    config: Config
    directory: Path
    #: whoever may read the data, when root makes the backup
    as_owner: Callable[[], AbstractContextManager[None]]
    told: Callable[[int, int], None]
    clock: Clock = time.time
    #: finished logs that were copied, and that the directory had already
    copied: int = 0
    kept: int = 0
    #: bytes of all logs
    log_bytes: int = 0
    _done: int = 0
    _total: int = 0
    _loose: list[Loose] = field(factory=list)
    _missing: list[str] = field(factory=list)

    def run(self) -> Manifest:
        """Make it. Raises `Invalid`, `Conflict`, `DatabaseCorrupt`, `DiskFull`, OSError; what was there stays whole."""
        with _held(self.directory), ExitStack() as stack:
            number = self._prepare()
            part = self.directory / f"snapshot-{number}"
            part.mkdir(mode=0o700)
            try:
                with self.as_owner():
                    database = stack.enter_context(snapshot.reading(self.config.database))
                    made = rfc3339(self.clock()) or ""
                found = self._fill(part, database, made)
            except BaseException:
                # the finished logs stay, for the next try; this snapshot is nobody's
                shutil.rmtree(part, ignore_errors=True)
                raise
            manifest.write(self.directory, found)
            self._prune(found, database)
            (self.directory / UNFINISHED).unlink()
        return found

    def _prepare(self) -> int:
        """Say that a backup is being made, clear away what one that was broken off has left; return its number."""
        with (self.directory / UNFINISHED).open("w") as file:
            file.write(_WORDS)
            os.fsync(file.fileno())
        filecopy.sync_directory(self.directory)
        whole = manifest.read(self.directory)
        taken = [0]
        for path in self.directory.iterdir():
            if match := _SNAPSHOT.fullmatch(path.name):
                taken.append(int(match[1]))
                if whole is None or path.name != whole.snapshot:
                    shutil.rmtree(path)
        return max(taken) + 1

    def _fill(self, part: Path, database: sqlite3.Connection, made: str) -> Manifest:
        schema = snapshot.schema(database)
        if schema is None or not migrations.knows(schema):
            raise Conflict(
                f"{self.config.database} is of a newer Tackroom, or none of ours (schema {schema}): back it up with "
                "the program that serves it"
            )
        size = self.config.database.stat().st_size
        self._total = size + snapshot.log_bytes(database)
        target = part / DATABASE
        snapshot.copy(database, target, lambda done: self.told(min(done, size), self._total))
        self._require_sound(target)
        self._done = size
        copied = filecopy.fingerprint(target)
        if copied is None:
            raise Invalid(f"{target} is gone: somebody else uses {self.directory}")
        for recipe in snapshot.recipes(database):
            self._copy_logs(part, recipe, snapshot.logs_of(database, recipe))
        self._copy_settings(part)
        filecopy.sync_filesystem(self.directory)
        return Manifest(
            format=manifest.FORMAT,
            made=made,
            version=__version__,
            schema=schema,
            snapshot=part.name,
            database_bytes=copied.size,
            database_sha256=copied.sha256,
            counts=snapshot.counts(database),
            loose=tuple(self._loose),
            missing=tuple(self._missing),
        )

    def _require_sound(self, copied: Path) -> None:
        """Damage that nobody has met yet must not take the place of an older backup."""
        try:
            soundness.require_sound(copied)
        except DatabaseCorrupt as error:
            raise soundness.corrupt(self.config.database, "seen in its copy") from error

    def _copy_logs(self, part: Path, recipe: int, stored: dict[str, StoredLog]) -> None:
        root = self.config.logs / str(recipe)
        with self.as_owner():
            found = dict(files(root))
        for path, log in stored.items():
            if log.sha256 is not None and path not in found and is_log(recipe, path):
                self._missing.append(f"{recipe}/{path}")
        for path, size in found.items():
            log_of = stored.get(path)
            # an empty one that nobody knows was only made in advance
            if is_log(recipe, path) and (size or log_of is not None):
                self._copy_log(part, f"{recipe}/{path}", log_of, size)

    def _copy_log(self, part: Path, name: str, log: StoredLog | None, size: int) -> None:
        wanted = None if log is None or log.sha256 is None else Fingerprint(log.size, log.sha256)
        target = self.directory / LOGS / name
        # the log itself may have been damaged since it was copied: its size tells some of that for nothing
        if wanted is not None and size == wanted.size and self._holds(target, wanted):
            self.kept += 1
            self.log_bytes += size
            return
        with self.as_owner():
            source = filecopy.open_regular(self.config.logs / name)
        if source is None:
            if wanted is not None:
                self._missing.append(name)
            return
        temporary = part / ".partial"
        try:
            there = filecopy.copy(source, temporary, 0o600, self._count)
        finally:
            os.close(source)
        self.log_bytes += there.size
        if there == wanted:
            self.copied += 1
        else:
            self._loose.append(Loose(name, there.size, there.sha256, differs=wanted is not None))
            target = part / LOGS / name
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(target)

    def _holds(self, target: Path, wanted: Fingerprint) -> bool:
        """Return whether the directory has that log already, unharmed."""
        try:
            if target.lstat().st_size != wanted.size:
                return False
        except FileNotFoundError:
            return False
        return filecopy.fingerprint(target, self._count) == wanted

    def _copy_settings(self, part: Path) -> None:
        with self.as_owner():
            source = filecopy.open_regular(self.config.data / SETTINGS)
        if source is not None:
            try:
                filecopy.copy(source, part / SETTINGS, 0o600, lambda _: None)
            finally:
                os.close(source)

    def _prune(self, found: Manifest, database: sqlite3.Connection) -> None:
        """Remove what only the backup before this one had; whoever must not be kept for ever is not."""
        for entry in self.directory.iterdir():
            if _SNAPSHOT.fullmatch(entry.name) and entry.name != found.snapshot:
                shutil.rmtree(entry)
        root = self.directory / LOGS
        loose = {log.log for log in found.loose}
        known = set(snapshot.recipes(database))
        for directory in root.iterdir() if root.is_dir() else ():
            if not directory.name.isdecimal() or int(directory.name) not in known:
                shutil.rmtree(directory)
                continue
            stored = snapshot.logs_of(database, int(directory.name))
            for path, _ in list(files(directory)):
                name = f"{directory.name}/{path}"
                if path not in stored or (stored[path].sha256 is None) or name in loose:
                    (root / name).unlink()

    def _count(self, size: int) -> None:
        self._done += size
        self.told(min(self._done, self._total), self._total)


def files(root: Path) -> Iterator[tuple[str, int]]:
    """Yield the regular files below a directory with their sizes, sorted, without uploads under way; follow no link."""
    for directory, below, names in os.walk(root):
        below.sort()
        for name in sorted(names):
            path = Path(directory, name)
            try:
                status = path.lstat()
            except FileNotFoundError:
                # replaced, or an upload that has ended
                continue
            if not name.startswith(TEMPORARY) and not path.is_symlink() and path.is_file():
                yield str(path.relative_to(root)), status.st_size


def is_log(recipe: int, path: str) -> bool:
    """Return whether a log may lie there: nothing else is copied, whatever a database or a disk says."""
    try:
        parse_path(recipe, path)
    except (BadName, NotFound):
        return False
    return True


@contextmanager
def _held(directory: Path) -> Iterator[None]:
    """Have the directory for oneself: it is made, is empty, or holds a backup. Raises `Invalid`, `Conflict`."""
    directory.mkdir(mode=0o700, exist_ok=True)
    if not directory.is_dir():
        raise Invalid(f"{directory} is no directory")
    with locked(directory, fcntl.LOCK_EX, f"another backup is being written into {directory}"):
        names = {path.name for path in directory.iterdir()} - {"lost+found"}
        if names and not names & {manifest.NAME, UNFINISHED}:
            raise Invalid(f"{directory} holds something else: name a directory that is empty or not there yet")
        yield


@contextmanager
def locked(directory: Path, how: int, otherwise: str) -> Iterator[None]:
    """Hold a lock on a directory (`LOCK_EX`, `LOCK_SH`); raise `Conflict` with these words when somebody else does."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(otherwise) from None
        yield
    finally:
        os.close(descriptor)
