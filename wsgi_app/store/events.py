"""The outbox: events, written in the transaction of the change that they tell."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select

from wsgi_app.model import Event
from wsgi_app.states import Visibility
from wsgi_app.store.schema import events, jobs


def append(tx: Connection, rows: list[dict[str, Any]]) -> None:
    """Add events in this order; each row has time, topic, job and data."""
    if rows:
        tx.execute(insert(events), rows)


def latest(tx: Connection) -> int:
    """Return the id of the newest event, 0 when there is none."""
    return tx.execute(select(func.max(events.c.id))).scalar_one() or 0


def load_events(
    tx: Connection, *, after: int, limit: int | None, topics: list[str], user: str | None, admin: bool
) -> list[Event]:
    """Return events behind id `after`, oldest first, that the user (None: anonymous) may see."""
    query = select(events).where(events.c.id > after).order_by(events.c.id).limit(limit)
    if topics:
        query = query.where(events.c.topic.in_(topics))
    if not admin:
        query = query.outerjoin(jobs, jobs.c.id == events.c.job).where(_visible(user))
    return [Event(row.id, row.time, row.topic, row.job, row.data) for row in tx.execute(query)]


def _visible(user: str | None) -> ColumnElement[bool]:
    return or_(events.c.job.is_(None), jobs.c.visibility == Visibility.PUBLIC, jobs.c.owner == (user or ""))
