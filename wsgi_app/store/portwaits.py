"""Ports that tasks wait for, and the controller looks at."""

from collections.abc import Collection

from attrs import asdict, frozen
from sqlalchemy import Connection, Row, bindparam, insert, select, update

from wsgi_app.states import TaskStatus
from wsgi_app.store.schema import port_waits, tasks


@frozen
class PortWait:
    """A port that a task waits for: it is looked at every `interval` seconds, for `timeout` seconds (None: always)."""

    task: int
    recipe: int
    host: str
    port: int
    protocol: str
    timeout: float | None
    interval: float
    #: since when the task runs; None: it does not
    started: float | None = None

    @property
    def deadline(self) -> float | None:
        """When it is given up; None: never, or not known yet."""
        return None if self.started is None or self.timeout is None else self.started + self.timeout


@frozen
class DueWaits:
    """Waits that are due: those of running tasks, the longest due first; and the tasks of others that have ended."""

    running: tuple[PortWait, ...]
    ended: tuple[int, ...]


def insert_wait(tx: Connection, wait: PortWait, *, due: float) -> None:
    """Store a wait; it is looked at from `due` on, while its task runs."""
    values = asdict(wait, filter=lambda attribute, _: attribute.name != "started")
    tx.execute(insert(port_waits).values(**values, due=due))


def due_waits(tx: Connection, now: float) -> DueWaits:
    """Return what is due; nothing of tasks that have not started."""
    query = (
        select(port_waits, tasks.c.started, tasks.c.status)
        .join(tasks, tasks.c.id == port_waits.c.task)
        .where(port_waits.c.due <= now)
        .order_by(port_waits.c.due)
    )
    rows = tx.execute(query).all()
    ended = tuple(row.task for row in rows if TaskStatus(row.status).finished)
    return DueWaits(tuple(_wait(row) for row in rows if row.status == TaskStatus.RUNNING), ended)


def load_wait(tx: Connection, task: int) -> PortWait | None:
    """Return the wait of a task that runs, None when it does not or its wait is over."""
    query = (
        select(port_waits, tasks.c.started)
        .join(tasks, tasks.c.id == port_waits.c.task)
        .where(port_waits.c.task == task, port_waits.c.due.is_not(None), tasks.c.status == TaskStatus.RUNNING)
    )
    row = tx.execute(query).first()
    return None if row is None else _wait(row)


def put_off(tx: Connection, task: int, due: float) -> None:
    """Let a wait be looked at next at that time."""
    tx.execute(update(port_waits).where(port_waits.c.task == task).values(due=due))


def end_waits(tx: Connection, of_tasks: Collection[int]) -> None:
    """Let waits be over."""
    if of_tasks:
        one = update(port_waits).where(port_waits.c.task == bindparam("of_task")).values(due=None)
        tx.execute(one, [{"of_task": task} for task in of_tasks])


def _wait(row: Row[tuple[object, ...]]) -> PortWait:
    return PortWait(row.task, row.recipe, row.host, row.port, row.protocol, row.timeout, row.interval, row.started)
