"""Recipe sets, recipes and tasks."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from attrs import frozen
from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, func, or_, select, update

from wsgi_app.model import Peer, Recipe, Task
from wsgi_app.states import FINISHED_RECIPE, UNFINISHED_TASK, LogState, RecipeStatus, ResultValue, TaskStatus
from wsgi_app.store.reciperows import recipe_of, task_of
from wsgi_app.store.schema import logs, recipe_sets, recipes, tasks

#: of those that have a system and are not finished
HOLDING = (RecipeStatus.SCHEDULED, RecipeStatus.WAITING, RecipeStatus.RUNNING)
#: has a system that has not asked for it
RESERVED = and_(recipes.c.status == RecipeStatus.SCHEDULED, recipes.c.taken.is_(None))

# what every call of a harness executes: to build a statement costs four times as much as to run it
_RECIPE = select(recipes).where(recipes.c.id == bindparam("recipe"))
_TASKS = select(tasks).where(tasks.c.recipe == bindparam("recipe")).order_by(tasks.c.id)
_TASK = select(tasks).where(tasks.c.id == bindparam("task"), tasks.c.recipe == bindparam("recipe"))
_STATES = select(recipes.c.status, recipes.c.result, recipes.c.settled, recipes.c.cancelling)
_STATES_OF_JOB = _STATES.where(recipes.c.job == bindparam("of"))
_STATES_OF_SET = _STATES.where(recipes.c.recipe_set == bindparam("of"))
_CHANGE_SET = update(recipe_sets).where(recipe_sets.c.id == bindparam("which"))
_CHANGE_RECIPE = update(recipes).where(recipes.c.id == bindparam("which"))
_CHANGE_TASK = update(tasks).where(tasks.c.id == bindparam("which"))


def job_of(tx: Connection, recipe: int) -> int:
    """Return the job of a recipe that exists."""
    found: int = tx.execute(select(recipes.c.job).where(recipes.c.id == recipe)).scalar_one()
    return found


@frozen
class RecipeState:
    """What a set's or job's state follows from."""

    status: RecipeStatus
    result: ResultValue
    settled: bool
    #: cancelled, and its system may not have noticed yet
    cancelling: bool


def recipe_states(tx: Connection, job: int | None = None, *, recipe_set: int | None = None) -> list[RecipeState]:
    """Return the states of a job's or a set's recipes."""
    query, of = (_STATES_OF_JOB, job) if recipe_set is None else (_STATES_OF_SET, recipe_set)
    rows = tx.execute(query, {"of": of})
    return [RecipeState(RecipeStatus(row.status), ResultValue(row.result), row.settled, row.cancelling) for row in rows]


def load_recipe(tx: Connection, recipe: int) -> Recipe | None:
    """Return a recipe with its tasks, or None."""
    row = tx.execute(_RECIPE, {"recipe": recipe}).one_or_none()
    return None if row is None else recipe_of(row, map(task_of, tx.execute(_TASKS, {"recipe": recipe})))


def load_recipe_with(tx: Connection, recipe: int, task: int | None) -> Recipe | None:
    """Return a recipe with that one of its tasks alone, without any if it has no such, or None: there is none."""
    row = tx.execute(_RECIPE, {"recipe": recipe}).one_or_none()
    if row is None:
        return None
    return recipe_of(row, () if task is None else map(task_of, tx.execute(_TASK, {"recipe": recipe, "task": task})))


def load_recipes(tx: Connection, where: ColumnElement[bool]) -> list[Recipe]:
    """Return recipes with their tasks, in order of id."""
    rows = tx.execute(select(recipes).where(where).order_by(recipes.c.id)).all()
    by_recipe: dict[int, list[Task]] = defaultdict(list)
    wanted = select(recipes.c.id).where(where)
    for row in tx.execute(select(tasks).where(tasks.c.recipe.in_(wanted)).order_by(tasks.c.id)):
        by_recipe[row.recipe].append(task_of(row))
    return [recipe_of(row, by_recipe[row.id]) for row in rows]


def load_set(tx: Connection, recipe_set: int) -> list[Recipe]:
    """Return the recipes of a set with their tasks."""
    return load_recipes(tx, recipes.c.recipe_set == recipe_set)


def load_peers(tx: Connection, recipe_set: int) -> tuple[Peer, ...]:
    """Return what the recipes of a set know of one another: a fraction of what `load_set` costs."""
    roles: dict[int, list[str | None]] = defaultdict(list)
    mine = recipes.c.recipe_set == recipe_set
    query = select(tasks.c.recipe, tasks.c.role).join(recipes).where(mine).order_by(tasks.c.id)
    for number, role in tx.execute(query):
        roles[number].append(role)
    system = func.coalesce(recipes.c.system, recipes.c.wanted_system)
    rows = tx.execute(select(recipes.c.id, system, recipes.c.role).where(mine).order_by(recipes.c.id))
    return tuple(Peer(number, name, role, tuple(roles[number])) for number, name, role in rows)


def unsettled_recipes(tx: Connection) -> list[Recipe]:
    """Return the recipes that have a system and are not settled yet."""
    return load_recipes(tx, and_(recipes.c.settled.is_(False), recipes.c.assigned.is_not(None)))


def unsettled_since(tx: Connection, since: float) -> list[int]:
    """Return the ids of the recipes that have a system and are not settled yet, or have ended since then; ascending."""
    assigned = recipes.c.assigned.is_not(None)
    # two queries in one: for an `or` SQLite reads all recipes when they are to be in order
    unsettled = select(recipes.c.id).where(recipes.c.settled.is_(False), assigned)
    lately = select(recipes.c.id).where(recipes.c.finished > since, assigned)
    return sorted(tx.execute(unsettled.union(lately)).scalars())


def load_these(tx: Connection, numbers: Collection[int]) -> list[Recipe]:
    """Return recipes with their tasks, in order of id."""
    return load_recipes(tx, recipes.c.id.in_(numbers))


def unfinished_recipes(tx: Connection) -> list[Recipe]:
    """Return the recipes that have not finished, those that wait for a system too."""
    return load_recipes(tx, and_(recipes.c.settled.is_(False), recipes.c.status.not_in(FINISHED_RECIPE)))


def unfinished_of(tx: Connection, job: int) -> list[Recipe]:
    """Return the recipes of a job that have not finished."""
    return load_recipes(tx, and_(recipes.c.job == job, recipes.c.status.not_in(FINISHED_RECIPE)))


def unsettled_behind(tx: Connection, after: int, limit: int) -> list[Recipe]:
    """Return recipes that have a system and are not settled, in order of id, those behind `after`."""
    return unsettled_of(tx, _unsettled_ids(tx, recipes.c.id > after, limit))


def unsettled_of(tx: Connection, numbers: Collection[int]) -> list[Recipe]:
    """Return those of the recipes that have a system and are not settled."""
    if not numbers:
        return []
    return load_recipes(tx, recipes.c.id.in_(_unsettled_ids(tx, recipes.c.id.in_(numbers), len(numbers))))


def _unsettled_ids(tx: Connection, which: ColumnElement[bool], limit: int) -> list[int]:
    unsettled = and_(which, recipes.c.settled.is_(False), recipes.c.assigned.is_not(None))
    return list(tx.execute(select(recipes.c.id).where(unsettled).order_by(recipes.c.id).limit(limit)).scalars())


def settled_recipes(tx: Connection, *, after: int, limit: int) -> list[Recipe]:
    """Return settled recipes that had a system, in order of id, those behind `after`."""
    where = and_(recipes.c.settled.is_(True), recipes.c.assigned.is_not(None), recipes.c.id > after)
    numbers = tx.execute(select(recipes.c.id).where(where).order_by(recipes.c.id).limit(limit)).scalars().all()
    return load_recipes(tx, recipes.c.id.in_(numbers)) if numbers else []


def late_recipes(tx: Connection) -> list[Recipe]:
    """Return the recipes that were settled before all their logs were indexed, and some still are not."""
    growing = select(logs.c.path).where(logs.c.recipe == recipes.c.id, logs.c.state == LogState.GROWING).exists()
    return load_recipes(tx, and_(recipes.c.late.is_(True), growing))


def existing(tx: Connection, numbers: Collection[int]) -> set[int]:
    """Return those of the numbers that are recipes."""
    return set(tx.execute(select(recipes.c.id).where(recipes.c.id.in_(numbers))).scalars())


def all_ids(tx: Connection) -> set[int]:
    """Return the ids of all recipes."""
    return set(tx.execute(select(recipes.c.id)).scalars())


def is_live(tx: Connection, recipe: int) -> bool:
    """Return whether a recipe is unfinished."""
    live = select(recipes.c.id).where(recipes.c.id == recipe, recipes.c.status.not_in(FINISHED_RECIPE))
    return tx.execute(live).first() is not None


def overdue_sets(tx: Connection, now: float) -> list[int]:
    """Return the recipe sets in which every unfinished recipe that has a watchdog is past it, or waits in sync.

    Not those that wait for a system which is reserved: that one's watchdog is theirs (`untaken_sets`).
    """
    # this runs every second: only sets are looked at of which one is past, and what has finished has no watchdog
    past = recipes.c.watchdog <= now
    looked_at = recipes.c.recipe_set.in_(select(recipes.c.recipe_set).where(past))
    # who only waits in sync for the others lives no longer than they do
    lives = case((RESERVED, 1), (or_(past, recipes.c.waits_until > now), 0), else_=1)
    query = (
        select(recipes.c.recipe_set)
        .where(looked_at, recipes.c.status.not_in(FINISHED_RECIPE), recipes.c.watchdog.is_not(None))
        .group_by(recipes.c.recipe_set)
        .having(func.sum(lives) == 0, func.min(recipes.c.watchdog) <= now)
    )
    return list(tx.execute(query).scalars())


def untaken_sets(tx: Connection, now: float) -> list[int]:
    """Return the sets with a recipe whose system is reserved and has not asked for it by its watchdog."""
    query = select(recipes.c.recipe_set).where(RESERVED, recipes.c.watchdog <= now).distinct()
    return list(tx.execute(query.order_by(recipes.c.recipe_set)).scalars())


def overlong(tx: Connection, now: float) -> list[int]:
    """Return the unfinished recipes that have run longer than they may, or have had their systems so long in vain.

    An installation has a time limit of its own.
    """
    # said by name for the index: this runs every second, and thousands may wait
    holding = recipes.c.status.in_(HOLDING)
    idle_since = case((recipes.c.install_started.is_(None), recipes.c.taken))
    since = func.coalesce(recipes.c.started, idle_since)
    query = select(recipes.c.id).where(holding, since + recipes.c.max_seconds <= now)
    return list(tx.execute(query).scalars())


def closing_recipes(tx: Connection, now: float) -> list[int]:
    """Return the unsettled recipes whose logs are closed by now."""
    query = select(recipes.c.id).where(recipes.c.settled.is_(False), recipes.c.closes <= now)
    return list(tx.execute(query).scalars())


def update_set(tx: Connection, recipe_set: int, **values: Any) -> None:
    """Change columns of a recipe set."""
    tx.execute(_CHANGE_SET, {"which": recipe_set, **values})


def update_recipe(tx: Connection, recipe: int, **values: Any) -> None:
    """Change columns of a recipe."""
    tx.execute(_CHANGE_RECIPE, {"which": recipe, **values})


def start_scheduled(tx: Connection, recipe_set: int) -> None:
    """Let the recipes of a set that have systems start."""
    scheduled = and_(recipes.c.recipe_set == recipe_set, recipes.c.status == RecipeStatus.SCHEDULED)
    tx.execute(update(recipes).where(scheduled).values(status=RecipeStatus.WAITING))


def waiting(tx: Connection, recipe_set: int, now: float) -> set[int]:
    """Return the recipes of a set that wait in sync."""
    mine = and_(recipes.c.recipe_set == recipe_set, recipes.c.waits_until > now)
    return set(tx.execute(select(recipes.c.id).where(mine)).scalars())


def live_until_all(tx: Connection, numbers: Collection[int], time: float) -> None:
    """Put the watchdogs of recipes off to that time, where they are not later."""
    if numbers:
        one = update(recipes).where(recipes.c.id == bindparam("number"), recipes.c.watchdog < time)
        tx.execute(one.values(watchdog=time), [{"number": number} for number in numbers])


def live_until(tx: Connection, recipe: int, time: float) -> None:
    """Put a recipe's watchdog off to that time, unless it is later or there is none."""
    tx.execute(update(recipes).where(recipes.c.id == recipe, recipes.c.watchdog < time).values(watchdog=time))


