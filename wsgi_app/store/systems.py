"""Systems."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from wsgi_app.model import System
from wsgi_app.states import SystemHealth
from wsgi_app.store.schema import systems, workers


def insert_system(tx: Connection, system: System) -> None:
    """Store a new system."""
    tx.execute(
        insert(systems).values(
            name=system.name,
            type=system.type,
            tags=list(system.tags),
            address=system.address,
            health=system.health,
            reason=system.reason,
            description=system.description,
            owner=system.owner,
        )
    )


def load_system(tx: Connection, name: str) -> System | None:
    """Return a system, or None."""
    row = tx.execute(select(systems).where(systems.c.name == name)).one_or_none()
    return None if row is None else system_of(row)


def load_systems(
    tx: Connection, *, health: Collection[SystemHealth] = (), after: str = "", limit: int | None = None
) -> list[System]:
    """Return systems (of this health, if one is named) in order of name, those behind `after`."""
    query = select(systems).where(systems.c.name > after).order_by(systems.c.name)
    if health:
        query = query.where(systems.c.health.in_(health))
    return [system_of(row) for row in tx.execute(query if limit is None else query.limit(limit))]


def load_named(tx: Connection, names: Collection[str]) -> list[System]:
    """Return those of the systems that there are, in any order; at most some thousand."""
    return [system_of(row) for row in tx.execute(select(systems).where(systems.c.name.in_(names)))] if names else []


def free_systems(tx: Connection, now: float) -> list[System]:
    """Return the healthy systems that said lately that they are free, in order of name."""
    free = select(systems).where(systems.c.recipe.is_(None), systems.c.claimed_until > now).order_by(systems.c.name)
    return [system for system in map(system_of, tx.execute(free)) if system.health.usable]


def update_system(tx: Connection, name: str, **values: Any) -> None:
    """Change columns of a system."""
    tx.execute(update(systems).where(systems.c.name == name).values(**values))


def release(tx: Connection, recipe: int, *, claim_ends: float | None) -> None:
    """Free the system that holds the recipe; what it claimed for that is over then (None: it still counts)."""
    values: dict[str, Any] = {"recipe": None}
    if claim_ends is not None:
        values["claimed_until"] = claim_ends
    tx.execute(update(systems).where(systems.c.recipe == recipe).values(**values))


def forget_claims(tx: Connection) -> None:
    """Let no system count as being there, and no address open the gate of what its system ran last."""
    tx.execute(update(systems).values(claimed_until=None, last_recipe=None))
    tx.execute(update(workers).values(gateway=None, in_hand=None, leaving=False))


def delete_system(tx: Connection, name: str) -> None:
    """Forget a system."""
    tx.execute(delete(systems).where(systems.c.name == name))


def key_hash(tx: Connection, name: str) -> str | None:
    """Return the SHA-256 of the system's key, or None when it has none."""
    return tx.execute(select(systems.c.key_hash).where(systems.c.name == name)).scalar_one_or_none()


def system_of(row: Row[Any]) -> System:
    """Return a row of the table of systems as a system."""
    return System(
        name=row.name,
        type=row.type,
        tags=tuple(row.tags),
        address=row.address,
        health=SystemHealth(row.health),
        reason=row.reason,
        recipe=row.recipe,
        last_seen=row.last_seen,
        claimed_until=row.claimed_until,
        last_recipe=row.last_recipe,
        description=row.description,
        owner=row.owner,
    )
