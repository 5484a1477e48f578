"""Workers, and the gateways that they are connected to."""

from collections.abc import Collection, Sequence
from typing import Any

from attrs import frozen
from sqlalchemy import Connection, Row, and_, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from wsgi_app.model import Worker
from wsgi_app.states import RecipeStatus, SystemHealth
from wsgi_app.store.schema import gateways, recipes, systems, workers
from wsgi_app.store.systems import system_of

#: seconds for which a gateway counts as being there without another roll call
ONLINE_SECONDS = 90.0
#: values that a query names at a time
_MANY = 500

_JOINED = workers.join(systems, systems.c.name == workers.c.name).outerjoin(
    gateways, gateways.c.id == workers.c.gateway
)
_FLEET = select(
    workers,
    gateways.c.seen,
    systems.c.health,
    systems.c.recipe,
    systems.c.last_seen,
    systems.c.claimed_until,
).select_from(_JOINED)
_CHANGE = update(workers).where(workers.c.name == bindparam("which"))


@frozen
class Member:
    """A worker and of its system what a roll call asks for; times are seconds since the epoch."""

    name: str
    detach: bool
    shutdown: bool
    gateway: str | None
    #: when that gateway called the roll last
    seen: float | None
    version: str | None
    address: str | None
    heard: float | None
    in_hand: int | None
    leaving: bool
    health: SystemHealth
    #: the recipe that its system holds
    recipe: int | None
    last_seen: float | None
    claimed_until: float | None

    def online(self, now: float) -> bool:
        """Whether a gateway has said lately that it is connected."""
        return self.gateway is not None and _lately(self.seen, now)


@frozen
class Held:
    """What is to be known of a recipe in order to start or stop it."""

    id: int
    status: RecipeStatus
    system: str | None
    reason: str | None
    #: its system has asked for it
    taken: bool


def insert_worker(tx: Connection, name: str, *, password_md5: str, detach: bool) -> None:
    """Store a new worker of a system."""
    tx.execute(insert(workers).values(name=name, password_md5=password_md5, detach=detach))


def exists(tx: Connection, name: str) -> bool:
    """Return whether there is such a worker."""
    return tx.execute(select(workers.c.name).where(workers.c.name == name)).one_or_none() is not None


def load_worker(tx: Connection, name: str, now: float) -> Worker | None:
    """Return a worker with its system, or None."""
    found = _load(tx, now, workers.c.name == name, 1)
    return found[0] if found else None


def load_workers(tx: Connection, now: float, *, after: str = "", limit: int | None = None) -> list[Worker]:
    """Return workers with their systems in order of name, those behind `after`."""
    return _load(tx, now, workers.c.name > after, limit)


def load_named(tx: Connection, names: Collection[str], now: float) -> dict[str, Worker]:
    """Return those systems' workers, by name."""
    return {worker.name: worker for worker in _load(tx, now, workers.c.name.in_(names), None)} if names else {}


def update_worker(tx: Connection, name: str, **values: Any) -> None:
    """Change columns of a worker."""
    tx.execute(update(workers).where(workers.c.name == name).values(**values))


def delete_worker(tx: Connection, name: str) -> None:
    """Forget a worker; its system stays."""
    tx.execute(delete(workers).where(workers.c.name == name))


def password_md5(tx: Connection, name: str) -> str | None:
    """Return the MD5 of a worker's password in hex, or None: there is no such worker."""
    return tx.execute(select(workers.c.password_md5).where(workers.c.name == name)).scalar_one_or_none()


def detaches(tx: Connection, name: str) -> bool:
    """Return whether a worker's tasks are to outlive its connection."""
    return bool(tx.execute(select(workers.c.detach).where(workers.c.name == name)).scalar_one_or_none())


def count_online(tx: Connection, now: float) -> tuple[int, int, int]:
    """Return how many workers are connected and free, connected and at work, and not connected."""
    busy = func.coalesce(workers.c.in_hand, systems.c.recipe).is_not(None)
    lately = and_(workers.c.gateway.is_not(None), gateways.c.seen > now - ONLINE_SECONDS)
    query = select(
        func.count(),
        func.coalesce(func.sum(func.iif(lately, 1, 0)), 0),
        func.coalesce(func.sum(func.iif(and_(lately, busy), 1, 0)), 0),
    ).select_from(_JOINED)
    every, online, at_work = tx.execute(query).one()
    return online - at_work, at_work, every - online


