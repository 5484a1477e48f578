"""Deliveries: messages to receivers outside, each with its attempts."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from wsgi_app.notification import Attempt, Delivery, DeliveryState, Draft, Method, Moment, Outcome
from wsgi_app.store.noticejson import order_of, order_value
from wsgi_app.store.noticetables import deliveries, delivery_attempts

#: values that a query names at a time
_MANY = 500
#: what is due and goes to one target, of which a sender is told
_OF_ONE = 200


def insert_drafts(tx: Connection, drafts: Sequence[Draft], now: float) -> int:
    """Store deliveries, but those whose keys there are already; return how many."""
    rows = [_row(draft, now) for draft in drafts]
    return sum(tx.execute(upsert(deliveries).values(row).on_conflict_do_nothing()).rowcount for row in rows)


def insert_draft(tx: Connection, draft: Draft, now: float) -> int:
    """Store one delivery, whose key there must not be, and return its id."""
    found: int = tx.execute(insert(deliveries).values(_row(draft, now)).returning(deliveries.c.id)).scalar_one()
    return found


def load_delivery(tx: Connection, number: int) -> Delivery | None:
    """Return a delivery, or None."""
    row = tx.execute(select(deliveries).where(deliveries.c.id == number)).one_or_none()
    return None if row is None else _delivery(row)


def load_page(tx: Connection, where: Sequence[ColumnElement[bool]], *, after: int, limit: int) -> list[Delivery]:
    """Return deliveries, newest first, those before id `after` when it is not 0."""
    query = select(deliveries).where(*where).order_by(deliveries.c.id.desc()).limit(limit)
    return _all(tx, query.where(deliveries.c.id < after) if after else query)


def chosen(
    *,
    owner: str | None = None,
    states: Collection[DeliveryState] = (),
    methods: Collection[Method] = (),
    recipe: int | None = None,
    job: int | None = None,
) -> list[ColumnElement[bool]]:
    """Conditions for listing deliveries."""
    columns, found = deliveries.c, list[ColumnElement[bool]]()
    found += [] if owner is None else [columns.owner == owner]
    found += [columns.state.in_(states)] if states else []
    found += [columns.method.in_(methods)] if methods else []
    found += [] if recipe is None else [columns.recipe == recipe]
    found += [] if job is None else [columns.job == job]
    return found


def load_due(tx: Connection, now: float, limit: int, without: Collection[int]) -> list[Delivery]:
    """Return what waits and is due, the longest first, but those; of what goes to one target no more than `_OF_ONE`."""
    # a receiver that is down must not fill every place with what has waited for it the longest
    place = func.row_number().over(
        partition_by=(deliveries.c.method, deliveries.c.target), order_by=(deliveries.c.due, deliveries.c.id)
    )
    ranked = select(deliveries.c.id, place.label("place")).where(deliveries.c.due <= now).subquery()
    few = select(ranked.c.id).where(ranked.c.place <= _OF_ONE)
    # as many more as those are: a list of thousands is no condition
    query = _waiting().where(deliveries.c.id.in_(few)).limit(limit + len(without))
    return [one for one in _all(tx, query) if one.id not in without][:limit]


def next_due(tx: Connection, without: Collection[int]) -> float | None:
    """Return when what waits is due first, but those; None: nothing waits."""
    query = select(deliveries.c.id, deliveries.c.due).where(deliveries.c.due.is_not(None))
    rows = tx.execute(query.order_by(deliveries.c.due, deliveries.c.id).limit(1 + len(without)))
    return next((row.due for row in rows if row.id not in without), None)


def load_waiting(tx: Connection) -> list[Delivery]:
    """Return all that wait, the one that is due first before the others."""
    return _all(tx, _waiting())


def load_keyed(tx: Connection, keys: Collection[str]) -> dict[str, Delivery]:
    """Return the deliveries of these keys, those that there are."""
    ordered = sorted(keys)
    found: dict[str, Delivery] = {}
    for first in range(0, len(ordered), _MANY):
        query = select(deliveries).where(deliveries.c.key.in_(ordered[first : first + _MANY]))
        found.update((one.key, one) for one in _all(tx, query))
    return found


def load_numbered(tx: Connection, numbers: Collection[int]) -> dict[int, Delivery]:
    """Return the deliveries of these ids, those that there are."""
    ordered = sorted(numbers)
    found: dict[int, Delivery] = {}
    for first in range(0, len(ordered), _MANY):
        query = select(deliveries).where(deliveries.c.id.in_(ordered[first : first + _MANY]))
        found.update((one.id, one) for one in _all(tx, query))
    return found


def copies(tx: Connection, key: str) -> int:
    """Return how many deliveries repeat the one of a key."""
    # keys are ours: none of their letters means anything to LIKE but the underline, which they have none of
    repeats = select(func.count()).where(deliveries.c.key.like(f"{key}-r%"))
    return tx.execute(repeats).scalar_one()


def update_delivery(tx: Connection, number: int, **values: Any) -> None:
    """Change columns of a delivery."""
    tx.execute(update(deliveries).where(deliveries.c.id == number).values(**values))


def insert_attempt(tx: Connection, attempt: Attempt) -> None:
    """Store an attempt."""
    tx.execute(
        insert(delivery_attempts).values(
            delivery=attempt.delivery,
            number=attempt.number,
            began=attempt.began,
            seconds=attempt.seconds,
            outcome=attempt.outcome,
            status=attempt.status,
            reason=attempt.reason,
        )
    )


def load_attempts(tx: Connection, delivery: int) -> list[Attempt]:
    """Return the attempts at a delivery, in their order."""
    query = select(delivery_attempts).where(delivery_attempts.c.delivery == delivery)
    return [
        Attempt(row.delivery, row.number, row.began, row.seconds, Outcome(row.outcome), row.status, row.reason)
        for row in tx.execute(query.order_by(delivery_attempts.c.number))
    ]


def count_states(tx: Connection) -> dict[DeliveryState, int]:
    """Return how many deliveries there are in each state."""
    rows = tx.execute(select(deliveries.c.state, func.count()).group_by(deliveries.c.state))
    found = {DeliveryState(row[0]): row[1] for row in rows}
    return {state: found.get(state, 0) for state in DeliveryState}


def failed_since(tx: Connection, time: float) -> list[tuple[Method, str, int]]:
    """Return how many deliveries have failed since then, by method and reason, the most first.

    Tests, and what was sent once more, do not count.
    """
    again = deliveries.alias("again")
    columns, number = deliveries.c, func.count()
    query = (
        select(columns.method, columns.reason, number)
        .where(columns.state == DeliveryState.FAILED, columns.ended >= time, columns.recipe.is_not(None))
        .where(~select(again.c.id).where(again.c.copy_of == columns.id).exists())
        .group_by(columns.method, columns.reason)
        .order_by(number.desc(), columns.method, columns.reason)
    )
    return [(Method(row[0]), row[1] or "", row[2]) for row in tx.execute(query)]


def forget(tx: Connection, *, before: float, keep: int, limit: int) -> int:
    """Forget at most `limit` deliveries that are over: those made before that time, and all but the newest `keep`."""
    over = deliveries.c.state != DeliveryState.WAITING
    newest = select(deliveries.c.id).order_by(deliveries.c.id.desc()).offset(keep).limit(1).scalar_subquery()
    old = (deliveries.c.created < before) | (deliveries.c.id <= func.coalesce(newest, 0))
    which = select(deliveries.c.id).where(over, old).order_by(deliveries.c.id).limit(limit)
    numbers = list(tx.execute(which).scalars())
    for first in range(0, len(numbers), _MANY):
        part = numbers[first : first + _MANY]
        tx.execute(delete(delivery_attempts).where(delivery_attempts.c.delivery.in_(part)))
        tx.execute(delete(deliveries).where(deliveries.c.id.in_(part)))
    return len(numbers)


def _waiting() -> Select[Any]:
    # what is due waits, and nothing else is
    return select(deliveries).where(deliveries.c.due.is_not(None)).order_by(deliveries.c.due, deliveries.c.id)


def _all(tx: Connection, query: Select[Any]) -> list[Delivery]:
    return [_delivery(row) for row in tx.execute(query)]


def _row(draft: Draft, now: float) -> dict[str, Any]:
    refused = draft.refused is not None
    return {
        "key": draft.key,
        "recipe": draft.recipe,
        "job": draft.job,
        "owner": draft.owner,
        "transition": draft.transition,
        "method": draft.method,
        "target": draft.target,
        "spec": order_value(draft.order),
        "state": DeliveryState.FAILED if refused else DeliveryState.WAITING,
        "due": None if refused else now,
        "created": now,
        "ended": now if refused else None,
        "reason": draft.refused,
        "copy_of": draft.copy_of,
    }


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        key=row.key,
        recipe=row.recipe,
        job=row.job,
        owner=row.owner,
        transition=Moment(row.transition),
        method=Method(row.method),
        target=row.target,
        order=order_of(row.spec),
        state=DeliveryState(row.state),
        attempts=row.attempts,
        due=row.due,
        created=row.created,
        ended=row.ended,
        reason=row.reason,
        status=row.status,
        copy_of=row.copy_of,
    )
