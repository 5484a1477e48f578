"""Tokens of users and keys of recipes: hashes only, never a secret."""

from collections.abc import Iterable
from typing import Any

from attrs import evolve, frozen
from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from wsgi_app.model import Token
from wsgi_app.store.schema import recipe_keys, tokens


def insert_token(
    tx: Connection, *, user: str, name: str, digest: str, scopes: Iterable[str], now: float, expires: float | None
) -> Token:
    """Store a token by its SHA-256."""
    token = Token(0, user, name, tuple(sorted(scopes)), now, expires)
    values = {"user": user, "name": name, "scopes": list(token.scopes), "created": now, "expires": expires}
    number = tx.execute(insert(tokens).values(hash=digest, **values).returning(tokens.c.id)).scalar_one()
    return evolve(token, id=number)


def find_token(tx: Connection, digest: str, now: float) -> Token | None:
    """Return the valid token with that SHA-256, or None."""
    valid = tokens.c.revoked.is_(None), or_(tokens.c.expires.is_(None), tokens.c.expires > now)
    row = tx.execute(select(tokens).where(tokens.c.hash == digest, *valid)).one_or_none()
    return None if row is None else _token(row)


def load_token(tx: Connection, token: int) -> Token | None:
    """Return a token that nobody has revoked, or None."""
    row = tx.execute(select(tokens).where(tokens.c.id == token, tokens.c.revoked.is_(None))).one_or_none()
    return None if row is None else _token(row)


def load_tokens(tx: Connection, *, user: str | None, after: int, limit: int) -> list[Token]:
    """Return the tokens of a user (None: of all) that nobody has revoked, oldest first, those behind `after`."""
    query = select(tokens).where(tokens.c.revoked.is_(None), tokens.c.id > after).order_by(tokens.c.id).limit(limit)
    if user is not None:
        query = query.where(tokens.c.user == user)
    return [_token(row) for row in tx.execute(query)]


def revoke_token(tx: Connection, token: int, now: float) -> None:
    """Revoke a token."""
    tx.execute(update(tokens).where(tokens.c.id == token).values(revoked=now))


def revoke_named(tx: Connection, user: str, name: str, now: float) -> None:
    """Revoke the user's tokens of that name."""
    tx.execute(
        update(tokens)
        .where(tokens.c.user == user, tokens.c.name == name, tokens.c.revoked.is_(None))
        .values(revoked=now)
    )


def insert_key(tx: Connection, recipe: int, *, bearer: str, basic: str, claimed: bool, now: float) -> None:
    """Store a recipe's key by the SHA-1 of the two headers that carry it, and whether its system claimed it."""
    values = {"recipe": recipe, "bearer": bearer, "basic": basic, "claimed": claimed, "created": now}
    tx.execute(insert(recipe_keys).values(values))


def delete_keys(tx: Connection, recipe: int) -> None:
    """Forget all keys of a recipe."""
    tx.execute(delete(recipe_keys).where(recipe_keys.c.recipe == recipe))


@frozen
class StoredKey:
    """A recipe's key: the SHA-1 of the two headers that carry it."""

    id: int
    bearer: str
    basic: str


def older_keys(tx: Connection, recipe: int, *, claimed: bool, keep: int) -> list[StoredKey]:
    """Return those of a recipe's keys that were claimed, or were not, but for the newest few."""
    mine = select(recipe_keys).where(recipe_keys.c.recipe == recipe, recipe_keys.c.claimed.is_(claimed))
    rows = tx.execute(mine.order_by(recipe_keys.c.id.desc()).offset(keep))
    return [StoredKey(row.id, row.bearer, row.basic) for row in rows]


def delete_key(tx: Connection, key: int) -> None:
    """Forget one key."""
    tx.execute(delete(recipe_keys).where(recipe_keys.c.id == key))


def load_keys(tx: Connection, recipe: int) -> list[str]:
    """Return the header hashes of a recipe's keys."""
    rows = tx.execute(select(recipe_keys.c.bearer, recipe_keys.c.basic).where(recipe_keys.c.recipe == recipe))
    return [digest for row in rows for digest in (row.bearer, row.basic)]


def _token(row: Row[Any]) -> Token:
    return Token(row.id, row.user, row.name, tuple(row.scopes), row.created, row.expires)
