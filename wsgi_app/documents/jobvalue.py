"""Jobs and recipes as the JSON that tells of them. Source: design.md section 5."""

from collections.abc import Sequence
from typing import Any

from attrs import asdict

from wsgi_app.clock import Clock, rfc3339
from wsgi_app.documents.roles import SetRoles, known
from wsgi_app.model import Job, Peer, Recipe, RecipeSet, Task, UpcomingAttempt
from wsgi_app.states import RecipeStatus


def job_value(job: Job, clock: Clock) -> dict[str, Any]:
    """Return the JSON value of a job with all below it."""
    return {
        **job_summary(job),
        "metadata": job.metadata,
        "earlier_sets": job.earlier_sets,
        "upcoming": _upcoming(job.upcoming),
        "recipe_sets": [_set_value(group, clock) for group in job.recipe_sets],
    }


def _upcoming(attempt: UpcomingAttempt | None) -> dict[str, Any] | None:
    return None if attempt is None else {**asdict(attempt), "due": rfc3339(attempt.due)}


def _set_value(group: RecipeSet, clock: Clock) -> dict[str, Any]:
    # without roles: a set of 500, told 500 times in each of 500 recipes, would be a gigabyte
    return {
        "id": group.id,
        "stage": group.stage,
        "status": group.status,
        "attempt": None if group.attempt is None else asdict(group.attempt),
        "recipes": [recipe_value(recipe, clock) for recipe in group.recipes],
    }


def job_summary(job: Job) -> dict[str, Any]:
    """Return the JSON value of a job without what is below it, as lists have it."""
    return {
        "id": job.id,
        "name": job.name,
        "owner": job.owner,
        "visibility": job.visibility,
        "priority": job.priority,
        "status": job.status,
        "cancelling": job.cancelling,
        "settled": job.settled,
        "result": job.result,
        "verdict": job.verdict,
        "reason": job.reason,
        "submitted": rfc3339(job.submitted),
        "started": rfc3339(job.started),
        "finished": rfc3339(job.finished),
        "retry_of": job.retry_of,
        "campaign": job.campaign,
        "warnings": list(job.warnings),
    }


def recipe_document(recipe: Recipe, peers: Sequence[Peer], clock: Clock) -> dict[str, Any]:
    """Return the JSON value of a recipe as its harness reads it: with the roles of its set, once they are known."""
    value = recipe_value(recipe, clock)
    roles = SetRoles.of(peers) if known(recipe) else None
    value["roles"] = None if roles is None else roles.recipes
    for position, task in enumerate(value["tasks"]):
        task["roles"] = None if roles is None else roles.tasks[position]
    return value


def recipe_value(recipe: Recipe, clock: Clock) -> dict[str, Any]:
    """Return the JSON value of a recipe; `watchdog` is the seconds that are left."""
    return {
        "id": recipe.id,
        "job": recipe.job,
        "recipe_set": recipe.recipe_set,
        "system": recipe.system,
        "requires": {"type": recipe.requires.type, "tags": list(recipe.requires.tags)},
        "role": recipe.role,
        "status": recipe.status,
        "cancelling": recipe.cancelling,
        "settled": recipe.settled,
        "late": recipe.late,
        "damaged": recipe.damaged,
        "result": recipe.result,
        "reason": recipe.reason,
        # before its end it is no more than a guess
        "cause": recipe.cause if recipe.status is RecipeStatus.ABORTED else None,
        "watchdog": None if recipe.watchdog is None else int(recipe.watchdog - clock()),
        "max_seconds": recipe.max_seconds,
        "stop_on_fail": recipe.stop_on_fail,
        "install_started": rfc3339(recipe.install_started),
        "install_finished": rfc3339(recipe.install_finished),
        "postinstall_finished": rfc3339(recipe.postinstall_finished),
        "tasks": [_task_value(task) for task in recipe.tasks],
    }


def _task_value(task: Task) -> dict[str, Any]:
    what: dict[str, Any] = {}
    if task.command is not None:
        what["command"] = list(task.command)
    if task.script is not None:
        what["script"] = task.script
    if task.fetch is not None:
        what["fetch"] = {"url": task.fetch}
    return {
        "id": task.id,
        "name": task.name,
        "role": task.role,
        "params": task.params,
        **what,
        "status": task.status,
        "result": task.result,
        "version": task.version,
        "started": rfc3339(task.started),
        "finished": rfc3339(task.finished),
    }
