"""Sync states: which recipes of a set are there, what they said with it, and who waits."""

from sqlalchemy import Connection, and_, case, func, insert, select, update

from wsgi_app.model import Attendant
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


def undecided(tx: Connection, recipe_set: int, state: str) -> bool:
    """Return whether recipes of a set are missing, none of which has ended."""
    there = and_(sync_states.c.recipe == recipes.c.id, sync_states.c.state == state)
    dead = case((recipes.c.status.in_(FINISHED_RECIPE), 1), else_=0)
    query = (
        select(func.count(), func.coalesce(func.sum(dead), 0))
        .select_from(recipes.outerjoin(sync_states, there))
        .where(recipes.c.recipe_set == recipe_set, sync_states.c.recipe.is_(None))
    )
    lacking: int
    lacking, ended = tx.execute(query).one()
    return lacking > 0 and not ended


def states_of(tx: Connection, recipe_set: int) -> list[str]:
    """Return the states that a recipe of the set has reached or has waited for, by name."""
    mine = recipes.c.recipe_set == recipe_set
    reached = select(sync_states.c.state).join(recipes, recipes.c.id == sync_states.c.recipe).where(mine)
    waited = select(recipes.c.waits_for).where(mine, recipes.c.waits_for.is_not(None))
    return sorted(tx.execute(reached.union(waited)).scalars())


def with_task_role(tx: Connection, recipe_set: int, role: str) -> set[int]:
    """Return the recipes of a set that have a task of that role."""
    query = select(tasks.c.recipe).join(recipes).where(recipes.c.recipe_set == recipe_set, tasks.c.role == role)
    return set(tx.execute(query).scalars())


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


def missing(tx: Connection, recipe_set: int, state: str) -> int:
    """Return how many recipes of a set are not there."""
    there = select(sync_states.c.recipe).where(sync_states.c.state == state)
    query = select(func.count()).where(recipes.c.recipe_set == recipe_set, recipes.c.id.not_in(there))
    return tx.execute(query).scalar_one()
