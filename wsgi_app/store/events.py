"""The outbox: events, written in the transaction of the change that they tell."""

from collections.abc import Collection
from typing import Any

from attrs import frozen
from sqlalchemy import ColumnElement, Connection, Row, column, func, insert, or_, select, table, update

from wsgi_app.model import Event
from wsgi_app.states import Visibility
from wsgi_app.store.schema import events, jobs

_INSERT = insert(events)


@frozen
class Told:
    """An event, and the one user who may read it beside admins; None: anyone may."""

    event: Event
    private_to: str | None


@frozen
class Batch:
    """Events, up to which id there is nothing else to find, and whether there is more behind that."""

    events: tuple[Event, ...]
    reached: int
    more: bool


def append(tx: Connection, rows: list[dict[str, Any]]) -> None:
    """Add events in this order; each row has time, topic, job and data."""
    if rows:
        tx.execute(_INSERT, rows)


def latest(tx: Connection) -> int:
    """Return the id of the newest event, 0 when there is none."""
    return tx.execute(select(func.max(events.c.id))).scalar_one() or 0


def leave_out(tx: Connection, count: int) -> None:
    """Let the next `count` event ids never be given out."""
    # what SQLite counts on from; it has a row as soon as there was an event
    sequence = table("sqlite_sequence", column("name"), column("seq"))
    mine = sequence.c.name == events.name
    if tx.execute(update(sequence).where(mine).values(seq=sequence.c.seq + count)).rowcount == 0:
        tx.execute(insert(sequence).values(name=events.name, seq=count))


def load_events(
    tx: Connection, *, after: int, limit: int | None, topics: Collection[str], user: str | None, admin: bool
) -> list[Event]:
    """Return events behind id `after`, oldest first, that the user (None: anonymous) may see."""
    query = select(events).where(events.c.id > after).order_by(events.c.id).limit(limit)
    if topics:
        query = query.where(events.c.topic.in_(topics))
    if not admin:
        query = query.outerjoin(jobs, jobs.c.id == events.c.job).where(_visible(user))
    return [Event(row.id, row.time, row.topic, row.job, row.data) for row in tx.execute(query)]


def load_batch(
    tx: Connection, *, after: int, limit: int, topics: Collection[str], user: str | None, admin: bool
) -> Batch:
    """Return what `load_events` does; who goes on behind `reached` misses nothing and looks at nothing twice."""
    found = load_events(tx, after=after, limit=limit, topics=topics, user=user, admin=admin)
    more = len(found) == limit
    return Batch(tuple(found), found[-1].id if more else max(after, latest(tx)), more)


def load_told(tx: Connection, *, after: int, limit: int) -> list[Told]:
    """Return the newest events behind id `after`, oldest first, for whomever they are."""
    query = select(events, jobs.c.visibility, jobs.c.owner).outerjoin(jobs, jobs.c.id == events.c.job)
    rows = tx.execute(query.where(events.c.id > after).order_by(events.c.id.desc()).limit(limit)).all()
    return [_told(row) for row in reversed(rows)]


def load_behind(tx: Connection, *, after: int, limit: int) -> list[Told]:
    """Return the oldest events behind id `after`, oldest first, for whomever they are."""
    query = select(events, jobs.c.visibility, jobs.c.owner).outerjoin(jobs, jobs.c.id == events.c.job)
    return [_told(row) for row in tx.execute(query.where(events.c.id > after).order_by(events.c.id).limit(limit))]


def latest_before(tx: Connection, time: float) -> int:
    """Return the id of the newest event that was told before a time, 0 for none."""
    # ids and times rise together: the first step back from the end that is early enough is found by the primary key
    first, last = 0, latest(tx)
    while first < last:
        middle = (first + last + 1) // 2
        near = select(events.c.id, events.c.time).where(events.c.id <= middle).order_by(events.c.id.desc()).limit(1)
        row = tx.execute(near).one_or_none()
        if row is None or row.time < time:
            first = middle
        else:
            last = row.id - 1
    return first


def _told(row: Row[Any]) -> Told:
    return Told(
        Event(row.id, row.time, row.topic, row.job, row.data),
        None if row.job is None or row.visibility == Visibility.PUBLIC else row.owner or "",
    )


def _visible(user: str | None) -> ColumnElement[bool]:
    return or_(events.c.job.is_(None), jobs.c.visibility == Visibility.PUBLIC, jobs.c.owner == (user or ""))
