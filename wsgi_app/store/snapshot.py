"""One moment of a database that may be in use, as a file, and what it says of logs.

It works on the file alone, with SQLite's own means, so that a database of an older schema is read as it is: whoever
makes a copy before a new program comes does not want it changed.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from attrs import frozen

from wsgi_app.errors import Unavailable
from wsgi_app.states import LogState
from wsgi_app.store import soundness, sqlite

#: pages that are copied between two words about it
PAGES = 4096
#: tables whose rows are counted
COUNTED = {
    "jobs": "SELECT count(*) FROM jobs",
    "recipes": "SELECT count(*) FROM recipes",
    "results": "SELECT count(*) FROM results",
    "logs": "SELECT count(*) FROM logs",
    "events": "SELECT count(*) FROM events",
}


@frozen
class StoredLog:
    """A log as the database knows it; `sha256` is None while nobody has read it for good."""

    recipe: int
    path: str
    size: int
    sha256: str | None


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open one moment of a database; writers go on. Raises `DatabaseCorrupt`, `DatabaseBusy`, `Unavailable`."""
    soundness.require_database(path)
    # not read only: what a server that was killed has left is to be put in order first, as at a start
    with typed(path), closing(sqlite.connect(path, seconds=20)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield connection


def copy(connection: sqlite3.Connection, target: Path, told: Callable[[int], None]) -> None:
    """Write that moment to a new file; `told` gets the bytes that were written so far. Nothing of it is synced."""
    [[size]] = connection.execute("PRAGMA page_size").fetchall()
    with typed(target), closing(sqlite.connect(target, seconds=20, mode="rwc")) as copied:
        copied.execute("PRAGMA synchronous=OFF")
        connection.backup(copied, pages=PAGES, progress=lambda _, left, total: told((total - left) * size))
        # one file, which needs no other beside it
        copied.execute("PRAGMA journal_mode=DELETE")
    target.chmod(0o600)


def schema(connection: sqlite3.Connection) -> str | None:
    """Return the schema's version, None when it is no database of ours."""
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        return None
    return None if row is None else str(row[0])


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many rows there are of what people count."""
    return {table: connection.execute(query).fetchone()[0] for table, query in COUNTED.items()}


def log_bytes(connection: sqlite3.Connection) -> int:
    """Return how many bytes all logs have, as last seen."""
    total: int = connection.execute("SELECT coalesce(sum(size), 0) FROM logs").fetchone()[0]
    return total


def recipes(connection: sqlite3.Connection) -> list[int]:
    """Return the recipes that may have logs."""
    rows = connection.execute("SELECT id FROM recipes WHERE assigned IS NOT NULL ORDER BY id")
    return [number for (number,) in rows]


def logs_of(connection: sqlite3.Connection, recipe: int) -> dict[str, StoredLog]:
    """Return the logs of a recipe by path (below `/recipes/R/`)."""
    rows = connection.execute("SELECT path, size, state, sha256 FROM logs WHERE recipe = ? ORDER BY path", (recipe,))
    return {
        path: StoredLog(recipe, path, size, None if state == LogState.GROWING else sha256)
        for path, size, state, sha256 in rows
    }


@contextmanager
def typed(path: Path) -> Iterator[None]:
    """Let SQLite's errors be ours. Raises `DatabaseCorrupt`, `DiskFull`, `ReadOnly`, `DatabaseBusy`, `Unavailable`."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if sqlite.is_corruption(error):
            raise soundness.corrupt(path, str(error)) from error
        known = sqlite.typed(error)
        # here it is for whoever runs Tackroom: which file it is
        raise Unavailable(f"{path}: {error}") if known is None or type(known) is Unavailable else known from error
