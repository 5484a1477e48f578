"""The database: one place for how connections begin, lock and fail.

SQLite in WAL mode with `synchronous=FULL`: a committed transaction survives a power cut. Writers begin with `BEGIN
IMMEDIATE`, so that what they read stays true until they commit (shared/anchors.md 5.3: without it, six processes made
410 double claims of 600); readers begin plainly and block nobody.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from wsgi_app.errors import DatabaseBusy, DiskFull, TackroomError, Unavailable

#: seconds that a call waits for the database's writer lock
BUSY_SECONDS = 20


class Database:
    """Connections to one SQLite database file."""

    def __init__(self, path: Path) -> None:
        self._engine = _engine(path)
        self._writer = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One snapshot of the database, for reading only."""
        with _translated(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that nobody else writes beside: committed at the end, rolled back when it raises.

        Raises `DatabaseBusy` after twice `BUSY_SECONDS` at most, however many want to write.
        """
        with _translated(), self._turn(), self._engine.connect() as connection:
            connection = connection.execution_options(immediate=True)
            with connection.begin():
                yield connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Let the threads of this process write one after the other, instead of all polling for SQLite's lock."""
        if not self._writer.acquire(timeout=BUSY_SECONDS):
            raise DatabaseBusy
        try:
            yield
        finally:
            self._writer.release()

    def upgrade(self) -> None:
        """Make the database, or bring an older one to the present schema."""
        from wsgi_app.store import migrations

        with _translated():
            migrations.upgrade(self._engine)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _engine(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite+pysqlite:///{path}",
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False, "isolation_level": None},
        pool_size=8,
        max_overflow=56,
    )

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("immediate", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise _typed(error) from error
    except PoolTimeout as error:
        raise DatabaseBusy from error


def _typed(error: OperationalError) -> TackroomError | OperationalError:
    text = str(error.orig)
    if "locked" in text or "busy" in text:
        return DatabaseBusy()
    if "full" in text:
        return DiskFull()
    if "unable to open" in text or "disk I/O" in text or "readonly" in text:
        return Unavailable(f"the database cannot be used now: {text}")
    return error
