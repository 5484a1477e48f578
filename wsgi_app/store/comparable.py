"""Recipes that one is compared with, as they were when a certain event was told."""

from collections.abc import Collection, Sequence

from attrs import frozen
from sqlalchemy import ColumnElement, Connection, Select, and_, func, not_, or_, select

from wsgi_app.conditions import Where
from wsgi_app.states import RecipeStatus
from wsgi_app.store import where as conditions
from wsgi_app.store.schema import jobs, recipes, systems

#: values that a query names at a time
_MANY = 500


@frozen
class Subject:
    """A recipe of which somebody is to be told, and of its job what decides whom."""

    recipe: int
    recipe_set: int
    job: int
    name: str
    owner: str
    role: str | None
    #: of its system: the one asked for, or that of the system that it has, or is to have
    type: str | None
    #: the user whose system it has
    system_owner: str | None


def load_subject(tx: Connection, recipe: int) -> Subject | None:
    """Return what is to be known of a recipe, or None."""
    mine = func.coalesce(recipes.c.system, recipes.c.wanted_system)
    owner = select(systems.c.owner).where(systems.c.name == recipes.c.system).scalar_subquery()
    row = tx.execute(
        select(
            recipes.c.id,
            recipes.c.recipe_set,
            recipes.c.job,
            recipes.c.role,
            jobs.c.name,
            jobs.c.owner,
            _type(mine).label("type"),
            owner.label("system_owner"),
        )
        .join(jobs, jobs.c.id == recipes.c.job)
        .where(recipes.c.id == recipe)
    ).one_or_none()
    if row is None:
        return None
    return Subject(row.id, row.recipe_set, row.job, row.name, row.owner, row.role, row.type, row.system_owner)


def alike(subject: Subject) -> list[ColumnElement[bool]]:
    """The conditions for recipes that do the same: of jobs of its name and owner, for its role and type of system."""
    mine = func.coalesce(recipes.c.system, recipes.c.wanted_system)
    return [
        jobs.c.name == subject.name,
        jobs.c.owner == subject.owner,
        recipes.c.role.is_(None) if subject.role is None else recipes.c.role == subject.role,
        _type(mine).is_(None) if subject.type is None else _type(mine) == subject.type,
        recipes.c.recipe_set != subject.recipe_set,
    ]


def matching(where: Where, visible: Sequence[ColumnElement[bool]], now: float) -> list[ColumnElement[bool]]:
    """The conditions for recipes of which that is true, of jobs that are `visible`. Raises `Invalid`."""
    return [*visible, conditions.expression(where, now)]


def newest_settled(
    tx: Connection,
    which: Sequence[ColumnElement[bool]],
    *,
    ends: Collection[RecipeStatus],
    but: int,
    later: Collection[int],
) -> tuple[int, RecipeStatus] | None:
    """Return the recipe that ended last and so, of those, with its end; None: there is none.

    All but `but`, and but those that were settled `later`.
    """
    for row in tx.execute(settled_query(which, ends=ends, but=but).limit(1 + len(later))):
        if row.id not in later:
            return row.id, RecipeStatus(row.status)
    return None


def settled_query(
    which: Sequence[ColumnElement[bool]], *, ends: Collection[RecipeStatus], but: int
) -> Select[tuple[int, str]]:
    """The query for those recipes that have ended so, all but `but`, the one that ended last first."""
    # nearly every recipe has ended so: an index of that is not to be taken for one of its job
    ended = func.coalesce(recipes.c.settled, False), func.coalesce(recipes.c.status, "").in_(ends)
    return (
        select(recipes.c.id, recipes.c.status)
        .join(jobs, jobs.c.id == recipes.c.job)
        .where(*which, *ended, recipes.c.id != but)
        .order_by(recipes.c.finished.desc(), recipes.c.id.desc())
    )


def any_behind(
    tx: Connection,
    which: Sequence[ColumnElement[bool]],
    *,
    started: float | None,
    ends: Collection[RecipeStatus],
    but: int,
    later: Collection[int],
) -> bool:
    """Return whether one of those recipes is not settled so, leaving out `but`; what was settled `later` is not.

    With a time `started` it is enough to have begun by then.
    """
    query = select(recipes.c.id).join(jobs, jobs.c.id == recipes.c.job).where(*which, recipes.c.id != but)
    so = and_(recipes.c.settled, recipes.c.status.in_(ends))
    if started is not None:
        begun = and_(recipes.c.started.is_not(None), recipes.c.started <= started)
        return tx.execute(query.where(not_(func.coalesce(or_(begun, so), False))).limit(1)).first() is not None
    if tx.execute(query.where(not_(so)).limit(1)).first() is not None:
        return True
    ordered = sorted(later)
    return any(
        tx.execute(query.where(recipes.c.id.in_(ordered[first : first + _MANY])).limit(1)).first() is not None
        for first in range(0, len(ordered), _MANY)
    )


def _type(system: ColumnElement[str]) -> ColumnElement[str]:
    named = select(systems.c.type).where(systems.c.name == system).scalar_subquery()
    return func.coalesce(recipes.c.requires["type"].as_string(), named)
