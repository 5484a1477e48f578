"""The database, read only: whether it is sound, and what it says of the processes that should have done something."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection

from wsgi_app.cli.findings.deliveries import told
from wsgi_app.cli.findings.finding import Finding
from wsgi_app.cli.place import as_owner
from wsgi_app.cli.running import output, start, stop
from wsgi_app.clock import SteadyClock
from wsgi_app.config import Config
from wsgi_app.core.bell import Bell
from wsgi_app.core.change import Ground
from wsgi_app.core.drift import Drift
from wsgi_app.core.gate import Gate
from wsgi_app.core.notifier import News, Notifier
from wsgi_app.errors import DatabaseBusy, TackroomError
from wsgi_app.store import census, recipes, sqlite
from wsgi_app.store.db import Database

#: what the timer and the indexer do takes seconds; after that they are not at work
OVERDUE_SECONDS = 30
#: the gate follows the database: a difference counts when it is still there then
GATE_SECONDS = 1.5

#: an operation takes milliseconds
LOCK_SECONDS = 2.0

#: errors that come from what is around the file
_ELSEWHERE = ("SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_FULL", "SQLITE_READONLY", "SQLITE_BUSY", "SQLITE_PERM")


def records(config: Config) -> Iterator[Finding]:
    """Look at the database; what needs a sound one of this program's version comes after that is known."""
    with as_owner(config.data):
        try:
            trouble, version = _checked(config.database)
        except sqlite3.Error as error:
            if error.sqlite_errorname.startswith(_ELSEWHERE):
                mend = "see to the disk and the rights: nobody can say yet what the database is like"
                yield Finding("database", f"{config.database} cannot be opened: {error}", mend)
                return
            trouble, version = str(error), None
        if trouble != "ok":
            mend = f"{stop()}, move the data directory aside, and restore a backup: tackroom restore DIR"
            yield Finding("database", f"{config.database}: {trouble}", mend)
            return
        yield Finding("database", f"{config.database} is sound")
        wanted = _newest_schema()
        if version != wanted:
            yield Finding(
                "schema",
                f"the database has schema {version}, this program wants {wanted}",
                f"run the program that Tackroom here runs; its start ({start()}) brings an older database up to date",
            )
            return
        yield Finding("schema", f"schema {version}")
        database = Database(config.database)
        clock, nobody = SteadyClock(config.clock_mark), Notifier(lambda _: News(0, ()), 1, Bell(config.run / "news"))
        ground = Ground(config, database, Gate(config.gate), clock, nobody)
        try:
            yield _lock(config, database)
            yield _gate(ground)
            with ground.read() as tx:
                now = ground.now(tx)
                yield _watchdogs(tx, now)
                yield _index(config, tx, now)
                yield from told(config, tx, now)
        except TackroomError as error:
            yield Finding("database", error.message, "try again; if it stays so, look who holds the database: fuser")
        finally:
            database.close()


def _lock(config: Config, database: Database) -> Finding:
    try:
        database.probe(LOCK_SECONDS)
    except DatabaseBusy:
        mend = f"see who holds it, and end that: fuser -v {config.database}"
        return Finding("database", f"{config.database} has been locked for {LOCK_SECONDS:.0f} s", mend)
    return Finding("database", f"{config.database} can be locked")


def _checked(path: Path) -> tuple[str, str | None]:
    """Return what SQLite says of the file (`ok`), and its schema version."""
    with closing(sqlite.connect(path, seconds=20, mode="ro")) as connection:
        [[said]] = connection.execute("PRAGMA quick_check(1)").fetchall()
        [[version]] = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    return said, version


def _newest_schema() -> str | None:
    # Alembic takes a third of a second to import, for which every other command would have to wait
    from wsgi_app.store import migrations

    return migrations.newest()


def _gate(ground: Ground) -> Finding:
    """Compare the gate with what the database says that it should be, for all recipes that are not settled."""
    differing = Drift(ground, sys.maxsize).look(GATE_SECONDS)
    if differing:
        which = " ".join(str(number) for number in differing[:10])
        return Finding(
            "gate",
            f"the gate is not what the database says, of recipes {which}",
            f"Tackroom mends it at its start and every minute: {start()}; or see why the timer does not: "
            f"{output('timer')}",
        )
    return Finding("gate", "the gate is what the database says")


def _watchdogs(tx: Connection, now: float) -> Finding:
    late = recipes.overdue_sets(tx, now - OVERDUE_SECONDS)
    if late:
        return Finding(
            "timer",
            f"{len(late)} recipe sets are past their watchdogs, and nobody has aborted them",
            f"the timer does not run: {start()}; or see why it ends: {output('timer')}",
        )
    return Finding("timer", "no watchdog is overdue")


def _index(config: Config, tx: Connection, now: float) -> Finding:
    """Look whether the indexer keeps up."""
    waiting = census.unsettled(tx)
    late = [recipe.id for recipe in recipes.late_recipes(tx)]
    most = config.settle_seconds + OVERDUE_SECONDS
    mend = f"the indexer does not run, or cannot read them: {start()}; or see {output('indexer')}"
    if late:
        shown = " ".join(map(str, late[:10]))
        return Finding(
            "indexer", f"logs of {len(late)} recipes wait to be read, though they are settled: {shown}", mend
        )
    if waiting.since is not None and now - waiting.since > most:
        return Finding(
            "indexer", f"{waiting.recipes} recipes have finished more than {most} s ago and are not settled", mend
        )
    return Finding("indexer", f"{waiting.recipes} finished recipes wait for the indexer")
