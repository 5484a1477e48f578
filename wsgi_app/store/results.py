"""Results, and the logs in which some of them were found."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, select, update

from wsgi_app.model import Declaration, Log, LogAddress, LogIndex, Mark, ParsedResult, Result
from wsgi_app.states import LogState, ResultValue
from wsgi_app.store import ids
from wsgi_app.store.schema import logs, results, tasks


def insert_result(tx: Connection, result: Result) -> None:
    """Store one result; its id was taken from the sequence."""
    tx.execute(insert(results).values(_values(result)))


def insert_results(tx: Connection, new: Sequence[Result]) -> None:
    """Store results; their ids were taken from the sequence."""
    if new:
        tx.execute(insert(results), [_values(result) for result in new])


def replace_parsed(
    tx: Connection, log: LogAddress, found: Iterable[ParsedResult], now: float
) -> tuple[list[Result], int]:
    """Replace the results that were found in a log; return the new ones and how many old ones went."""
    gone = tx.execute(delete(results).where(results.c.recipe == log.recipe, results.c.log == log.path)).rowcount
    parsed = list(found)
    new = [
        Result(
            id=number,
            recipe=log.recipe,
            task=log.task,
            path=item.path,
            result=item.result,
            score=item.score,
            message=item.message,
            source="log",
            log=log.path,
            line=item.line,
            time=now,
        )
        for number, item in zip(ids.take(tx, len(parsed)) if parsed else (), parsed, strict=True)
    ]
    insert_results(tx, new)
    return new, gone


def load_results(
    tx: Connection, where: ColumnElement[bool], *, after: int = 0, limit: int | None = None
) -> list[Result]:
    """Return results in order of id, those behind id `after`."""
    query = select(results).where(where, results.c.id > after).order_by(results.c.id)
    return [_result(row) for row in tx.execute(query if limit is None else query.limit(limit))]


def load_result(tx: Connection, result: int) -> Result:
    """Return a result that exists."""
    return _result(tx.execute(select(results).where(results.c.id == result)).one())


def of_recipes(recipes: Iterable[int]) -> ColumnElement[bool]:
    """The condition for results of these recipes."""
    return results.c.recipe.in_(list(recipes))


def reported(recipe: int) -> ColumnElement[bool]:
    """The condition for results of a recipe that were not found in logs."""
    return and_(results.c.recipe == recipe, results.c.source == "harness")


def task_of(tx: Connection, result: int) -> tuple[int, int | None] | None:
    """Return recipe and task of a result, or None."""
    row = tx.execute(select(results.c.recipe, results.c.task).where(results.c.id == result)).one_or_none()
    return None if row is None else (row.recipe, row.task)


def count_reported(tx: Connection, recipe: int) -> int:
    """Return how many results the recipe's harness has reported."""
    query = select(func.count()).where(reported(recipe))
    return tx.execute(query).scalar_one()


def has_message(tx: Connection, recipe: int, message: str) -> bool:
    """Return whether the recipe has a Warn with that message at its root, not found in a log."""
    warns = and_(results.c.result == ResultValue.WARN, results.c.path == "/", results.c.message == message)
    query = select(results.c.id).where(reported(recipe), warns)
    return tx.execute(query.limit(1)).first() is not None


def worst_by_task(tx: Connection, recipe: int) -> dict[int | None, set[ResultValue]]:
    """Return which results occur in a recipe, by task (None: of the recipe itself)."""
    found: dict[int | None, set[ResultValue]] = {}
    query = select(results.c.task, results.c.result).where(results.c.recipe == recipe).distinct()
    for row in tx.execute(query):
        found.setdefault(row.task, set()).add(ResultValue(row.result))
    return found


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


def log_names(tx: Connection, recipe: int, below: str) -> list[str]:
    """Return the paths of a recipe's logs that begin with `below`, in the order in which they came to be."""
    query = select(logs.c.path).where(logs.c.recipe == recipe, logs.c.path.startswith(below, autoescape=True))
    return list(tx.execute(query.order_by(logs.c.registered, logs.c.path)).scalars())


def load_logs(tx: Connection, recipe: int, *, after: str = "", limit: int | None = None) -> list[Log]:
    """Return a recipe's logs in order of path, those behind `after`."""
    query = select(logs).where(logs.c.recipe == recipe, logs.c.path > after).order_by(logs.c.path)
    return [_log(row) for row in tx.execute(query if limit is None else query.limit(limit))]


def count_logs(tx: Connection, recipe: int) -> int:
    """Return how many task and result logs a recipe has; its own do not count."""
    return tx.execute(select(func.count()).where(logs.c.recipe == recipe, logs.c.task.is_not(None))).scalar_one()


def sum_bytes(tx: Connection, recipe: int) -> int:
    """Return how many bytes all logs of a recipe have, as last seen."""
    total: int = tx.execute(select(func.coalesce(func.sum(logs.c.size), 0)).where(logs.c.recipe == recipe)).scalar_one()
    return total


def log_sizes(tx: Connection, recipes: Iterable[int]) -> dict[tuple[int, str], tuple[LogState, int]]:
    """Return state and size of all registered logs of these recipes."""
    query = select(logs.c.recipe, logs.c.path, logs.c.state, logs.c.size).where(logs.c.recipe.in_(list(recipes)))
    return {(row.recipe, row.path): (LogState(row.state), row.size) for row in tx.execute(query)}


def tasks_of(tx: Connection, recipes: Iterable[int]) -> Mapping[int, int]:
    """Return task id to recipe id for all tasks of these recipes."""
    query = select(tasks.c.id, tasks.c.recipe).where(tasks.c.recipe.in_(list(recipes)))
    return {row.id: row.recipe for row in tx.execute(query)}


def delete_growing(tx: Connection, recipe: int) -> None:
    """Forget the recipe's logs that were not indexed."""
    tx.execute(delete(logs).where(logs.c.recipe == recipe, logs.c.state == LogState.GROWING))


def set_log_size(tx: Connection, recipe: int, path: str, size: int) -> None:
    """Note how large a log is by now."""
    tx.execute(update(logs).where(logs.c.recipe == recipe, logs.c.path == path).values(size=size))


def set_log_index(tx: Connection, recipe: int, path: str, index: LogIndex, state: LogState) -> None:
    """Store what indexing a log found, its results apart."""
    tx.execute(
        update(logs)
        .where(logs.c.recipe == recipe, logs.c.path == path)
        .values(
            size=index.size,
            state=state,
            sha256=index.sha256,
            lines=index.lines,
            offsets=index.offsets,
            format=index.format,
            marks=[[mark.kind, mark.line, mark.title] for mark in index.marks],
        )
    )


def _values(result: Result) -> dict[str, Any]:
    return {column.name: getattr(result, column.name) for column in results.columns}


def _result(row: Row[Any]) -> Result:
    return Result(
        id=row.id,
        recipe=row.recipe,
        task=row.task,
        path=row.path,
        result=ResultValue(row.result),
        score=row.score,
        message=row.message,
        source=row.source,
        log=row.log,
        line=row.line,
        time=row.time,
    )


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
