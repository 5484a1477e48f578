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
from contextlib import ExitStack, closing, contextmanager, suppress
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
#: seconds between two looks whether another process has given it back
LOOK_SECONDS = 0.0005
#: with fewer, a crowd of claims gets too little of the lock: 632 of 5,000 waited too long with one
SINGLES = 4
#: seconds for which a writer waits until the readers of its process have let go of a database that was read-only
HEALING_SECONDS = 1.0


class Database:
    """Connections to one SQLite database file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connections = _Connections(path)
        self._engine = self._connections.engine
        self._writer = threading.Lock()
        self._singles = threading.Semaphore(SINGLES)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One snapshot of the database, for reading only."""
        with _translated(), self._engine.connect() as connection, connection.begin():
            yield connection

    def look(self, statement: str, *values: object) -> Any | None:
        """Return the first row of one statement that reads: a snapshot of its own, at a fifth of what `read` costs."""
        with _translated():
            return self._connections.look(statement, values)

    @contextmanager
    def write(self, since: float | None = None, *, many: bool = False) -> Iterator[Connection]:
        """One transaction that nobody else writes beside: committed at the end, rolled back when it raises.

        Raises `DatabaseBusy` after `BUSY_SECONDS`, however many want to write; they count from `since` (monotonic), or
        from now. `many`: it is that of many calls, and waits for a few others of this process, not for all.
        """
        now = time.monotonic()
        began = now if since is None else since
        turn = self._turn(max(0.0, began + BUSY_SECONDS - now), many=many)
        with _translated(), turn, self._connections.for_writing(began) as connection:
            yield connection

    @contextmanager
    def _turn(self, seconds: float, *, many: bool = False) -> Iterator[None]:
        """Let the threads of this process write one after the other, instead of all polling for SQLite's lock.

        Of those that write for one call alone, `SINGLES` at a time vie with who writes for many.
        """
        end = time.monotonic() + seconds
        with ExitStack() as held:
            for lock in (self._writer,) if many else (self._singles, self._writer):
                if not lock.acquire(timeout=max(0.0, end - time.monotonic())):
                    raise DatabaseBusy
                held.callback(lock.release)
            yield

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

    def look(self, statement: str, values: tuple[object, ...]) -> Any | None:
        """Return the first row of a statement that reads, without a transaction around it. Raises sqlite3.Error."""
        connection = self.engine.raw_connection()
        try:
            with closing(connection.cursor()) as cursor:
                cursor.execute(statement, values)
                return cursor.fetchone()
        except sqlite3.Error as error:
            if sqlite.spoils(error):
                connection.invalidate(error)
                self.renew()
            raise
        finally:
            connection.close()

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


def writes(tx: Connection) -> int:
    """Return a number that grows with each row that is written by this connection."""
    driver: Any = tx.connection.driver_connection
    written: int = driver.total_changes
    return written


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
    else:
        _begin_writing(connection, patience)


def _begin_writing(connection: Connection, patience: float) -> None:
    """Wait so long for the lock that another process has: SQLite itself looks after 1 ms, then ever more rarely."""
    driver: Any = connection.connection.driver_connection
    end = time.monotonic() + patience
    driver.execute("PRAGMA busy_timeout=0")
    try:
        while time.monotonic() < end:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not sqlite.is_busy(error):
                    break
            else:
                return
            time.sleep(LOOK_SECONDS)
        # the last look; what it says is said as of any statement
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        # the last look may have closed it
        with suppress(sqlite3.ProgrammingError):
            driver.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        typed = sqlite.typed(error.orig)
        if typed is None:
            raise
        raise typed from error
    except sqlite3.Error as error:
        # of a statement that did not go through SQLAlchemy
        typed = sqlite.typed(error)
        if typed is None:
            raise
        raise typed from error
    except PoolTimeout as error:
        raise DatabaseBusy from error
