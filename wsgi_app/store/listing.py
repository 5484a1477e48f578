"""Recipes as lists show them: each with its job and its place in its set."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import frozen
from sqlalchemy import ColumnElement, Connection, Select, func, select

from wsgi_app.conditions import Order, Where
from wsgi_app.model import Job, Recipe
from wsgi_app.store import where as conditions
from wsgi_app.store.jobs import MOST_SETS, job_of
from wsgi_app.store.reciperows import recipe_of
from wsgi_app.store.recipes import load_recipes
from wsgi_app.store.schema import jobs, recipe_sets, recipes, results, systems, tasks


@frozen
class Listed:
    """A recipe and its job, each without what is below it unless that was asked for."""

    recipe: Recipe
    job: Job
    #: the first recipe of its set
    first: int
    #: which of its set it is, from 0, and of how many
    place: int
    size: int
    #: another recipe of its set was given a system
    peers_placed: bool
    #: how many recipes its job has by now, itself counted
    siblings: int
    #: the type of system asked for, or that of the system asked for
    type: str | None = None


def page(
    tx: Connection,
    where: Sequence[Where],
    visible: Sequence[ColumnElement[bool]],
    order: Sequence[Order],
    *,
    now: float,
    offset: int,
    limit: int,
) -> list[Listed]:
    """Return recipes in that order; `visible` says of which jobs. Raises `Invalid`, naming the field."""
    query = _matching(where, visible, now, order).offset(offset).limit(limit)
    numbers: list[int] = list(tx.execute(query).scalars())
    found = {one.recipe.id: one for one in load(tx, recipes.c.id.in_(numbers))} if numbers else {}
    return [found[number] for number in numbers]


def count(tx: Connection, where: Sequence[Where], visible: Sequence[ColumnElement[bool]], *, now: float) -> int:
    """Return how many recipes there are. Raises `Invalid`, naming the field."""
    query = _matching(where, visible, now, None)
    return tx.execute(select(func.count()).select_from(query.subquery())).scalar_one()


def _matching(
    where: Sequence[Where], visible: Sequence[ColumnElement[bool]], now: float, order: Sequence[Order] | None
) -> Select[Any]:
    wanted = [conditions.expression(one, now) for one in where]
    sorting = [] if order is None else conditions.ordering(order, now)
    query = select(recipes.c.id).where(*visible, *wanted)
    # a list that asks nothing of jobs does without them: of each recipe there is one
    if visible or conditions.about_jobs(where, order or ()):
        query = query.join(jobs, jobs.c.id == recipes.c.job)
    return query.order_by(*sorting) if sorting else query


def load(tx: Connection, which: ColumnElement[bool], *, with_tasks: bool = False) -> list[Listed]:
    """Return recipes, in order of id."""
    if with_tasks:
        found = load_recipes(tx, which)
    else:
        found = [recipe_of(row) for row in tx.execute(select(recipes).where(which).order_by(recipes.c.id))]
    if not found:
        return []
    job_rows = tx.execute(select(jobs).where(jobs.c.id.in_({recipe.job for recipe in found})))
    its_job = {row.id: job_of(row) for row in job_rows}
    siblings = _siblings(tx, set(its_job))
    sets = _sets(tx, {recipe.recipe_set for recipe in found})
    types = _types(tx, {recipe.system for recipe in found if recipe.requires.type is None and recipe.system})
    return [
        Listed(
            recipe,
            its_job[recipe.job],
            sets[recipe.recipe_set].first,
            sets[recipe.recipe_set].places.get(recipe.id, 0),
            sets[recipe.recipe_set].size,
            sets[recipe.recipe_set].placed > (recipe.assigned is not None),
            siblings[recipe.job],
            recipe.requires.type or types.get(recipe.system or ""),
        )
        for recipe in found
    ]


def live(tx: Connection, most: int) -> list[Listed]:
    """Return recipes that are not settled, in order of id: first of all those that have a system, then the newest."""
    query = select(recipes.c.id).where(recipes.c.settled.is_(False))
    some = query.order_by(recipes.c.assigned.is_(None), recipes.c.id.desc()).limit(most)
    return load(tx, recipes.c.id.in_(some))


def ended(tx: Connection, since: float, most: int) -> list[Listed]:
    """Return settled recipes that ended since a time (seconds since the epoch), the newest end first."""
    query = select(recipes.c.id).where(recipes.c.finished >= since, recipes.c.settled.is_(True))
    some = query.order_by(recipes.c.finished.desc(), recipes.c.id.desc()).limit(most)
    found = load(tx, recipes.c.id.in_(some))
    return sorted(found, key=lambda one: (one.recipe.finished or 0.0, one.recipe.id), reverse=True)


@frozen
class _Set:
    """A recipe set: its first recipe, how many it has, how many of them were given systems, and their places."""

    first: int
    size: int
    placed: int
    #: only when it has more than one
    places: dict[int, int]


def _sets(tx: Connection, numbers: set[int]) -> dict[int, _Set]:
    size, placed = func.count(), func.count(recipes.c.assigned)
    query = (
        select(recipes.c.recipe_set, func.min(recipes.c.id), size, placed)
        .where(recipes.c.recipe_set.in_(numbers))
        .group_by(recipes.c.recipe_set)
    )
    rows = [tuple(row) for row in tx.execute(query)]
    places: dict[int, dict[int, int]] = defaultdict(dict)
    several = [group for group, _, members, _ in rows if members > 1]
    if several:
        members_of = select(recipes.c.recipe_set, recipes.c.id).where(recipes.c.recipe_set.in_(several))
        for group, number in tx.execute(members_of.order_by(recipes.c.id)):
            places[group][number] = len(places[group])
    return {group: _Set(first, members, given, places[group]) for group, first, members, given in rows}


def _siblings(tx: Connection, numbers: set[int]) -> dict[int, int]:
    """Return how many recipes each of these jobs has."""
    query = select(recipes.c.job, func.count()).where(recipes.c.job.in_(numbers)).group_by(recipes.c.job)
    return {row[0]: row[1] for row in tx.execute(query)}


def _types(tx: Connection, names: Iterable[str]) -> dict[str, str | None]:
    wanted = list(names)
    if not wanted:
        return {}
    rows = tx.execute(select(systems.c.name, systems.c.type).where(systems.c.name.in_(wanted)))
    return {row.name: row.type for row in rows}


def job_of_any(tx: Connection, number: int) -> int | None:
    """Return the job whose number it is, or that of one of its sets, recipes, tasks and results; None: nothing's."""
    if tx.execute(select(jobs.c.id).where(jobs.c.id == number)).first() is not None:
        return number
    for which in (of_recipe, of_set, of_task, of_result):
        chosen = which(tx, number)
        if chosen is not None:
            found: int = tx.execute(select(recipes.c.job).where(chosen).limit(1)).scalar_one()
            return found
    return None