def stop_waiting(tx: Connection, recipe: int, state: str | None = None) -> None:
    """Note that a recipe no longer waits for a sync state (None: for any, it does something else)."""
    waits = recipes.c.waits_for.is_not(None) if state is None else recipes.c.waits_for == state
    tx.execute(update(recipes).where(recipes.c.id == recipe, waits).values(waits_for=None, waits_until=None))


def stop_all_waiting(tx: Connection, recipe_set: int, state: str) -> None:
    """Note that no recipe of a set waits for a sync state any more."""
    waits = and_(recipes.c.recipe_set == recipe_set, recipes.c.waits_for == state)
    tx.execute(update(recipes).where(waits).values(waits_for=None, waits_until=None))


def end_tasks(tx: Connection, recipe: int, *, status: TaskStatus, finished: float, closes: float, lost: bool) -> None:
    """End all unfinished tasks of a recipe; `lost`: what became of them is not known."""
    unfinished = and_(tasks.c.recipe == recipe, tasks.c.status.in_(UNFINISHED_TASK))
    tx.execute(update(tasks).where(unfinished).values(status=status, finished=finished, closes=closes, lost=lost))


def set_results(tx: Connection, numbers: Sequence[int], result: ResultValue) -> None:
    """Set the result of these tasks."""
    if numbers:
        one = update(tasks).where(tasks.c.id == bindparam("task")).values(result=result)
        tx.execute(one, [{"task": number} for number in numbers])


def update_task(tx: Connection, task: int, **values: Any) -> None:
    """Change columns of a task."""
    tx.execute(_CHANGE_TASK, {"which": task, **values})
