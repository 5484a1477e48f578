"""Results as reports read them: task by task, in order of id, some at a time."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, and_, func, not_, or_, select

from wsgi_app.model import Result, Task
from wsgi_app.states import ResultValue
from wsgi_app.store.results import load_results
from wsgi_app.store.schema import recipes, results, tasks

#: what harnesses say of a task whose log is read while it runs: how its script ended, and nothing of its tests
ENDED = and_(results.c.source == "harness", results.c.path == "exit_code")


def of_part(recipe: int, task: Task | None) -> list[ColumnElement[bool]]:
    """The conditions for what was said of a task of a recipe; None: of no task of it."""
    if task is None:
        return [results.c.recipe == recipe, results.c.task.is_(None)]
    mine = [results.c.recipe == recipe, results.c.task == task.id]
    return [*mine, not_(func.coalesce(ENDED, False))] if task.live else mine


def failed(tx: Connection, recipe: int) -> set[int]:
    """Return the live tasks of a recipe whose script failed."""
    bad = results.c.result.in_((ResultValue.FAIL, ResultValue.PANIC))
    query = select(results.c.task).join(tasks, tasks.c.id == results.c.task)
    return set(tx.execute(query.where(results.c.recipe == recipe, tasks.c.live, ENDED, bad)).scalars())


def ending_in(name: str) -> ColumnElement[bool]:
    """The condition for all results whose path ends in a name, and some more: cases of letters, and bare paths."""
    path = results.c.path
    return or_(path.is_(None), path.endswith(name, autoescape=True), path.endswith("/"), path == "")


def page(
    tx: Connection, recipe: int, task: Task | None, name: str | None = None, *, after: int, limit: int
) -> list[Result]:
    """Return results of a task, or of no task of a recipe, in order of id, those behind `after`.

    With a name, at least those whose path ends in it.
    """
    where = of_part(recipe, task)
    if name is not None:
        where.append(ending_in(name))
    return load_results(tx, *where, after=after, limit=limit)


def id_at(tx: Connection, recipe: int, task: Task | None, place: int) -> int | None:
    """Return the id of the result at a place (from 0) among those of a task, or of no task, None for none there."""
    query = select(results.c.id).where(*of_part(recipe, task)).order_by(results.c.id)
    return tx.execute(query.offset(place).limit(1)).scalar_one_or_none()


def counts(tx: Connection, recipe: int) -> dict[int | None, int]:
    """Return how many results there are of each task of a recipe that has any; None: of no task of it."""
    said = not_(and_(func.coalesce(tasks.c.live, False), func.coalesce(ENDED, False)))
    query = select(results.c.task, func.count().label("number")).outerjoin(tasks, tasks.c.id == results.c.task)
    query = query.where(results.c.recipe == recipe, said)
    return {row.task: row.number for row in tx.execute(query.group_by(results.c.task))}


def these(numbers: Collection[int]) -> ColumnElement[bool]:
    """The condition for recipes with these ids."""
    return recipes.c.id.in_(numbers)
