"""Results: what harnesses reported, and what was found in logs."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from attrs import frozen
from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, delete, insert, or_, select

from wsgi_app.model import LogAddress, ParsedResult, Result
from wsgi_app.states import ResultValue
from wsgi_app.store import ids
from wsgi_app.store.schema import recipes, results, tasks

#: values in one statement
PORTION = 500
#: what a log tells in one place
_SAID = ("path", "result", "line", "message", "score", "measurement", "units")

_COLUMNS = tuple(column.name for column in results.columns)
_INSERT = insert(results)
_OWNER = select(results.c.recipe, results.c.task).where(results.c.id == bindparam("result"))


def _with_message() -> Select[tuple[int]]:
    """The statement behind `has_message`."""
    mine = and_(results.c.recipe == bindparam("recipe"), results.c.source == "harness")
    warns = and_(mine, results.c.result == ResultValue.WARN)
    its_tasks = select(tasks.c.id).where(tasks.c.recipe == bindparam("recipe"))
    # each by itself leads to the Warns by an index, however many other results there are
    of_any = or_(and_(warns, results.c.task.is_(None)), and_(warns, results.c.task.in_(its_tasks)))
    said = results.c.message.in_(bindparam("messages", expanding=True))
    return select(results.c.id).where(of_any, results.c.path == "/", said).limit(1)


_WITH_MESSAGE = _with_message()


def insert_result(tx: Connection, result: Result) -> None:
    """Store one result; its id was taken from the sequence."""
    tx.execute(_INSERT, _values(result))


def insert_results(tx: Connection, new: Sequence[Result]) -> None:
    """Store results; their ids were taken from the sequence."""
    if new:
        tx.execute(_INSERT, [_values(result) for result in new])


@frozen
class Replaced:
    """What became of the results that were found in a log."""

    #: what was not known before
    new: list[Result]
    #: how many are gone
    gone: int
    #: the highest id of those that are there now, of those that were looked at; 0: there are none
    last: int


def replace_parsed(
    tx: Connection, log: LogAddress, found: Iterable[ParsedResult], now: float, *, after: int = 0
) -> Replaced:
    """Let `found` be the results that were found in a log: of those with an id above `after`, the others stay.

    What is found again keeps its row, with id and time.
    """
    items = list(found)
    wanted = Counter(_said(item) for item in items)
    kept: Counter[tuple[object, ...]] = Counter()
    gone: list[int] = []
    last = 0
    for number, said in _stored(tx, log, after):
        if kept[said] < wanted[said]:
            kept[said] += 1
            last = number
        else:
            gone.append(number)
    _delete(tx, gone)
    (new,) = add_parsed(tx, [(log, _without(items, kept))], now)
    return Replaced(new, len(gone), new[-1].id if new else last)


def _without(items: Iterable[ParsedResult], kept: Counter[tuple[object, ...]]) -> list[ParsedResult]:
    """Return the items but for those, of each as many as are counted; uses up `kept`."""
    left: list[ParsedResult] = []
    for item in items:
        said = _said(item)
        if kept[said]:
            kept[said] -= 1
        else:
            left.append(item)
    return left


def _stored(tx: Connection, log: LogAddress, after: int) -> Iterator[tuple[int, tuple[object, ...]]]:
    """Yield id and what it says of each result that is stored of a log, in order of id, those above `after`."""
    query = select(results.c.id, *(results.c[name] for name in _SAID))
    query = query.where(results.c.recipe == log.recipe, results.c.log == log.path, results.c.id > after)
    for row in tx.execute(query.order_by(results.c.id)):
        yield row[0], tuple(row[1:])


def _delete(tx: Connection, numbers: Sequence[int]) -> None:
    for begin in range(0, len(numbers), PORTION):
        tx.execute(delete(results).where(results.c.id.in_(numbers[begin : begin + PORTION])))


def add_parsed(
    tx: Connection, found: Sequence[tuple[LogAddress, Sequence[ParsedResult]]], now: float
) -> list[list[Result]]:
    """Store what was found in logs, in addition to what is stored; return the results of each log."""
    count = sum(len(items) for _, items in found)
    numbers = iter(ids.take(tx, count) if count else ())
    new = [[_parsed(next(numbers), log, item, now) for item in items] for log, items in found]
    insert_results(tx, [result for some in new for result in some])
    return new


def _parsed(number: int, log: LogAddress, item: ParsedResult, now: float) -> Result:
    return Result(
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
        measurement=item.measurement,
        units=item.units,
    )


def parsed(tx: Connection, recipe: int, logs: Sequence[str]) -> set[str]:
    """Return those of a recipe's logs that results were found in; of at most some hundred."""
    query = select(results.c.log).distinct().where(results.c.recipe == recipe, results.c.log.in_(logs))
    return set(tx.execute(query).scalars())


