"""Whether a database file is one of ours, and whole; what is said when it is not.

SQLite notices damage when it meets it: a page that nobody reads may be broken for years. So a small database is looked
through at every start, and any database by `tackroom doctor` and by each backup.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from wsgi_app.errors import DatabaseCorrupt
from wsgi_app.store import sqlite

#: what every SQLite database begins with (sqlite.org/fileformat2.html, 1.3)
_MAGIC = b"SQLite format 3\0"
#: bytes of a database that a start looks through: some tenths of a second
LARGEST_AT_START = 128 << 20


def corrupt(path: Path, reason: str) -> DatabaseCorrupt:
    """Return the error that names the file, what is wrong with it, and what to do."""
    return DatabaseCorrupt(
        f"the database {path} is damaged ({reason}): stop Tackroom, move {path.parent} aside, and restore a backup in "
        f"its place: tackroom restore DIR --data {path.parent}"
    )


def require_database(path: Path) -> None:
    """Raise `DatabaseCorrupt` when something lies there that is no SQLite database; an empty file is a new one."""
    if path.is_dir():
        raise corrupt(path, "it is a directory")
    if not path.exists():
        return
    with path.open("rb") as file:
        head = file.read(len(_MAGIC))
    if head not in (b"", _MAGIC):
        raise corrupt(path, "it is no SQLite database")


def require_sound(path: Path, *, largest: int | None = None) -> None:
    """Look through the whole database, unless it has more than `largest` bytes; raise `DatabaseCorrupt`."""
    require_database(path)
    if not path.exists() or (largest is not None and path.stat().st_size > largest):
        return
    try:
        with closing(sqlite.connect(path, seconds=20)) as connection:
            [[said]] = connection.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.DatabaseError as error:
        if not sqlite.is_corruption(error):
            raise sqlite.typed(error) or error from error
        said = str(error)
    if said != "ok":
        raise corrupt(path, " ".join(str(said).split()))
