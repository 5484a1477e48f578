"""Sync states: which recipes of a set are there, what they said with it, and who waits."""

from attrs import frozen
from sqlalchemy import ColumnElement, Connection, and_, case, func, insert, not_, or_, select, update

from wsgi_app.model import STANDALONE, Attendant
from wsgi_app.states import FINISHED_RECIPE, RecipeStatus
from wsgi_app.store.schema import recipes, sync_states, tasks


def attendants(tx: Connection, recipe_set: int, state: str) -> list[Attendant]:
    """Return all recipes of a set, in order of id, with regard to one state."""
    there = and_(sync_states.c.recipe == recipes.c.id, sync_states.c.state == state)
    query = (
        select(
            recipes.c.id,
            func.coalesce(recipes.c.system, recipes.c.wanted_system).label("system"),
            recipes.c.role,
            recipes.c.status,
            sync_states.c.time,
            sync_states.c.body,
            recipes.c.waits_for,
            recipes.c.waits_until,
        )
        .outerjoin(sync_states, there)
        .where(recipes.c.recipe_set == recipe_set)
        .order_by(recipes.c.id)
    )
    return [
        Attendant(
            row.id, row.system, row.role, RecipeStatus(row.status), row.time, row.body, row.waits_for, row.waits_until
        )
        for row in tx.execute(query)
    ]


@frozen
class Tally:
    """How many of those that are waited for are there, are missing, and of these have ended."""

    there: int
    missing: int
    dead: int


def tally(tx: Connection, recipe_set: int, state: str, role: str | None, *, but: int | None = None) -> Tally:
    """Count the recipes of a set (of one role, `but` one) with regard to a state: cheaper by far than `attendants`."""
    there = and_(sync_states.c.recipe == recipes.c.id, sync_states.c.state == state)
    absent = sync_states.c.recipe.is_(None)
    dead = and_(absent, recipes.c.status.in_(FINISHED_RECIPE))
    query = (
        select(*(func.coalesce(func.sum(case((one, 1), else_=0)), 0) for one in (not_(absent), absent, dead)))
        .select_from(recipes.outerjoin(sync_states, there))
        .where(recipes.c.recipe_set == recipe_set)
    )
    if role is not None:
        query = query.where(_plays(role))
    if but is not None:
        query = query.where(recipes.c.id != but)
    return Tally(*tx.execute(query).one())


def players(tx: Connection, recipe_set: int, role: str) -> set[int]:
    """Return the recipes of a set that have that role, or a task of that role."""
    query = select(recipes.c.id).where(recipes.c.recipe_set == recipe_set, _plays(role))
    return set(tx.execute(query).scalars())


def _plays(role: str) -> ColumnElement[bool]:
    mine = and_(tasks.c.recipe == recipes.c.id, func.coalesce(tasks.c.role, STANDALONE) == role)
    return or_(recipes.c.role == role, select(tasks.c.id).where(mine).exists())


def states_of(tx: Connection, recipe_set: int, *, after: str, limit: int) -> list[str]:
    """Return the states that a recipe of the set has reached or waits for, by name, those behind `after`."""
    mine = recipes.c.recipe_set == recipe_set
    reached = select(sync_states.c.state.label("state")).join(recipes).where(mine, sync_states.c.state > after)
    waited = select(recipes.c.waits_for.label("state")).where(mine, recipes.c.waits_for > after)
    both = reached.union(waited).subquery()
    return list(tx.execute(select(both.c.state).order_by(both.c.state).limit(limit)).scalars())


def arrive(tx: Connection, recipe: int, state: str, body: str | None, now: float) -> bool:
    """Note that a recipe is there and what it says; False when it was there before."""
    key = and_(sync_states.c.recipe == recipe, sync_states.c.state == state)
    if tx.execute(update(sync_states).where(key).values(body=body)).rowcount:
        return False
    tx.execute(insert(sync_states).values(recipe=recipe, state=state, body=body, time=now))
    return True


def count_states(tx: Connection, recipe: int) -> int:
    """Return how many states a recipe has reached."""
    return tx.execute(select(func.count()).where(sync_states.c.recipe == recipe)).scalar_one()
