"""Rows of recipes and tasks as what they are."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row

from wsgi_app.model import Recipe, Requires, Task
from wsgi_app.states import Cause, RecipeStatus, ResultValue, TaskStatus


def requires_of(row: Row[Any]) -> Requires:
    """Return what a row of the table of recipes asks for."""
    return Requires(row.requires["type"], tuple(row.requires["tags"]))


def task_of(row: Row[Any]) -> Task:
    """Return a row of the table of tasks as a task."""
    return Task(
        id=row.id,
        recipe=row.recipe,
        name=row.reported_name or row.name,
        role=row.role,
        params=row.params,
        command=None if row.command is None else tuple(row.command),
        script=row.script,
        fetch=row.fetch,
        status=TaskStatus(row.status),
        result=ResultValue(row.result),
        version=row.version,
        started=row.started,
        finished=row.finished,
        closes=row.closes,
        later=row.later,
        lost=row.lost,
        live=row.live,
    )


def recipe_of(row: Row[Any], tasks_of_it: Iterable[Task] = ()) -> Recipe:
    """Return a row of the table of recipes as a recipe with these tasks."""
    return Recipe(
        id=row.id,
        job=row.job,
        recipe_set=row.recipe_set,
        system=row.system or row.wanted_system,
        assigned=row.assigned,
        requires=requires_of(row),
        role=row.role,
        status=RecipeStatus(row.status),
        cancelling=row.cancelling,
        settled=row.settled,
        late=row.late,
        damaged=row.damaged,
        result=ResultValue(row.result),
        reason=row.reason,
        watchdog=row.watchdog,
        max_seconds=row.max_seconds,
        stop_on_fail=row.stop_on_fail,
        started=row.started,
        finished=row.finished,
        closes=row.closes,
        install_started=row.install_started,
        install_finished=row.install_finished,
        postinstall_finished=row.postinstall_finished,
        taken=row.taken,
        archive_secret=row.archive_secret,
        cause=None if row.cause is None else Cause(row.cause),
        tasks=tuple(tasks_of_it),
        reported=row.reported,
        waits=row.waits_for is not None,
    )
