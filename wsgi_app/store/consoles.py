"""The console logs of tasks, and how many other logs recipes have."""

from collections.abc import Collection, Mapping

from attrs import frozen
from sqlalchemy import ColumnElement, Connection, String, and_, cast, func, literal, not_, select

from wsgi_app.states import LogState
from wsgi_app.store.schema import logs

#: values in one statement
PORTION = 500


@frozen
class Console:
    """A task's console log, and its lines once it was read."""

    state: LogState
    lines: int | None


def consoles(tx: Connection, tasks: Collection[int], name: str) -> Mapping[int, Console]:
    """Return those of these tasks' logs of that name that are registered."""
    found: dict[int, Console] = {}
    numbers = list(tasks)
    for begin in range(0, len(numbers), PORTION):
        some = numbers[begin : begin + PORTION]
        where = and_(logs.c.task.in_(some), _is_console(name))
        for row in tx.execute(select(logs.c.task, logs.c.state, logs.c.lines).where(where)):
            found[row.task] = Console(LogState(row.state), row.lines)
    return found


def load_offsets(tx: Connection, recipe: int, path: str) -> bytes:
    """Return where lines of a log begin, as `LogIndex.offsets` has it; nothing when it was not read."""
    query = select(logs.c.offsets).where(logs.c.recipe == recipe, logs.c.path == path)
    return tx.execute(query).scalar_one_or_none() or b""


def count_others(tx: Connection, recipes: Collection[int], name: str) -> Mapping[int, int]:
    """Return how many logs recipes have but for the console logs of that name of their tasks."""
    found: dict[int, int] = {}
    numbers = list(recipes)
    for begin in range(0, len(numbers), PORTION):
        where = and_(logs.c.recipe.in_(numbers[begin : begin + PORTION]), _is_other(name))
        rows = tx.execute(select(logs.c.recipe, func.count()).where(where).group_by(logs.c.recipe))
        found.update((recipe, number) for recipe, number in rows)
    return found


def others(tx: Connection, recipe: int, name: str) -> list[tuple[str, int]]:
    """Return path and size of a recipe's logs but for those console logs, in the order in which they came to be."""
    query = select(logs.c.path, logs.c.size).where(logs.c.recipe == recipe, _is_other(name))
    return [(row.path, row.size) for row in tx.execute(query.order_by(logs.c.registered, logs.c.path))]


def _is_console(name: str) -> ColumnElement[bool]:
    return logs.c.path == literal("tasks/") + cast(logs.c.task, String) + literal(f"/logs/{name}")


def _is_other(name: str) -> ColumnElement[bool]:
    return not_(and_(logs.c.task.is_not(None), _is_console(name)))
