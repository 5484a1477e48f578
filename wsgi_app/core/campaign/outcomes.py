"""What became of the targets of an attempt. Source: decision 0022, jobs-contest.md section 4.3.

A target that failed is the test's word, and the campaign goes on; one that was lost is nobody's, and ends it.
"""

from collections.abc import Mapping, Sequence
from itertools import takewhile

from attrs import frozen
from sqlalchemy import Connection

from wsgi_app.campaign import Attempt, Target
from wsgi_app.model import Recipe, Result, Task
from wsgi_app.states import ResultValue, TaskStatus
from wsgi_app.store import history, recipes

_BAD = (ResultValue.FAIL, ResultValue.PANIC)


@frozen
class TargetOutcome:
    """What became of a target: it came through, failed at a step (then with an error), or was lost (the same)."""

    target: Target
    recipe: int | None
    #: nobody can say what became of it
    lost: bool = False
    #: the label of the step where it failed or was lost; None: before any
    step: str | None = None
    #: None: it came through, or is on its way, or was cancelled
    error: str | None = None


def outcomes(tx: Connection, attempt: Attempt, labels: Sequence[str]) -> list[TargetOutcome]:
    """Return what became of an attempt's targets, in their order; none for an attempt that got none.

    `labels`: of the test's steps.
    """
    if attempt.recipe_set is None:
        return []
    members = recipes.load_set(tx, attempt.recipe_set)
    said = history.worst_reported(tx, recipe_set=attempt.recipe_set)
    return [outcome_of(target, recipe, labels, said) for target, recipe in zip(attempt.targets, members, strict=True)]


def outcome_of(target: Target, recipe: Recipe, labels: Sequence[str], said: Mapping[int, Result]) -> TargetOutcome:
    """Return what became of one target; `said`: the worst reported result of each task, by its id."""
    ended = list(takewhile(_has_ended, zip(labels, recipe.tasks, strict=True)))
    bad = [(label, task) for label, task in ended if not task.lost and task.id in said and said[task.id].result in _BAD]
    # what failed first: tasks that are aborted for that may lie before it, when they ran out of order
    label, task = next(iter(bad or [pair for pair in ended if pair[1].status is TaskStatus.ABORTED]), (None, None))
    if label is None or task is None:
        return TargetOutcome(target, recipe.id)
    if task.lost:
        return TargetOutcome(target, recipe.id, True, label, recipe.reason or f"{label} was aborted")
    return TargetOutcome(target, recipe.id, False, label, _words(recipe, task, label, said.get(task.id)))


def _has_ended(step: tuple[str, Task]) -> bool:
    """Whether a task has come to something, and not just been cancelled."""
    status = step[1].status
    return status.finished and status is not TaskStatus.CANCELLED


def _words(recipe: Recipe, task: Task, label: str, result: Result | None) -> str:
    """Return why a target failed at a step."""
    if result is not None and result.message:
        return result.message
    if result is not None and result.score:
        return f"exit status {result.score}"
    if task.status is TaskStatus.ABORTED:
        return recipe.reason or f"{label} was aborted"
    return f"{label} failed"
