"""Recipe sets that wait for systems: in which order, and what they hold already."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby

from sqlalchemy import ColumnElement, Connection, Select, and_, func, not_, or_, select

from wsgi_app.model import Recipe
from wsgi_app.states import RecipeStatus
from wsgi_app.store.reciperows import recipe_of
from wsgi_app.store.recipes import RESERVED
from wsgi_app.store.schema import jobs, recipe_sets, recipes


def any_queued(tx: Connection) -> bool:
    """Return whether a recipe waits for a system."""
    return tx.execute(select(recipes.c.id).where(recipes.c.status == RecipeStatus.QUEUED).limit(1)).first() is not None


def assignable(tx: Connection) -> Iterator[list[Recipe]]:
    """Yield the sets that wait for systems, each as its waiting recipes without tasks: by priority, then age.

    A set of a later stage is not among them until all sets of earlier stages of its job are settled.
    """
    # by job, once: asked for each recipe, this took 200 ms with 600 recipes waiting
    due = _due_stages().subquery()
    query = (
        select(recipes)
        .join(recipe_sets, recipe_sets.c.id == recipes.c.recipe_set)
        .join(jobs, jobs.c.id == recipes.c.job)
        .join(due, and_(due.c.job == recipes.c.job, due.c.stage == recipe_sets.c.stage))
        .where(recipes.c.status == RecipeStatus.QUEUED)
        .order_by(jobs.c.priority.desc(), recipe_sets.c.id, recipes.c.id)
    )
    for _, members in groupby(tx.execute(query).all(), key=lambda row: row.recipe_set):
        yield [recipe_of(row) for row in members]


def wishes_before(tx: Connection, priority: int) -> Iterator[tuple[int, str | None, str | None, frozenset[str]]]:
    """Yield what the sets ask for that wait and come before a new one of that priority: set, system, type, tags."""
    asked = select(recipes.c.recipe_set, recipes.c.wanted_system, recipes.c.requires)
    waiting = and_(recipes.c.status == RecipeStatus.QUEUED, jobs.c.priority >= priority)
    for number, system, requires in tx.execute(asked.join(jobs, jobs.c.id == recipes.c.job).where(waiting)):
        yield number, system, requires["type"], frozenset(requires["tags"])


def held_systems(tx: Connection) -> dict[int, set[str]]:
    """Return the systems of those sets that wait for others besides, by set."""
    held: dict[int, set[str]] = defaultdict(set)
    query = select(recipes.c.recipe_set, recipes.c.system).where(recipes.c.status == RecipeStatus.SCHEDULED)
    for row in tx.execute(query):
        held[row.recipe_set].add(row.system)
    return dict(held)


def reserved(tx: Connection) -> set[int]:
    """Return the recipes whose systems are reserved, and have not asked for them."""
    return set(tx.execute(select(recipes.c.id).where(RESERVED)).scalars())


def queued_sets(
    tx: Connection, where: Sequence[ColumnElement[bool]], *, job: int | None, after: tuple[int, int] | None, limit: int
) -> list[list[Recipe]]:
    """Return the sets that wait for systems, each as its waiting recipes without tasks: by priority, then age.

    `where` says of which jobs; `after` is priority and set of the last one that the caller knows.
    """
    waiting = [recipes.c.status == RecipeStatus.QUEUED, *where]
    if job is not None:
        waiting.append(recipes.c.job == job)
    if after is not None:
        behind = and_(jobs.c.priority == after[0], recipes.c.recipe_set > after[1])
        waiting.append(or_(jobs.c.priority < after[0], behind))
    groups = (
        select(recipes.c.recipe_set, jobs.c.priority)
        .join(jobs, jobs.c.id == recipes.c.job)
        .where(*waiting)
        .distinct()
        .order_by(jobs.c.priority.desc(), recipes.c.recipe_set)
        .limit(limit)
    )
    order = [row.recipe_set for row in tx.execute(groups)]
    members: dict[int, list[Recipe]] = {number: [] for number in order}
    chosen = and_(recipes.c.recipe_set.in_(order), recipes.c.status == RecipeStatus.QUEUED)
    for row in tx.execute(select(recipes).where(chosen).order_by(recipes.c.id)):
        members[row.recipe_set].append(recipe_of(row))
    return list(members.values())


def startable(tx: Connection, recipe_set: int) -> list[Recipe]:
    """Return the scheduled recipes of a set, without tasks, if all that are unfinished were taken; else none."""
    mine = recipes.c.recipe_set == recipe_set
    lacking = select(recipes.c.id).where(mine, or_(recipes.c.status == RecipeStatus.QUEUED, RESERVED))
    scheduled = select(recipes).where(mine, recipes.c.status == RecipeStatus.SCHEDULED, not_(lacking.exists()))
    return [recipe_of(row) for row in tx.execute(scheduled.order_by(recipes.c.id))]


def is_due(tx: Connection, recipe: Recipe) -> bool:
    """Return whether all sets of earlier stages of the recipe's job are settled."""
    stage = select(recipe_sets.c.stage).where(recipe_sets.c.id == recipe.recipe_set)
    due = _due_stages().where(recipes.c.job == recipe.job)
    return bool(tx.execute(due).one().stage == tx.execute(stage).scalar_one())


def _due_stages() -> Select[tuple[int, int]]:
    """The lowest stage of each job that is not settled."""
    return (
        select(recipes.c.job, func.min(recipe_sets.c.stage).label("stage"))
        .join(recipe_sets, recipe_sets.c.id == recipes.c.recipe_set)
        .where(recipes.c.settled.is_(False))
        .group_by(recipes.c.job)
    )
