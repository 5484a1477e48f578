"""Results counted, and what a verdict rests on."""

from attrs import frozen
from sqlalchemy import ColumnElement, Connection, Row, and_, func, select

from wsgi_app.states import LogState, RecipeStatus, ResultValue
from wsgi_app.store.schema import logs, recipes, results, tasks

#: what makes a verdict `fail`
_BAD = (ResultValue.FAIL, ResultValue.PANIC)


@frozen
class Count:
    """How many results of one kind a recipe has from one source; `task` is None for those of the recipe itself."""

    recipe: int
    task: int | None
    #: `harness` or `log`
    source: str
    result: ResultValue
    number: int


@frozen
class Culprit:
    """A result that fails a job, with the name of its task."""

    recipe: int
    task: int | None
    name: str | None
    path: str | None
    result: ResultValue
    #: where in a log it was found; None: its harness said so
    log: str | None
    line: int | None


@frozen
class Ended:
    """A recipe that did not end well; `damaged` is how many of its logs are."""

    id: int
    status: RecipeStatus
    system: str | None
    reason: str | None
    late: bool
    damaged: int


def counts(tx: Connection, job: int, first: int | None = None, last: int | None = None) -> list[Count]:
    """Return the results of a job's recipes, or of those from `first` to `last`, by recipe, task, source and result."""
    kinds = (results.c.recipe, results.c.task, results.c.source, results.c.result)
    members = select(recipes.c.id).where(_members(job, first, last))
    query = select(*kinds, func.count()).where(results.c.recipe.in_(members)).group_by(*kinds)
    return [Count(row[0], row[1], row[2], ResultValue(row[3]), row[4]) for row in tx.execute(query)]


def _members(job: int, first: int | None, last: int | None) -> ColumnElement[bool]:
    """Say which the recipes of a job are, all or from one to another."""
    mine = recipes.c.job == job
    return mine if first is None or last is None else mine & recipes.c.id.between(first, last)


def culprit(tx: Connection, job: int, first: int | None = None, last: int | None = None) -> tuple[Culprit, int] | None:
    """Return the first of the worst results that fail a job, or its recipes from `first` to `last`, and how many do.

    None when none does.
    """
    bad = and_(_members(job, first, last), results.c.result.in_(_BAD))
    source = results.join(recipes, results.c.recipe == recipes.c.id).outerjoin(tasks, results.c.task == tasks.c.id)
    query = (
        select(results, func.coalesce(tasks.c.reported_name, tasks.c.name).label("name"))
        .select_from(source)
        .where(bad)
        .order_by(results.c.result != ResultValue.PANIC, results.c.id)
        .limit(1)
    )
    row = tx.execute(query).one_or_none()
    if row is None:
        return None
    number = tx.execute(select(func.count()).select_from(source).where(bad)).scalar_one()
    return _culprit(row), number


def not_as_they_should(tx: Connection, job: int, first: int | None = None, last: int | None = None) -> list[Ended]:
    """Return the recipes of a job that were aborted or cancelled, were settled late, or have damaged logs.

    All, or those from `first` to `last`.
    """
    query = select(recipes).where(
        _members(job, first, last),
        recipes.c.status.in_((RecipeStatus.ABORTED, RecipeStatus.CANCELLED)) | recipes.c.late | (recipes.c.damaged > 0),
    )
    return [
        Ended(row.id, RecipeStatus(row.status), row.system, row.reason, row.late, row.damaged)
        for row in tx.execute(query.order_by(recipes.c.id))
    ]


def damaged_logs(tx: Connection, job: int) -> list[tuple[int, str]]:
    """Return recipe and path of the damaged logs of a job."""
    members = select(recipes.c.id).where(recipes.c.job == job, recipes.c.damaged > 0)
    query = select(logs.c.recipe, logs.c.path).where(logs.c.recipe.in_(members), logs.c.state == LogState.DAMAGED)
    return [(row.recipe, row.path) for row in tx.execute(query.order_by(logs.c.recipe, logs.c.path))]


def _culprit(row: Row[tuple[object, ...]]) -> Culprit:
    return Culprit(row.recipe, row.task, row.name, row.path, ResultValue(row.result), row.log, row.line)
