"""Whether the database can be written, asked over a connection of its own: no pool, and no long wait."""

import sqlite3
from contextlib import closing
from pathlib import Path

from wsgi_app.errors import DatabaseBusy, Unavailable
from wsgi_app.store import sqlite


def probe(path: Path, seconds: float) -> str | None:
    """Have the writer lock for a moment, and return the schema's revision, None when there is none.

    Raises `DatabaseBusy` when the lock is not to be had within so many seconds, `Unavailable` when the file cannot be
    used.
    """
    try:
        with closing(sqlite.connect(path, seconds=seconds)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            finally:
                connection.execute("ROLLBACK")
    except sqlite3.DatabaseError as error:
        if isinstance(busy := sqlite.typed(error), DatabaseBusy):
            raise busy from error
        raise Unavailable(_sentence(path, error)) from error
    return None if row is None else str(row[0])


def _sentence(path: Path, error: sqlite3.DatabaseError) -> str:
    if not path.exists():
        return f"{path} is not there: put it back, or restore a backup"
    if sqlite.is_corruption(error):
        return f"{path} is damaged ({error}): restore a backup"
    return f"{path} cannot be used: {error}"
