"""Recipe sets that wait for systems: in which order, and what they hold already."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, false, func, not_, or_, select

from wsgi_app.model import Recipe, System
from wsgi_app.states import RecipeStatus
from wsgi_app.store.reciperows import recipe_of
from wsgi_app.store.recipes import RESERVED
from wsgi_app.store.schema import jobs, recipe_sets, recipes

#: sets that are loaded at a time: most who ask are content with the first few
AT_ONCE = 50


def any_for(tx: Connection, free: Sequence[System]) -> bool:
    """Return whether a recipe waits that may want one of these systems, as far as name and type tell."""
    waiting = select(recipes.c.id).where(_may_want(free))
    return tx.execute(waiting.limit(1)).first() is not None


def assignable(
    tx: Connection, free: Sequence[System] | None = None, also: Collection[int] = ()
) -> Iterator[list[Recipe]]:
    """Yield the sets that wait for systems, each as its waiting recipes without tasks: by priority, then age.

    A set of a later stage is not among them until all sets of earlier stages of its job are settled. With `free`, only
    the sets with a recipe that may want one of these systems, as far as name and type tell, and those in `also`.
    """
    waiting = recipes.c.status == RecipeStatus.QUEUED
    if free is not None:
        named = and_(waiting, recipes.c.recipe_set.in_(also))
        waiting = or_(_may_want(free), named) if also else _may_want(free)
    order = (
        select(recipes.c.recipe_set)
        .join(jobs, jobs.c.id == recipes.c.job)
        .where(waiting)
        .group_by(recipes.c.recipe_set)
        .order_by(jobs.c.priority.desc(), recipes.c.recipe_set)
    )
    #: of each job, asked once: one may have thousands of sets
    due: dict[int, int] = {}
    with tx.execute(order) as numbers:
        for some in numbers.scalars().partitions(AT_ONCE):
            yield from _due_groups(tx, some, due)


def _due_groups(tx: Connection, sets: Sequence[int], due: dict[int, int]) -> Iterator[list[Recipe]]:
    """Yield the waiting recipes of those of the sets whose stage has come; what is found of jobs goes into `due`."""
    query = select(recipes, recipe_sets.c.stage).join(recipe_sets, recipe_sets.c.id == recipes.c.recipe_set)
    groups: dict[int, list[Row[Any]]] = {number: [] for number in sets}
    # all recipes of the sets: asked for those that wait, SQLite would read whatever waits, each time
    for row in tx.execute(query.where(recipes.c.recipe_set.in_(sets)).order_by(recipes.c.id)):
        if row.status == RecipeStatus.QUEUED:
            groups[row.recipe_set].append(row)
    unknown = {rows[0].job for rows in groups.values() if rows} - due.keys()
    if unknown:
        due.update((row.job, row.stage) for row in tx.execute(_due_stages().where(recipes.c.job.in_(unknown))))
    for rows in groups.values():
        # what comes behind a set may have been changed by whoever got it
        if rows and due.get(rows[0].job) == rows[0].stage:
            yield [recipe_of(row) for row in rows]


def _may_want(free: Sequence[System]) -> ColumnElement[bool]:
    """Say which recipes wait and may want one of these systems, as far as name and type tell."""
    if not free:
        return false()
    # said twice: each part of an `or` is found by the index when it is all there
    waiting = recipes.c.status == RecipeStatus.QUEUED
    wanted = recipes.c.requires["type"].as_string()
    types = sorted({system.type for system in free if system.type is not None})
    by_name = and_(waiting, recipes.c.wanted_system.in_([system.name for system in free]))
    return or_(by_name, and_(waiting, recipes.c.wanted_system.is_(None), or_(wanted.is_(None), wanted.in_(types))))


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
    for row in tx.execute(select(recipes).where(recipes.c.recipe_set.in_(order)).order_by(recipes.c.id)):
        if row.status == RecipeStatus.QUEUED:
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