def holds_parsed(tx: Connection, log: LogAddress, found: Iterable[ParsedResult]) -> bool:
    """Return whether those are the results that are stored of a log, in whatever order they came to be."""
    return Counter(said for _, said in _stored(tx, log, 0)) == Counter(_said(item) for item in found)


def _said(item: ParsedResult) -> tuple[object, ...]:
    """Return what a log tells in one place."""
    return tuple(getattr(item, name) for name in _SAID)


def load_results(tx: Connection, *where: ColumnElement[bool], after: int = 0, limit: int | None = None) -> list[Result]:
    """Return results in order of id, those behind id `after`."""
    query = select(results).where(*where, results.c.id > after).order_by(results.c.id)
    return [_result(row) for row in tx.execute(query if limit is None else query.limit(limit))]


def load_result(tx: Connection, result: int) -> Result:
    """Return a result that exists."""
    return _result(tx.execute(select(results).where(results.c.id == result)).one())


def of_recipe(recipe: int) -> ColumnElement[bool]:
    """The condition for results of a recipe."""
    return results.c.recipe == recipe


def of_job(job: int) -> ColumnElement[bool]:
    """The condition for results of a job's recipes."""
    return results.c.recipe.in_(select(recipes.c.id).where(recipes.c.job == job))


def result_filter(
    *, values: Collection[ResultValue] = (), sources: Collection[str] = (), task: int | None = None
) -> list[ColumnElement[bool]]:
    """Conditions for listing results."""
    found: list[ColumnElement[bool]] = []
    if values:
        found.append(results.c.result.in_(values))
    if sources:
        found.append(results.c.source.in_(sources))
    if task is not None:
        found.append(results.c.task == task)
    return found


def reported(recipe: int) -> ColumnElement[bool]:
    """The condition for results of a recipe that were not found in logs."""
    return and_(results.c.recipe == recipe, results.c.source == "harness")


def task_of(tx: Connection, result: int) -> tuple[int, int | None] | None:
    """Return recipe and task of a result, or None."""
    row = tx.execute(_OWNER, {"result": result}).one_or_none()
    return None if row is None else (row.recipe, row.task)


def has_message(tx: Connection, recipe: int, *messages: str) -> bool:
    """Return whether the recipe has a Warn with one of these messages at its root, not found in a log."""
    return tx.execute(_WITH_MESSAGE, {"recipe": recipe, "messages": messages}).first() is not None


def has_reported(tx: Connection, recipe: int, task: int, values: Collection[ResultValue]) -> bool:
    """Return whether a task has a result of one of these values that was not found in a log."""
    wanted = and_(results.c.task == task, results.c.result.in_(values))
    query = select(results.c.id).where(reported(recipe), wanted)
    return tx.execute(query.limit(1)).first() is not None


def worst_by_task(tx: Connection, recipe: int) -> dict[int | None, set[ResultValue]]:
    """Return which results occur in a recipe, by task (None: of the recipe itself)."""
    found: dict[int | None, set[ResultValue]] = {}
    query = select(results.c.task, results.c.result).where(results.c.recipe == recipe).distinct()
    for row in tx.execute(query):
        found.setdefault(row.task, set()).add(ResultValue(row.result))
    return found


def _values(result: Result) -> dict[str, Any]:
    return {name: getattr(result, name) for name in _COLUMNS}


def _result(row: Sequence[Any]) -> Result:
    # by place: a recipe may have thousands, and a name costs more than all the rest
    number, recipe, task, path, result, score, message, source, log, line, time, measurement, units = row
    return Result(
        id=number,
        recipe=recipe,
        task=task,
        path=path,
        result=ResultValue(result),
        score=score,
        message=message,
        source=source,
        log=log,
        line=line,
        time=time,
        measurement=measurement,
        units=units,
    )
