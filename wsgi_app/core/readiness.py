"""Whether everything is there that a lab controller needs to do its work, and if not, what is wrong in a sentence."""

import os
import pwd
import stat
from collections.abc import Callable

from attrs import frozen

from wsgi_app.config import Config
from wsgi_app.core import heartbeat, presence
from wsgi_app.core.change import Ground
from wsgi_app.core.drift import Drift
from wsgi_app.core.room import Room
from wsgi_app.errors import DatabaseBusy, TackroomError

#: seconds that the database's lock is waited for, once for the threads of this process and once for other processes
LOCK_SECONDS = 1.0
#: seconds by which the indexer may be behind
LAG_SECONDS = 300.0


@frozen
class Check:
    """One thing that was looked at: why it keeps us from working, or what will, or only slows us down."""

    name: str
    reason: str | None = None
    note: str | None = None
    #: of a database with a reason: whether it can be read all the same
    readable: bool = False


@frozen
class Report:
    """All that was looked at."""

    checks: tuple[Check, ...]

    @property
    def ready(self) -> bool:
        """Whether calls can be taken and their work gets done."""
        return all(check.reason is None for check in self.checks)


class Readiness:
    """Looks whether this Tackroom can work."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._drift = Drift(ground)
        config = ground.config
        self._room = Room((config.logs, config.data, config.gate, config.run))

    def look(self) -> Report:
        """Look at everything, freshly; it takes about three seconds at most and raises nothing that core refuses."""
        config = self._ground.config
        database, schema = self.look_at_database()
        # a locked one can be read; one of another kind cannot, and must not even be opened: that may make a new one
        usable = schema.reason is None and (database.reason is None or database.readable)
        looks: tuple[Callable[[], Check], ...] = (
            self._gate if usable else _unknown_gate,
            lambda: look_at_logs(config),
            lambda: look_at_indexer(config),
            lambda: look_at_timer(config),
            self._disk,
        )
        return Report((database, schema, *(look() for look in looks)))

    def look_at_database(self) -> tuple[Check, Check]:
        """Look whether the database answers, and whether its schema is this program's."""
        config = self._ground.config
        try:
            revision, wanted = self._ground.db.probe(LOCK_SECONDS), self._ground.db.newest_revision()
        except DatabaseBusy:
            reason = (
                f"{config.database} has been locked for more than {LOCK_SECONDS:.0f} s: see who holds it (fuser -v)"
            )
            return Check("database", reason, readable=True), Check("schema")
        except TackroomError as error:
            return Check("database", error.message), Check("schema")
        if revision == wanted:
            return Check("database"), Check("schema")
        reason = (
            f"the database has schema {revision}, this program wants {wanted}: start Tackroom again, of the version "
            "that the database was upgraded by or a newer one"
        )
        return Check("database"), Check("schema", reason)

    def _gate(self) -> Check:
        try:
            differing = self._drift.look()
        except (TackroomError, OSError) as error:
            said = error.message if isinstance(error, TackroomError) else error.strerror
            return Check("gate", f"it cannot be compared with the database: {said}")
        if not differing:
            return Check("gate")
        shown = " ".join(map(str, differing[:10]))
        which = f"recipe {shown}" if len(differing) == 1 else f"recipes {shown}"
        return Check("gate", f"it is not what the database says for {which}: the timer mends it within a minute")

    def _disk(self) -> Check:
        found = self._room.look()
        return Check("disk", found.trouble, found.low)


def _unknown_gate() -> Check:
    return Check("gate", "it cannot be compared with the database, which cannot be used: see there")


def look_at_logs(config: Config) -> Check:
    """Look whether the root of the log tree is there, and may be written."""
    root = config.logs
    try:
        if not stat.S_ISDIR(root.stat().st_mode):
            return Check("logs", f"{root} is no directory: put the log tree back")
    except FileNotFoundError:
        return Check("logs", f"{root} is not there: put the log tree back, or start Tackroom again")
    except OSError as error:
        return Check("logs", f"{root} cannot be looked at: {error.strerror}")
    if not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        read_only = os.statvfs(root).f_flag & os.ST_RDONLY
        why = "its file system is read-only" if read_only else f"user {_user()} may not: give it the rights"
        return Check("logs", f"{root} cannot be written: {why}")
    return Check("logs")


def look_at_indexer(config: Config) -> Check:
    """Look whether the indexer is at work, and keeps up."""
    try:
        present = presence.is_present(config.run)
    except OSError as error:
        return Check("indexer", f"whether it runs cannot be told: {error.strerror}")
    if not present:
        return Check("indexer", "it does not run: see in its output why it ended, and start it again")
    beat = heartbeat.last(config.run / heartbeat.INDEXER)
    if beat is None or beat.stale:
        return Check("indexer", _silent(beat))
    lag = float(beat.said.get("lag_seconds", 0.0))
    if lag > LAG_SECONDS:
        backlog = beat.said.get("backlog", 0)
        return Check("indexer", f"it is {lag:.0f} s behind, with {backlog} logs to read: see its output")
    blind = beat.said.get("blind")
    return Check("indexer", None, None if blind is None else str(blind))


def look_at_timer(config: Config) -> Check:
    """Look whether the timer is at work."""
    beat = heartbeat.last(config.run / heartbeat.TIMER)
    if beat is None or beat.stale:
        return Check("timer", _silent(beat))
    problems = beat.said.get("problems") or {}
    said = "; ".join(f"{duty} is put off: {why}" for duty, why in problems.items())
    return Check("timer", None, said or None)


def look_at_publisher(config: Config) -> Check:
    """Look whether the publisher is at work; jobs run without it, so `/readyz` does not ask."""
    beat = heartbeat.last(config.run / heartbeat.PUBLISHER)
    if beat is None or beat.stale:
        return Check("publisher", _silent(beat))
    problems = beat.said.get("problems") or {}
    return Check("publisher", None, "; ".join(f"{duty}: {why}" for duty, why in problems.items()) or None)


def _silent(beat: heartbeat.Beat | None) -> str:
    if beat is None or beat.age == float("inf"):
        return "it does not run: it has written no sign of life since the machine was started"
    return f"it has given no sign of life for {beat.age:.0f} s: it does not run, hangs, or waits for database or disk"


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
