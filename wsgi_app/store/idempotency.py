"""Idempotency keys: what a caller's retried call has made already."""

from attrs import frozen
from sqlalchemy import Connection, delete, insert, select

from wsgi_app.store.schema import idempotency


@frozen
class Use:
    """What a key was used for: the SHA-256 of what was asked, and the id of what that made."""

    request: str
    made: int


def find_use(tx: Connection, scope: str, key: str, *, since: float) -> Use | None:
    """Return what a key was used for since that time, or None."""
    row = tx.execute(
        select(idempotency.c.request, idempotency.c.made).where(
            idempotency.c.scope == scope, idempotency.c.key == key, idempotency.c.created >= since
        )
    ).one_or_none()
    return None if row is None else Use(row.request, row.made)


def insert_use(tx: Connection, scope: str, key: str, use: Use, *, now: float, forget: float) -> None:
    """Note what a key was used for; uses before the time `forget` are forgotten."""
    tx.execute(delete(idempotency).where(idempotency.c.created < forget))
    tx.execute(insert(idempotency).values(scope=scope, key=key, request=use.request, made=use.made, created=now))
