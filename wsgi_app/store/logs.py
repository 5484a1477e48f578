"""Logs: what is known of them, what was declared, what was found in them."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from attrs import frozen
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from wsgi_app.model import Declaration, Log, LogIndex, Mark
from wsgi_app.states import LogState
from wsgi_app.store.schema import logs, tasks


@frozen
class Standing:
    """How far a registered log is."""

    recipe: int
    path: str
    state: LogState
    size: int
    sha256: str | None
    declared: Declaration | None


def insert_log(
    tx: Connection, recipe: int, path: str, *, task: int | None, result: int | None, size: int, now: float
) -> None:
    """Register a growing log."""
    tx.execute(
        insert(logs).values(
            recipe=recipe,
            path=path,
            task=task,
            result=result,
            registered=now,
            size=size,
            state=LogState.GROWING,
            marks=[],
        )
    )


def load_log(tx: Connection, recipe: int, path: str) -> Log | None:
    """Return a registered log, or None."""
    row = tx.execute(select(logs).where(logs.c.recipe == recipe, logs.c.path == path)).one_or_none()
    return None if row is None else _log(row)


def known_log(tx: Connection, recipe: int, path: str) -> Log:
    """Return a log that is registered."""
    return _log(tx.execute(select(logs).where(logs.c.recipe == recipe, logs.c.path == path)).one())


def log_names(tx: Connection, recipe: int, below: str) -> list[str]:
    """Return the paths of a recipe's logs that begin with `below`, in the order in which they came to be."""
    query = select(logs.c.path).where(logs.c.recipe == recipe, logs.c.path.startswith(below, autoescape=True))
    return list(tx.execute(query.order_by(logs.c.registered, logs.c.path)).scalars())


def load_logs(
    tx: Connection, recipe: int, *, states: Collection[LogState] = (), after: str = "", limit: int | None = None
) -> list[Log]:
    """Return a recipe's logs (in these states, if there are any) in order of path, those behind `after`."""
    query = select(logs).where(logs.c.recipe == recipe, logs.c.path > after).order_by(logs.c.path)
    if states:
        query = query.where(logs.c.state.in_(states))
    return [_log(row) for row in tx.execute(query if limit is None else query.limit(limit))]


def count_logs(tx: Connection, recipe: int) -> int:
    """Return how many task and result logs a recipe has; its own do not count."""
    return tx.execute(select(func.count()).where(logs.c.recipe == recipe, logs.c.task.is_not(None))).scalar_one()


def count_by_state(tx: Connection, recipe: int | None = None) -> dict[LogState, int]:
    """Return how many logs are in which state: of a recipe, or of all."""
    query = select(logs.c.state, func.count()).group_by(logs.c.state)
    if recipe is not None:
        query = query.where(logs.c.recipe == recipe)
    found = {LogState(state): number for state, number in tx.execute(query)}
    return {state: found.get(state, 0) for state in LogState}


def sum_bytes(tx: Connection, recipe: int) -> int:
    """Return how many bytes all logs of a recipe have, as last seen."""
    total: int = tx.execute(select(func.coalesce(func.sum(logs.c.size), 0)).where(logs.c.recipe == recipe)).scalar_one()
    return total


def standings(tx: Connection, recipes: Iterable[int]) -> list[Standing]:
    """Return how far all registered logs of these recipes are."""
    names = ("recipe", "path", "state", "size", "sha256", "declared_size", "declared_sha256")
    query = select(*(logs.c[name] for name in names)).where(logs.c.recipe.in_(list(recipes)))
    return [
        Standing(row.recipe, row.path, LogState(row.state), row.size, row.sha256, _declaration(row))
        for row in tx.execute(query)
    ]


def tasks_of(tx: Connection, recipes: Iterable[int]) -> Mapping[int, int]:
    """Return task id to recipe id for all tasks of these recipes."""
    query = select(tasks.c.id, tasks.c.recipe).where(tasks.c.recipe.in_(list(recipes)))
    return {row.id: row.recipe for row in tx.execute(query)}


def delete_growing(tx: Connection, recipe: int) -> None:
    """Forget the recipe's logs that were not indexed."""
    tx.execute(delete(logs).where(logs.c.recipe == recipe, logs.c.state == LogState.GROWING))


def set_log(tx: Connection, recipe: int, path: str, **values: Any) -> None:
    """Change columns of a log."""
    tx.execute(update(logs).where(logs.c.recipe == recipe, logs.c.path == path).values(**values))


def set_declared(tx: Connection, recipe: int, path: str, declared: Declaration) -> None:
    """Note what a log is going to be; what was found in it before was looked at with other eyes."""
    set_log(tx, recipe, path, declared_size=declared.size, declared_sha256=declared.sha256, sha256=None)


def set_log_index(tx: Connection, recipe: int, path: str, index: LogIndex, state: LogState) -> None:
    """Store what indexing a log found, its results apart."""
    set_log(tx, recipe, path, **_index_values(index, state))


def holds_index(tx: Connection, recipe: int, path: str, index: LogIndex, state: LogState) -> bool:
    """Return whether that is what is stored already."""
    row = tx.execute(select(logs).where(logs.c.recipe == recipe, logs.c.path == path)).one_or_none()
    return row is not None and all(getattr(row, name) == value for name, value in _index_values(index, state).items())


def _index_values(index: LogIndex, state: LogState) -> dict[str, Any]:
    return {
        "size": index.size,
        "state": state,
        "sha256": index.sha256,
        "lines": index.lines,
        "offsets": index.offsets,
        "format": index.format,
        "marks": [[mark.kind, mark.line, mark.title] for mark in index.marks],
    }


def _log(row: Row[Any]) -> Log:
    return Log(
        recipe=row.recipe,
        path=row.path,
        task=row.task,
        result=row.result,
        size=row.size,
        state=LogState(row.state),
        sha256=row.sha256,
        lines=row.lines,
        format=row.format,
        marks=tuple(Mark(kind, line, title) for kind, line, title in row.marks),
        declared=_declaration(row),
    )


def _declaration(row: Row[Any]) -> Declaration | None:
    if row.declared_size is None and row.declared_sha256 is None:
        return None
    return Declaration(row.declared_size, row.declared_sha256)
