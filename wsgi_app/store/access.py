"""Tokens of users and keys of recipes: hashes only, never a secret."""

from collections.abc import Iterable

from attrs import frozen
from sqlalchemy import Connection, delete, insert, or_, select

from wsgi_app.model import Actor
from wsgi_app.store.schema import recipe_keys, tokens


def insert_token(
    tx: Connection, *, user: str, name: str, digest: str, scopes: Iterable[str], now: float, expires: float | None
) -> None:
    """Store a token by its SHA-256."""
    tx.execute(
        insert(tokens).values(user=user, name=name, hash=digest, scopes=sorted(scopes), created=now, expires=expires)
    )


def find_token(tx: Connection, digest: str, now: float) -> Actor | None:
    """Return whose valid token that is, or None."""
    row = tx.execute(
        select(tokens.c.user, tokens.c.scopes).where(
            tokens.c.hash == digest, tokens.c.revoked.is_(None), or_(tokens.c.expires.is_(None), tokens.c.expires > now)
        )
    ).one_or_none()
    return None if row is None else Actor(row.user, frozenset(row.scopes))


def revoke_named(tx: Connection, user: str, name: str, now: float) -> None:
    """Revoke the user's tokens of that name."""
    tx.execute(
        tokens.update()
        .where(tokens.c.user == user, tokens.c.name == name, tokens.c.revoked.is_(None))
        .values(revoked=now)
    )


def insert_key(tx: Connection, recipe: int, *, bearer: str, basic: str, now: float) -> None:
    """Store a recipe's key by the SHA-1 of the two headers that carry it."""
    tx.execute(insert(recipe_keys).values(recipe=recipe, bearer=bearer, basic=basic, created=now))


def delete_keys(tx: Connection, recipe: int) -> None:
    """Forget all keys of a recipe."""
    tx.execute(delete(recipe_keys).where(recipe_keys.c.recipe == recipe))


@frozen
class StoredKey:
    """A recipe's key: the SHA-1 of the two headers that carry it."""

    id: int
    bearer: str
    basic: str


def older_keys(tx: Connection, recipe: int, *, keep: int) -> list[StoredKey]:
    """Return a recipe's keys but for the newest few."""
    query = select(recipe_keys).where(recipe_keys.c.recipe == recipe).order_by(recipe_keys.c.id.desc()).offset(keep)
    return [StoredKey(row.id, row.bearer, row.basic) for row in tx.execute(query)]


def delete_key(tx: Connection, key: int) -> None:
    """Forget one key."""
    tx.execute(delete(recipe_keys).where(recipe_keys.c.id == key))


def load_keys(tx: Connection, recipe: int) -> list[str]:
    """Return the header hashes of a recipe's keys."""
    rows = tx.execute(select(recipe_keys.c.bearer, recipe_keys.c.basic).where(recipe_keys.c.recipe == recipe))
    return [digest for row in rows for digest in (row.bearer, row.basic)]
