"""SQLite itself: how a database is opened, and what it says when it cannot go on, as our own errors.

By its codes, which are the same whatever class the driver gives them and wherever they appear: when a connection is
opened, at a statement, at the commit. Source: sqlite.org/rescode.html.
"""

import sqlite3
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from wsgi_app.errors import DatabaseBusy, DatabaseCorrupt, DiskFull, ReadOnly, TackroomError, Unavailable

#: SQLITE_READONLY_DBMOVED: the file that is open is not the one that has the name any more
_MOVED = 8 | 4 << 8
#: SQLITE_IOERR_SHMSIZE: the file beside the database, which its users share, cannot grow
_NO_ROOM = 10 | 19 << 8
#: primary codes: busy, locked, out of turn in the WAL
_BUSY = (5, 6, 15)
#: out of memory, read-only, I/O error, cannot open: what was opened like that stays so, also when the cause is gone
_PASSING = (7, 8, 10, 14)
_READ_ONLY = 8
#: damaged, no database
_CORRUPT = (11, 26)
_FULL = 13


def connect(
    path: Path, *, seconds: float, mode: Literal["ro", "rw", "rwc"] = "rw", any_thread: bool = False
) -> sqlite3.Connection:
    """Open a database, waiting so many seconds for its locks; transactions begin where it is said.

    Raises sqlite3.Error. Only `rwc` makes a file that is not there: an empty database in place of a lost one would
    look sound.
    """
    name = f"file:{quote(str(path.absolute()))}?mode={mode}"
    connection = sqlite3.connect(
        name, uri=True, timeout=seconds, isolation_level=None, check_same_thread=not any_thread
    )
    # SQLite's own knows the letters from A to Z
    connection.create_function("lower", 1, _lower, deterministic=True)
    return connection


def _lower(value: str | None) -> str | None:
    return None if value is None else str(value).lower()


def typed(error: BaseException | None) -> TackroomError | None:
    """Return our error for SQLite's, None when it is a mistake of ours."""
    code = _code(error)
    if code == _NO_ROOM or code & 0xFF == _FULL:
        return DiskFull()
    if is_busy(error):
        return DatabaseBusy()
    if code & 0xFF == _READ_ONLY and code != _MOVED:
        return ReadOnly()
    if code & 0xFF in _PASSING:
        return Unavailable(f"the database cannot be used now: {error}")
    return DatabaseCorrupt() if is_corruption(error) else None


def is_busy(error: BaseException | None) -> bool:
    """Return whether SQLite says by this error that another process has a lock."""
    return _code(error) & 0xFF in _BUSY


def is_corruption(error: BaseException | None) -> bool:
    """Return whether SQLite says by this error that the file is damaged, or no database."""
    return _code(error) & 0xFF in _CORRUPT


def spoils(error: BaseException | None) -> bool:
    """Return whether connections that were open at that error may be of no use when its cause is gone.

    A database that could only be opened for reading stays read-only for that connection.
    """
    return _code(error) & 0xFF in _PASSING


def _code(error: BaseException | None) -> int:
    # the driver's own errors, of wrong use, have none
    return getattr(error, "sqlite_errorcode", 0) if isinstance(error, sqlite3.Error) else 0
