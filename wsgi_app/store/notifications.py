"""Whom jobs want to be told of their recipes; what was decided of that already; where users are reached."""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from wsgi_app.model import Event
from wsgi_app.notification import Address, Moment, Notify
from wsgi_app.store.noticejson import notify_of, notify_value
from wsgi_app.store.noticetables import addresses, notifications, readers, told
from wsgi_app.store.schema import events

#: values that a query names at a time
_MANY = 500


def insert_notify(tx: Connection, job: int, notify: Notify) -> None:
    """Store whom a job that exists wants to be told."""
    tx.execute(insert(notifications).values(job=job, notify=notify_value(notify)))


def load_notify(tx: Connection, job: int) -> Notify | None:
    """Return whom a job wants to be told, None: nobody. Raises `Conflict` when that cannot be read."""
    found = tx.execute(select(notifications.c.notify).where(notifications.c.job == job)).scalar_one_or_none()
    return None if found is None else notify_of(found)


def with_notify(tx: Connection, jobs: Collection[int]) -> set[int]:
    """Return those of these jobs that want somebody to be told."""
    ordered = sorted(jobs)
    found: set[int] = set()
    for first in range(0, len(ordered), _MANY):
        query = select(notifications.c.job).where(notifications.c.job.in_(ordered[first : first + _MANY]))
        found.update(tx.execute(query).scalars())
    return found


def was_told(tx: Connection, recipe: int, transition: Moment) -> bool:
    """Return whether it was decided before whom to tell of a recipe's transition."""
    query = select(told.c.recipe).where(told.c.recipe == recipe, told.c.transition == transition)
    return tx.execute(query).first() is not None


def note_told(tx: Connection, transitions: Iterable[tuple[int, Moment]]) -> None:
    """Note that it was decided whom to tell of these transitions of recipes."""
    rows = [{"recipe": recipe, "transition": transition} for recipe, transition in transitions]
    if rows:
        tx.execute(upsert(told).on_conflict_do_nothing(), rows)


def reached(tx: Connection, reader: str) -> int:
    """Return the id of the event up to which a reader has come; 0: it has not begun."""
    return tx.execute(select(readers.c.reached).where(readers.c.name == reader)).scalar_one_or_none() or 0


def move(tx: Connection, reader: str, event: int) -> None:
    """Note up to which event a reader has come."""
    if tx.execute(update(readers).where(readers.c.name == reader).values(reached=event)).rowcount == 0:
        tx.execute(insert(readers).values(name=reader, reached=event))


def recipe_events(tx: Connection, after: int, limit: int) -> tuple[list[Event], int]:
    """Return the events of recipes among the next `limit` behind that one, and which is the last of all those."""
    window = select(events.c.id).where(events.c.id > after).order_by(events.c.id).limit(limit).subquery()
    last = tx.execute(select(func.max(window.c.id))).scalar_one()
    if last is None:
        return [], after
    query = select(events).where(events.c.id > after, events.c.id <= last, events.c.topic == "recipe")
    rows = tx.execute(query.order_by(events.c.id))
    return [Event(row.id, row.time, row.topic, row.job, row.data) for row in rows], last


def settled_behind(tx: Connection, after: int) -> dict[int, int]:
    """Return the recipes that were settled by events behind that one, each with the event."""
    # only what settles a recipe says whether it is late
    number, late = events.c.data["id"].as_integer(), events.c.data["late"].as_boolean()
    query = select(number, func.min(events.c.id)).where(
        events.c.id > after, events.c.topic == "recipe", late.is_not(None)
    )
    return {row[0]: row[1] for row in tx.execute(query.group_by(number))}


def load_address(tx: Connection, user: str) -> Address | None:
    """Return where a user can be reached, None: nobody has said."""
    row = tx.execute(select(addresses).where(addresses.c.user == user)).one_or_none()
    return None if row is None else Address(row.user, row.email, row.irc_handle, row.irc_server)


def load_addresses(tx: Connection) -> list[Address]:
    """Return where users can be reached, in order of name."""
    rows = tx.execute(select(addresses).order_by(addresses.c.user))
    return [Address(row.user, row.email, row.irc_handle, row.irc_server) for row in rows]


def put_address(tx: Connection, address: Address) -> None:
    """Note where a user can be reached, in place of what was known."""
    values = {"email": address.email, "irc_handle": address.irc_handle, "irc_server": address.irc_server}
    statement = upsert(addresses).values(user=address.user, **values)
    tx.execute(statement.on_conflict_do_update(index_elements=[addresses.c.user], set_=values))


def delete_address(tx: Connection, user: str) -> None:
    """Forget where a user can be reached."""
    tx.execute(delete(addresses).where(addresses.c.user == user))
