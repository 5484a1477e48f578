"""Restoring a backup into an empty data directory: checked first, whole or not at all, and told when broken off.

Everything is made ready in `DATA/restoring/` and then moved up by renames, the database last. As long as that directory
is there nobody opens the data (`require_whole`), and restoring again begins anew.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import define, frozen

from wsgi_app.config import ENV_PREFIX, Config, load
from wsgi_app.core import filecopy, manifest
from wsgi_app.core.backup import DATABASE, LOGS, SETTINGS, UNFINISHED, is_log, locked
from wsgi_app.core.filecopy import Fingerprint
from wsgi_app.core.gateway import STAGING, open_gateway
from wsgi_app.core.manifest import Manifest
from wsgi_app.errors import Conflict, Invalid
from wsgi_app.store import migrations, snapshot, soundness

#: what may be in a data directory that is empty for us
_HARMLESS = {"lost+found", "serve.lock", SETTINGS}
#: what is moved up, in this order
_PARTS = (SETTINGS, LOGS, "gate", DATABASE)


@frozen
class Owner:
    """Whose the data is to be."""

    uid: int
    gid: int


@frozen
class Outcome:
    """What was restored."""

    manifest: Manifest
    #: recipes that had not finished, and are aborted now
    aborted: tuple[int, ...]
    logs: int
    log_bytes: int
    #: the directory also has what is left of a younger backup, which was broken off
    unfinished: bool


@define
class Restore:
    """One restoring of a backup; `told` gets the bytes done and all that there are, `complain` each damaged log."""

    directory: Path
    data: Path
    #: None: it is one's own
    owner: Owner | None
    told: Callable[[int, int], None]
    complain: Callable[[str], None]
    environ: Mapping[str, str]
    _logs: int = 0
    _done: int = 0
    _total: int = 0
    _damaged: int = 0

    def run(self) -> Outcome:
        """Do it. Raises `Invalid`, `Conflict`, `DatabaseCorrupt`, `DiskFull`, OSError; then nothing was restored."""
        if not self.directory.is_dir():
            raise Invalid(f"{self.directory} is not there: name a directory that 'tackroom backup' has made")
        with (
            locked(self.directory, fcntl.LOCK_SH, f"a backup is being written into {self.directory}: wait for its end"),
            self._held(),
        ):
            found = self._manifest()
            staging = self.data / STAGING
            try:
                self._stage(found, staging)
                aborted = self._begin(found, staging)
                self._give_away(staging)
            except BaseException:
                shutil.rmtree(staging, ignore_errors=True)
                raise
            self._move_up(staging)
        unfinished = (self.directory / UNFINISHED).exists()
        return Outcome(found, aborted, self._logs, self._done - found.database_bytes, unfinished)

    def _manifest(self) -> Manifest:
        found = manifest.read(self.directory)
        if found is None:
            broken = (self.directory / UNFINISHED).exists()
            why = "the backup into it was broken off: repeat that" if broken else f"it has no {manifest.NAME}"
            raise Invalid(f"{self.directory} holds no backup: {why}")
        if found.format != manifest.FORMAT or not migrations.knows(found.schema):
            raise Invalid(
                f"{self.directory} was made by Tackroom {found.version} with schema {found.schema}, which this program "
                f"does not know (it knows {migrations.newest()}): restore it with that one"
            )
        return found

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Have the data directory for oneself, and empty. Raises `Conflict`; what was made is gone when that fails."""
        fresh = not self.data.exists()
        if fresh:
            self.data.mkdir(mode=0o750)
            self._give(self.data)
        lock = self.data / "serve.lock"
        held = not lock.exists()
        descriptor = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
        try:
            self._give(lock)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict(f"a 'tackroom serve' runs on {self.data}, or it is being restored") from None
            self._require_empty()
            try:
                yield
            except BaseException:
                if held:
                    lock.unlink()
                if fresh:
                    # not when it could not be moved up whole
                    with suppress(OSError):
                        self.data.rmdir()
                raise
        finally:
            os.close(descriptor)

    def _require_empty(self) -> None:
        if self.owner is not None and self.data.stat().st_uid != self.owner.uid:
            raise Conflict(f"{self.data} is not of the user that Tackroom runs as: chown it, or say --user")
        if (self.data / STAGING).exists():
            # a restore was broken off: it was empty before, and nobody has opened it since
            for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
                (self.data / name).unlink(missing_ok=True)
            for name in (LOGS, "gate", STAGING):
                shutil.rmtree(self.data / name, ignore_errors=True)
        left = sorted({path.name for path in self.data.iterdir()} - _HARMLESS)
        if left:
            raise Conflict(
                f"{self.data} is not empty (it has {', '.join(left[:3])}): move it aside, or restore into another "
                "directory with --data"
            )

    def _stage(self, found: Manifest, staging: Path) -> None:
        """Copy database and logs, and hold them against what the backup says. Raises `Invalid`, `DatabaseCorrupt`."""
        staging.mkdir(mode=0o700)
        part = self.directory / found.snapshot
        database = staging / DATABASE
        self._total = found.database_bytes
        copied = self._copy(part / DATABASE, database)
        if copied != Fingerprint(found.database_bytes, found.database_sha256):
            raise Invalid(f"{part / DATABASE} is damaged: it is not what {manifest.NAME} says")
        soundness.require_sound(database)
        loose = {log.log: Fingerprint(log.size, log.sha256) for log in found.loose}
        gone = {*found.missing, *loose}
        with snapshot.reading(database) as connection:
            self._total += snapshot.log_bytes(connection)
            for recipe in snapshot.recipes(connection):
                (staging / LOGS / "recipes" / str(recipe)).mkdir(parents=True, exist_ok=True)
                for path, log in snapshot.logs_of(connection, recipe).items():
                    name = f"{recipe}/{path}"
                    if log.sha256 is not None and name not in gone:
                        self._bring(staging, self.directory / LOGS, name, Fingerprint(log.size, log.sha256))
        for name, wanted in loose.items():
            if name not in found.missing:
                self._bring(staging, part / LOGS, name, wanted)
        if (part / SETTINGS).exists() and not (self.data / SETTINGS).exists():
            self._copy(part / SETTINGS, staging / SETTINGS)
        if self._damaged:
            raise Invalid(f"{self.directory} is damaged: {self._damaged} logs (see above). Nothing was restored")

    def _bring(self, staging: Path, source: Path, name: str, wanted: Fingerprint) -> None:
        recipe, _, path = name.partition("/")
        if not recipe.isdecimal() or not is_log(int(recipe), path):
            raise Invalid(f"{self.directory} is damaged: {name!r} is no log")
        target = staging / LOGS / "recipes" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copied = self._copy(source / name, target)
        if copied != wanted:
            self._damaged += 1
            self.complain(f"{source / name} is {'not there' if copied is None else 'damaged: not what was copied'}")
        self._logs += 1

    def _copy(self, source: Path, target: Path) -> Fingerprint | None:
        descriptor = filecopy.open_regular(source)
        if descriptor is None:
            return None
        try:
            return filecopy.copy(descriptor, target, 0o640, self._count)
        finally:
            os.close(descriptor)

    def _count(self, size: int) -> None:
        self._done += size
        self.told(min(self._done, self._total), self._total)

    def _begin(self, found: Manifest, staging: Path) -> tuple[int, ...]:
        """Bring the database to the present schema, and let it forget what is over; the gate follows from it."""
        gateway = open_gateway(self._config(staging))
        try:
            return gateway.restored.begin(found.made).aborted
        finally:
            gateway.close()
            # sockets and locks of nobody
            shutil.rmtree(staging / "run")

    def _config(self, staging: Path) -> Config:
        environ = dict(self.environ)
        if (self.data / SETTINGS).exists() and not environ.get(ENV_PREFIX + "CONFIG"):
            # those of this machine stay
            environ[ENV_PREFIX + "CONFIG"] = str(self.data / SETTINGS)
        return load({**environ, ENV_PREFIX + "DATA": str(staging)}).config

    def _give_away(self, staging: Path) -> None:
        """Let everything be the owner's, and last."""
        for directory, below, names in os.walk(staging):
            for name in (*below, *names):
                self._give(Path(directory, name))
        filecopy.sync_filesystem(staging)

    def _give(self, path: Path) -> None:
        if self.owner is not None:
            os.chown(path, self.owner.uid, self.owner.gid, follow_symlinks=False)

    def _move_up(self, staging: Path) -> None:
        for name in _PARTS:
            if (staging / name).exists():
                if name == DATABASE:
                    # all that it speaks of is there first
                    filecopy.sync_directory(self.data)
                (staging / name).rename(self.data / name)
        filecopy.sync_directory(self.data)
        run = self.data / "run"
        if not run.exists():
            # systemd would make it for its socket, and as root's
            run.mkdir(mode=0o750)
            self._give(run)
        shutil.rmtree(staging)
        filecopy.sync_directory(self.data)
