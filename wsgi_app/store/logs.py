"""Logs: what is known of them, what was declared, what was found in them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from attrs import frozen
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from wsgi_app.model import Declaration, Log, LogAddress, LogIndex, Mark
from wsgi_app.states import LogState
from wsgi_app.store.schema import logs, recipes

#: values in one statement
PORTION = 500

#: what is told of a log: not the offsets of its lines, which are large
_TOLD = tuple(column for column in logs.columns if column.name != "offsets")
_LOG = select(*_TOLD).where(logs.c.recipe == bindparam("recipe"), logs.c.path == bindparam("path"))
_USED = select(recipes.c.log_bytes, recipes.c.log_count).where(recipes.c.id == bindparam("recipe"))
_INSERT = insert(logs)


@frozen
class Standing:
    """How far a registered log is."""

    recipe: int
    path: str
    state: LogState
    size: int
    sha256: str | None
    declared: Declaration | None


@frozen
class Used:
    """What the logs of a recipe come to."""

    #: of all of them, as last seen
    bytes: int
    #: task and result logs; a recipe's own do not count
    logs: int


def insert_logs(
    tx: Connection,
    new: Sequence[LogAddress],
    now: float,
    *,
    size: int = 0,
    requests: Mapping[LogAddress, str | None] | None = None,
) -> None:
    """Register growing logs; `requests` are the ids of those that made them."""
    values = {"registered": now, "size": size, "state": LogState.GROWING, "marks": []}
    known = requests or {}
    if new:
        tx.execute(
            _INSERT,
            [
                {
                    "recipe": one.recipe,
                    "path": one.path,
                    "task": one.task,
                    "result": one.result,
                    "request": known.get(one),
                    **values,
                }
                for one in new
            ],
        )


def registered(tx: Connection, recipe: int, paths: Collection[str]) -> set[str]:
    """Return those of the paths that logs of the recipe have."""
    found: set[str] = set()
    for some in _portions(paths):
        query = select(logs.c.path).where(logs.c.recipe == recipe, logs.c.path.in_(some))
        found.update(tx.execute(query).scalars())
    return found


def load_log(tx: Connection, recipe: int, path: str) -> Log | None:
    """Return a registered log, or None."""
    row = tx.execute(_LOG, {"recipe": recipe, "path": path}).one_or_none()
    return None if row is None else _log(row)


def known_log(tx: Connection, recipe: int, path: str) -> Log:
    """Return a log that is registered."""
    return _log(tx.execute(_LOG, {"recipe": recipe, "path": path}).one())


def log_names(tx: Connection, recipe: int, below: str) -> list[str]:
    """Return the paths of a recipe's logs that begin with `below`, in the order in which they came to be."""
    query = select(logs.c.path).where(logs.c.recipe == recipe, logs.c.path.startswith(below, autoescape=True))
    return list(tx.execute(query.order_by(logs.c.registered, logs.c.path)).scalars())


def load_logs(
    tx: Connection, recipe: int, *, states: Collection[LogState] = (), after: str = "", limit: int | None = None
) -> list[Log]:
    """Return a recipe's logs (in these states, if there are any) in order of path, those behind `after`."""
    query = select(*_TOLD).where(logs.c.recipe == recipe, logs.c.path > after).order_by(logs.c.path)
    if states:
        query = query.where(logs.c.state.in_(states))
    return [_log(row) for row in tx.execute(query if limit is None else query.limit(limit))]


def used(tx: Connection, recipe: int) -> Used:
    """Return what a recipe's logs come to."""
    row = tx.execute(_USED, {"recipe": recipe}).one_or_none()
    return Used(0, 0) if row is None else Used(row.log_bytes, row.log_count)


def load_these(tx: Connection, recipe: int, paths: Iterable[str]) -> list[Log]:
    """Return those of a recipe's logs with these paths that are registered."""
    found: list[Log] = []
    for some in _portions(paths):
        rows = tx.execute(select(*_TOLD).where(logs.c.recipe == recipe, logs.c.path.in_(some)))
        found += [_log(row) for row in rows]
    return found


