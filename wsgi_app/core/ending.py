"""How recipes are ended by somebody else than their harness: aborted, expired, cancelled. Source: design.md section 6.

A job may have thousands of recipes, and a recipe thousands of tasks: everything here is done once for all of them.
"""

from collections.abc import Callable, Sequence

from wsgi_app.core import gate, lifecycle
from wsgi_app.core.change import Change
from wsgi_app.model import Recipe, Result, Task
from wsgi_app.states import Cause, RecipeStatus, ResultValue, TaskStatus, recipe_status, worst
from wsgi_app.store import ids, recipes, results


def end_recipes(
    change: Change,
    members: Sequence[Recipe],
    status: TaskStatus,
    message: str | None,
    *,
    grace: Callable[[Recipe], float],
    cause: Cause | None = None,
    lost: bool = True,
) -> None:
    """End the unfinished tasks of unfinished recipes and so the recipes; with a Warn each when there is a message.

    `cause`: why they are aborted. `lost`: nobody knows what became of them; not when their harness has said why.

    The logs of those that have a system close after so many seconds; those that have none never had logs, and are
    settled.
    """
    for recipe in members:
        seconds = grace(recipe) if recipe.assigned is not None else 0.0
        _end(change, recipe, status, message, seconds, cause, lost=lost)
    for group in {recipe.recipe_set for recipe in members}:
        # the others may have waited for nothing but its system
        lifecycle.start_set(change, group)
        lifecycle.refresh_set(change, group)
    for job in {recipe.job for recipe in members}:
        lifecycle.refresh_job(change, job)


def _end(
    change: Change,
    recipe: Recipe,
    status: TaskStatus,
    message: str | None,
    grace: float,
    cause: Cause | None,
    *,
    lost: bool,
) -> None:
    closes = change.now + grace
    unfinished = [task for task in recipe.tasks if not task.status.finished]
    recipes.end_tasks(change.tx, recipe.id, status=status, finished=change.now, closes=closes, lost=lost)
    found = recipe.result
    if message is not None:
        found = worst((found, ResultValue.WARN))
        _warn(change, recipe, unfinished, message)
    for task in unfinished:
        value = task.result if message is None else worst((task.result, ResultValue.WARN))
        change.task_event(recipe, task, status=status, result=value)
    if closes <= change.now:
        change.gate(recipe.id, gate.CLOSED, *(gate.task_name(task.id) for task in unfinished))
    ended = [task.status if task.status.finished else status for task in recipe.tasks]
    whole = recipe_status(ended) or RecipeStatus(status)
    settled = recipe.assigned is None
    recipes.update_recipe(
        change.tx,
        recipe.id,
        status=whole,
        result=found,
        reason=recipe.reason if message is None else message,
        cause=lifecycle.cause_of(recipe, whole, cause),
        finished=change.now,
        watchdog=None,
        closes=closes,
        cancelling=whole is RecipeStatus.CANCELLED and grace > 0,
        settled=settled,
    )
    lifecycle.release(change, recipe)
    change.recipe_event(recipe, status=whole, result=found, settled=settled)


def _warn(change: Change, recipe: Recipe, tasks: Sequence[Task], message: str) -> None:
    """Give each task a Warn with the message; whoever asked for a task's results sees why it has ended."""
    new = [
        Result(
            id=number,
            recipe=recipe.id,
            task=task.id,
            path="/",
            result=ResultValue.WARN,
            score=0,
            message=message,
            source="harness",
            log=None,
            line=None,
            time=change.now,
        )
        for number, task in zip(ids.take(change.tx, len(tasks)), tasks, strict=True)
    ]
    results.insert_results(change.tx, new)
    for result in new:
        change.result_event(recipe.job, result)
    better = [task.id for task in tasks if task.result.severity < ResultValue.WARN.severity]
    recipes.set_results(change.tx, better, ResultValue.WARN)