def of_job(tx: Connection, job: int) -> ColumnElement[bool] | None:
    """Say which the recipes of a job are, of a campaign those of its newest sets; None: there is no such job."""
    campaign = tx.execute(select(jobs.c.campaign).where(jobs.c.id == job)).scalar_one_or_none()
    if campaign is None:
        return None
    mine = recipes.c.job == job
    if not campaign:
        return mine
    newest = select(recipe_sets.c.id).where(recipe_sets.c.job == job).order_by(recipe_sets.c.id.desc())
    oldest = tx.execute(newest.offset(MOST_SETS - 1).limit(1)).scalar_one_or_none()
    return mine if oldest is None else mine & (recipes.c.recipe_set >= oldest)


def of_set(tx: Connection, recipe_set: int) -> ColumnElement[bool] | None:
    """Say which the recipes of a set are; None: there is no such set."""
    there = tx.execute(select(recipe_sets.c.id).where(recipe_sets.c.id == recipe_set)).first()
    return None if there is None else members(recipe_set)


def members(recipe_set: int) -> ColumnElement[bool]:
    """Say which the recipes of a set are."""
    return recipes.c.recipe_set == recipe_set


def of_recipe(tx: Connection, recipe: int) -> ColumnElement[bool] | None:
    """Say which that recipe is; None: there is no such recipe."""
    there = tx.execute(select(recipes.c.id).where(recipes.c.id == recipe)).first()
    return None if there is None else recipes.c.id == recipe


def settled(tx: Connection, numbers: Sequence[int]) -> bool:
    """Return whether all these recipes are settled."""
    open_one = select(recipes.c.id).where(recipes.c.id.in_(numbers), ~recipes.c.settled).limit(1)
    return tx.execute(open_one).first() is None


def of_task(tx: Connection, task: int) -> ColumnElement[bool] | None:
    """Say which the recipe of a task is; None: there is no such task."""
    found = tx.execute(select(tasks.c.recipe).where(tasks.c.id == task)).scalar_one_or_none()
    return None if found is None else recipes.c.id == found


def of_result(tx: Connection, result: int) -> ColumnElement[bool] | None:
    """Say which the recipe of a result is; None: there is no such result."""
    found = tx.execute(select(results.c.recipe).where(results.c.id == result)).scalar_one_or_none()
    return None if found is None else recipes.c.id == found