def count_by_state(tx: Connection, recipe: int | None = None) -> dict[LogState, int]:
    """Return how many logs are in which state: of a recipe, or of all."""
    query = select(logs.c.state, func.count()).group_by(logs.c.state)
    if recipe is not None:
        query = query.where(logs.c.recipe == recipe)
    found = {LogState(state): number for state, number in tx.execute(query)}
    return {state: found.get(state, 0) for state in LogState}


def standings(tx: Connection, recipe: int) -> list[Standing]:
    """Return how far all registered logs of a recipe are."""
    names = ("recipe", "path", "state", "size", "sha256", "declared_size", "declared_sha256")
    return [
        Standing(row.recipe, row.path, LogState(row.state), row.size, row.sha256, _declaration(row))
        for row in tx.execute(select(*(logs.c[name] for name in names)).where(logs.c.recipe == recipe))
    ]


def growing(tx: Connection, wanted: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
    """Return those of the logs (recipe and path) that are registered, and not finished."""
    found: set[tuple[int, str]] = set()
    waiting = iter(wanted)
    while some := set(islice(waiting, PORTION)):
        numbers, paths = zip(*some, strict=True)
        query = select(logs.c.recipe, logs.c.path).where(logs.c.state == LogState.GROWING)
        rows = tx.execute(query.where(logs.c.recipe.in_(set(numbers)), logs.c.path.in_(set(paths))))
        found.update(some & {(row.recipe, row.path) for row in rows})
    return found


def delete_growing(tx: Connection, recipe: int) -> None:
    """Forget the recipe's logs that were not indexed."""
    tx.execute(delete(logs).where(logs.c.recipe == recipe, logs.c.state == LogState.GROWING))


def set_log(tx: Connection, recipe: int, path: str, **values: Any) -> None:
    """Change columns of a log."""
    tx.execute(update(logs).where(logs.c.recipe == recipe, logs.c.path == path).values(**values))


def set_declared(tx: Connection, recipe: int, path: str, declared: Declaration) -> None:
    """Note what a log is going to be; what was found in it before was looked at with other eyes."""
    set_log(tx, recipe, path, declared_size=declared.size, declared_sha256=declared.sha256, sha256=None)


def set_indexes(tx: Connection, found: Sequence[tuple[LogAddress, LogIndex, LogState]]) -> None:
    """Store what indexing logs found, their results apart."""
    if found:
        query = update(logs).where(logs.c.recipe == bindparam("of_recipe"), logs.c.path == bindparam("of_path"))
        rows = [
            {"of_recipe": address.recipe, "of_path": address.path, **_index_values(index, state)}
            for address, index, state in found
        ]
        tx.execute(query, rows)


def holds_index(tx: Connection, recipe: int, path: str, index: LogIndex, state: LogState) -> bool:
    """Return whether that is what is stored already."""
    row = tx.execute(select(logs).where(logs.c.recipe == recipe, logs.c.path == path)).one_or_none()
    return row is not None and all(getattr(row, name) == value for name, value in _index_values(index, state).items())


def signalled(tx: Connection, log: LogAddress) -> int:
    """Return the line of a registered log up to which it was told what tests wanted readers to know; 0: none was."""
    query = select(logs.c.signalled).where(logs.c.recipe == log.recipe, logs.c.path == log.path)
    found: int = tx.execute(query).scalar_one()
    return found


def set_signalled(tx: Connection, log: LogAddress, line: int) -> None:
    """Note up to which line of a log that was told."""
    mine = update(logs).where(logs.c.recipe == log.recipe, logs.c.path == log.path)
    tx.execute(mine.values(signalled=line))


def _portions(paths: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Yield the paths, as many at a time as a statement may have values."""
    waiting = iter(paths)
    while some := tuple(islice(waiting, PORTION)):
        yield some


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
        request=row.request,
    )


def _declaration(row: Row[Any]) -> Declaration | None:
    if row.declared_size is None and row.declared_sha256 is None:
        return None
    return Declaration(row.declared_size, row.declared_sha256)
