"""The database: one place for how connections begin, lock and fail.

SQLite in WAL mode with `synchronous=FULL`: a committed transaction survives a power cut. Writers begin with `BEGIN
IMMEDIATE`, so that what they read stays true until they commit (shared/anchors.md 5.3: without it, six processes made
410 double claims of 600); readers begin plainly and block nobody.
"""

import gc
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import URL, Connection, ExceptionContext, RootTransaction, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError, MultipleResultsFound, NoResultFound
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from wsgi_app.errors import Conflict, DatabaseBusy, DatabaseCorrupt, ReadOnly, Unavailable
from wsgi_app.store import soundness, sqlite
from wsgi_app.store.probe import probe

#: seconds that a call waits for the database's writer lock
BUSY_SECONDS = 20
#: waiting that is not worth a statement to count it
UNNOTICED_SECONDS = 1.0
#: seconds for which a writer waits until the readers of its process have let go of a database that was read-only
HEALING_SECONDS = 1.0


class Database:
    """Connections to one SQLite database file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connections = _Connections(path)
        self._engine = self._connections.engine
        self._writer = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One snapshot of the database, for reading only."""
        with _translated(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that nobody else writes beside: committed at the end, rolled back when it raises.

        Raises `DatabaseBusy` after `BUSY_SECONDS`, however many want to write.
        """
        began = time.monotonic()
        with _translated(), self._turn(BUSY_SECONDS), self._connections.for_writing(began) as connection:
            yield connection

    @contextmanager
    def _turn(self, seconds: float) -> Iterator[None]:
        """Let the threads of this process write one after the other, instead of all polling for SQLite's lock."""
        if not self._writer.acquire(timeout=seconds):
            raise DatabaseBusy
        try:
            yield
        finally:
            self._writer.release()

    def upgrade(self) -> None:
        """Make the database, or bring an older one to the present schema.

        Raises `DatabaseCorrupt` when it is damaged, `Conflict` when it is a newer program's or nothing of ours.
        """
        from wsgi_app.store import migrations

        soundness.require_database(self._path)
        making = _Connections(self._path, make=True)
        try:
            with _translated():
                migrations.upgrade(making.engine)
        except DatabaseCorrupt as error:
            # here it is for whoever runs Tackroom; clients are not told where files lie
            raise soundness.corrupt(self._path, "SQLite cannot read it") from error
        finally:
            making.engine.dispose()

    def probe(self, seconds: float) -> str | None:
        """Have the writer lock for a moment, and return the schema's revision.

        Raises `DatabaseBusy` after twice so many seconds, `Unavailable` when the database cannot be used.
        """
        try:
            with self._turn(seconds):
                return probe(self._path, seconds)
        except DatabaseBusy:
            raise
        except Unavailable:
            # in one process all connections share what SQLite knows of the file: the next look is to be a fresh one
            self._connections.renew(thoroughly=os.access(self._path, os.W_OK))
            raise

    def newest_revision(self) -> str | None:
        """Return the schema's revision that this program wants."""
        from wsgi_app.store import migrations

        return migrations.newest()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


class _Connections:
    """The pool of connections, and when they are made anew.

    A database that was opened while it could only be read stays read-only for this process until the last connection
    to it is closed, whatever becomes of the disk: after such an error none is used again.
    """

    def __init__(self, path: Path, *, make: bool = False) -> None:
        """`make`: a file that is not there is made."""
        self._path = path
        self._make = make
        self._generation = 0
        self.engine = create_engine(
            URL.create("sqlite+pysqlite", database=str(path)),
            creator=self._open,
            pool_timeout=BUSY_SECONDS,
            pool_size=8,
            max_overflow=56,
        )
        event.listen(self.engine, "connect", self._connected)
        event.listen(self.engine, "checkin", self._returned)
        event.listen(self.engine, "begin", _begin)
        event.listen(self.engine, "handle_error", self._failed)

    @contextmanager
    def for_writing(self, began: float) -> Iterator[Connection]:
        """Begin a transaction that writes; the caller's time counts from `began`.

        As long as others of this process read a database that was read-only when they opened it, it stays so for all:
        when it can be written again, they are waited for.
        """
        deadline = time.monotonic() + HEALING_SECONDS
        while True:
            with self.engine.connect() as connection:
                begun = self._begun(connection, began, patient=time.monotonic() < deadline)
                if begun is not None:
                    with begun:
                        yield connection
                    return
            self.renew(thoroughly=True)
            time.sleep(HEALING_SECONDS / 100)

    def _begun(self, connection: Connection, began: float, *, patient: bool) -> RootTransaction | None:
        """Begin; None when the connection is read-only, the database no longer, and the caller is patient."""
        left = max(0.0, began + BUSY_SECONDS - time.monotonic())
        try:
            return connection.execution_options(patience=left).begin()
        except DBAPIError as error:
            healed = isinstance(sqlite.typed(error.orig), ReadOnly) and os.access(self._path, os.W_OK)
            if not (patient and healed):
                raise
            return None

    def renew(self, *, thoroughly: bool = False) -> None:
        """Close all connections: those that are in use as soon as they are not."""
        self._generation += 1
        self.engine.dispose()
        if thoroughly:
            # SQLite closes a connection with its last statement, and the traceback of an error may hold one in a cycle
            gc.collect()

    def _open(self) -> sqlite3.Connection:
        mode: Literal["rw", "rwc"] = "rwc" if self._make else "rw"
        return sqlite.connect(self._path, seconds=BUSY_SECONDS, mode=mode, any_thread=True)

    def _connected(self, connection: Any, record: ConnectionPoolEntry) -> None:
        record.info["generation"] = self._generation
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def _returned(self, _connection: Any, record: ConnectionPoolEntry) -> None:
        if record.info.get("generation") != self._generation:
            record.invalidate()

    def _failed(self, context: ExceptionContext) -> None:
        if sqlite.spoils(context.original_exception):
            # this one is closed at once
            context.is_disconnect = True
            self.renew()


@contextmanager
def savepoint(tx: Connection) -> Iterator[None]:
    """A part of a transaction that is undone when it raises, and the rest is not.

    Raises `Conflict` when something is there twice, or is not where it must be.
    """
    nested = tx.begin_nested()
    try:
        yield
    except BaseException as error:
        try:
            nested.rollback()
        except DBAPIError:
            # SQLite has undone the whole transaction, as it may when the disk is full: what it said then tells why
            raise error from None
        if isinstance(error, IntegrityError | NoResultFound | MultipleResultsFound):
            raise Conflict("the database contradicts itself") from error
        raise
    nested.commit()


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    patience = options.get("patience", BUSY_SECONDS if options.get("immediate") else None)
    if patience is None:
        connection.exec_driver_sql("BEGIN")
    elif patience > BUSY_SECONDS - UNNOTICED_SECONDS:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        # who has waited for the turn does not wait as long again for another process
        connection.exec_driver_sql(f"PRAGMA busy_timeout={patience * 1000:.0f}")
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        typed = sqlite.typed(error.orig)
        if typed is None:
            raise
        raise typed from error
    except PoolTimeout as error:
        raise DatabaseBusy from error
