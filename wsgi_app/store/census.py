"""How much there is of everything: counts that cost milliseconds, however much is stored."""

from attrs import frozen
from sqlalchemy import Connection, Table, func, or_, select, text

from wsgi_app.states import FINISHED_RECIPE, LogState, RecipeStatus
from wsgi_app.store.schema import jobs, logs, recipes, results


@frozen
class Unsettled:
    """Recipes that have finished, but not all of their logs are indexed."""

    recipes: int
    #: when the first of them finished; None when there is none
    since: float | None


def jobs_by_status(tx: Connection) -> dict[RecipeStatus, int]:
    """Return how many jobs there are of each status that occurs."""
    return _by_status(tx, jobs)


def recipes_by_status(tx: Connection) -> dict[RecipeStatus, int]:
    """Return how many recipes there are of each status that occurs."""
    return _by_status(tx, recipes)


def _by_status(tx: Connection, table: Table) -> dict[RecipeStatus, int]:
    """Count the rows of each status: what is completed, nearly all as a rule, as what the others leave."""
    others = [status for status in RecipeStatus if status is not RecipeStatus.COMPLETED]
    query = select(table.c.status, func.count()).where(table.c.status.in_(others)).group_by(table.c.status)
    found = {RecipeStatus(status): count for status, count in tx.execute(query)}
    completed = _rows(tx, table) - sum(found.values())
    return found | ({RecipeStatus.COMPLETED: completed} if completed else {})


def _rows(tx: Connection, table: Table) -> int:
    """Return how many rows there are: SQLite counts those by pages, where it is asked for nothing else."""
    return tx.execute(select(func.count()).select_from(table)).scalar_one()


def unsettled(tx: Connection) -> Unsettled:
    """Return how many recipes wait for the indexer."""
    query = select(func.count(), func.min(recipes.c.finished)).where(
        recipes.c.settled.is_(False), recipes.c.status.in_(FINISHED_RECIPE)
    )
    count, since = tx.execute(query).one()
    return Unsettled(count, since)


def queued_sets(tx: Connection) -> int:
    """Return how many recipe sets wait for systems, those of later stages included."""
    query = select(func.count(recipes.c.recipe_set.distinct())).where(recipes.c.status == RecipeStatus.QUEUED)
    return tx.execute(query).scalar_one()


def count_results(tx: Connection) -> int:
    """Return how many results are stored."""
    return _rows(tx, results)


def logs_by_state(tx: Connection) -> dict[LogState, int]:
    """Return how many logs there are of each state.

    States have no index: a log grows only while its recipe is not settled, or was settled without it, and a recipe
    counts its damaged ones. The rest is finished.
    """
    unindexed = or_(recipes.c.settled.is_(False), recipes.c.late.is_(True))
    unread = (
        select(func.count())
        .select_from(logs)
        .where(logs.c.state == LogState.GROWING, logs.c.recipe.in_(select(recipes.c.id).where(unindexed)))
    )
    growing = tx.execute(unread).scalar_one()
    some = select(func.coalesce(func.sum(recipes.c.damaged), 0)).where(text("recipes.damaged > 0"))
    damaged = tx.execute(some).scalar_one()
    every = _rows(tx, logs)
    return {LogState.GROWING: growing, LogState.FINISHED: every - growing - damaged, LogState.DAMAGED: damaged}