def load_fleet(tx: Connection) -> dict[str, Member]:
    """Return all workers by name, as a roll call needs them."""
    return {row.name: _member(row) for row in tx.execute(_FLEET)}


def newest(tx: Connection, gateway: str) -> int | None:
    """Return the sequence of a gateway's newest roll call, or None: it never made one."""
    return tx.execute(select(gateways.c.sequence).where(gateways.c.id == gateway)).scalar_one_or_none()


def sequences(tx: Connection) -> tuple[tuple[str, int], ...]:
    """Return each gateway with the sequence of its newest roll call."""
    rows = tx.execute(select(gateways.c.id, gateways.c.sequence).order_by(gateways.c.id))
    return tuple((row.id, row.sequence) for row in rows)


def note_call(tx: Connection, gateway: str, sequence: int, now: float) -> None:
    """Note a gateway's roll call."""
    values = {"sequence": sequence, "seen": now}
    statement = upsert(gateways).values(id=gateway, **values)
    tx.execute(statement.on_conflict_do_update(index_elements=[gateways.c.id], set_=values))


def forget_gateways(tx: Connection, before: float) -> None:
    """Forget gateways that were not there since then, and whose workers are elsewhere."""
    of_workers = select(workers.c.gateway).where(workers.c.gateway.is_not(None))
    tx.execute(delete(gateways).where(gateways.c.seen < before, gateways.c.id.not_in(of_workers)))


def update_members(tx: Connection, values: Sequence[dict[str, Any]]) -> None:
    """Note what gateways said of workers: of each (`which`) these columns, the same of all."""
    if values:
        tx.execute(_CHANGE.values({name: bindparam(name) for name in values[0] if name != "which"}), values)


def update_claims(tx: Connection, values: Sequence[dict[str, Any]]) -> None:
    """Note of systems (`which`) when they were seen (`seen`, None: not) and until when they claim (`until`)."""
    if values:
        statement = (
            update(systems)
            .where(systems.c.name == bindparam("which"))
            .values(
                # an older word never takes a newer one back
                last_seen=func.nullif(
                    func.max(func.coalesce(systems.c.last_seen, 0.0), func.coalesce(bindparam("seen"), 0.0)), 0.0
                ),
                claimed_until=bindparam("until"),
            )
        )
        tx.execute(statement, values)


def load_held(tx: Connection, numbers: Collection[int]) -> dict[int, Held]:
    """Return what of recipes is to be known in order to start or stop them, by id; those that there are."""
    ordered = sorted(numbers)
    found: dict[int, Held] = {}
    columns = recipes.c.id, recipes.c.status, recipes.c.system, recipes.c.reason, recipes.c.taken
    for first in range(0, len(ordered), _MANY):
        query = select(*columns).where(recipes.c.id.in_(ordered[first : first + _MANY]))
        for row in tx.execute(query):
            taken = row.taken is not None
            found[row.id] = Held(row.id, RecipeStatus(row.status), row.system, row.reason, taken)
    return found


def _load(tx: Connection, now: float, where: Any, limit: int | None) -> list[Worker]:
    columns = (column.label(f"worker_{column.name}") for column in workers.c)
    query = select(systems, *columns, gateways.c.seen).select_from(_JOINED).where(where).order_by(workers.c.name)
    return [_worker(row, now) for row in tx.execute(query if limit is None else query.limit(limit))]


def _worker(row: Row[Any], now: float) -> Worker:
    return Worker(
        name=row.worker_name,
        online=row.worker_gateway is not None and _lately(row.seen, now),
        version=row.worker_version,
        address=row.worker_address,
        connected=row.worker_connected,
        last_seen=row.worker_heard,
        detach=row.worker_detach,
        leaving=row.worker_leaving or row.worker_shutdown,
        system=system_of(row),
    )


def _lately(seen: float | None, now: float) -> bool:
    return seen is not None and seen > now - ONLINE_SECONDS


def _member(row: Row[Any]) -> Member:
    return Member(
        name=row.name,
        detach=row.detach,
        shutdown=row.shutdown,
        gateway=row.gateway,
        seen=row.seen,
        version=row.version,
        address=row.address,
        heard=row.heard,
        in_hand=row.in_hand,
        leaving=row.leaving,
        health=SystemHealth(row.health),
        recipe=row.recipe,
        last_seen=row.last_seen,
        claimed_until=row.claimed_until,
    )
