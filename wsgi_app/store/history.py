"""What has happened in jobs, loaded for a whole job at once; and which jobs are how far."""

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Connection, Subquery, and_, case, func, literal, not_, or_, select

from wsgi_app.campaign import Phase
from wsgi_app.model import LogAddress, Recipe, Result
from wsgi_app.states import RecipeStatus, ResultValue
from wsgi_app.store.recipes import load_recipes
from wsgi_app.store.results import load_results
from wsgi_app.store.schema import job_tags, jobs, logs, recipe_sets, recipes, results, tasks


def recipes_of(tx: Connection, job: int) -> list[Recipe]:
    """Return the recipes of a job with their tasks, in order of id."""
    return load_recipes(tx, recipes.c.job == job)


def set_ids(tx: Connection, job: int) -> list[int]:
    """Return the ids of a job's recipe sets, ascending."""
    return list(
        tx.execute(select(recipe_sets.c.id).where(recipe_sets.c.job == job).order_by(recipe_sets.c.id)).scalars()
    )


def worst_reported(tx: Connection, *, job: int | None = None, recipe_set: int | None = None) -> dict[int, Result]:
    """Return the first of the worst results that were reported of each task, by its id: of a job or of a set."""
    place = case({value: value.severity for value in ResultValue}, value=results.c.result)
    ranked = _ranked(recipes.c.job == job if recipe_set is None else recipes.c.recipe_set == recipe_set, place.desc())
    first = select(ranked.c.id).where(ranked.c.rank == 1)
    return {result.task: result for result in load_results(tx, results.c.id.in_(first)) if result.task is not None}


def first_reported(tx: Connection, job: int, most: int) -> list[Result]:
    """Return the first so many results that were reported of each task of a job, in order of id."""
    ranked = _ranked(recipes.c.job == job)
    return load_results(tx, results.c.id.in_(select(ranked.c.id).where(ranked.c.rank <= most)))


def _ranked(which: ColumnElement[bool], *order: ColumnElement[int]) -> Subquery:
    """The reported results of tasks of recipes, with their ranks among those of the same task."""
    rank = func.row_number().over(partition_by=results.c.task, order_by=(*order, results.c.id)).label("rank")
    mine = and_(
        results.c.recipe.in_(select(recipes.c.id).where(which)),
        results.c.source == "harness",
        results.c.task.is_not(None),
    )
    return select(results.c.id, rank).where(mine).subquery()


def logs_named(tx: Connection, job: int, names: Sequence[str]) -> list[LogAddress]:
    """Return the logs of these names that the tasks of a job have, by task and in the order of the names."""
    found = []
    for place, name in enumerate(names):
        path = literal("tasks/") + tasks.c.id.cast(logs.c.path.type) + literal(f"/logs/{name}")
        query = (
            select(logs.c.recipe, logs.c.task)
            .join_from(recipes, tasks, tasks.c.recipe == recipes.c.id)
            .join(logs, and_(logs.c.recipe == tasks.c.recipe, logs.c.path == path))
            .where(recipes.c.job == job)
        )
        found += [(row.task, place, row.recipe) for row in tx.execute(query)]
    return [LogAddress(recipe, task, None, names[place]) for task, place, recipe in sorted(found)]


def job_numbers(
    tx: Connection, visible: Sequence[ColumnElement[bool]], *, phases: Collection[Phase], tags: Collection[str]
) -> list[int]:
    """Return the ids of jobs, ascending: those in one of the phases (all, if there are none) that have all the tags."""
    tagged = [jobs.c.id.in_(select(job_tags.c.job).where(job_tags.c.tag == tag)) for tag in tags]
    # one at a time: each has an index of its own
    wanted: list[ColumnElement[bool] | None] = [_CONDITIONS[phase] for phase in set(phases)] or [None]
    found: set[int] = set()
    for condition in wanted:
        where = [*visible, *tagged] if condition is None else [*visible, *tagged, condition]
        found.update(tx.execute(select(jobs.c.id).where(*where)).scalars())
    return sorted(found)


_STOPPED = or_(jobs.c.cancelling.is_(True), jobs.c.status == RecipeStatus.CANCELLED)
_UNSETTLED = jobs.c.settled.is_(False)
# written so that no index of it is used: nearly all jobs are settled, and few are cancelled
_SETTLED = jobs.c.settled.is_not(False)
_CONDITIONS = {
    Phase.STARTED: and_(_UNSETTLED, not_(_STOPPED)),
    Phase.CANCELLING: and_(_UNSETTLED, _STOPPED),
    Phase.COMPLETED: and_(_SETTLED, jobs.c.status.not_in((RecipeStatus.CANCELLED, RecipeStatus.ABORTED))),
    Phase.FAILED: and_(_SETTLED, jobs.c.status == RecipeStatus.ABORTED),
    Phase.CANCELLED: and_(_SETTLED, jobs.c.status == RecipeStatus.CANCELLED),
}
