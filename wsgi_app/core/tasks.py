"""Tasks: started, ended, named. Source: design.md section 6, harness-beaker.md 1.4."""

from functools import partial

from wsgi_app.core import assignment, lifecycle, stopping, submission
from wsgi_app.core.access import Access
from wsgi_app.core.campaign import turns
from wsgi_app.core.change import Change, Ground
from wsgi_app.core.results import shortened
from wsgi_app.errors import RecipeNotAssigned, TaskFinished, TaskNotStarted
from wsgi_app.model import Caller, Recipe, Task
from wsgi_app.states import ResultValue, TaskStatus
from wsgi_app.store import recipes


class Tasks:
    """The steps of recipes."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access

    def update(
        self,
        caller: Caller,
        recipe: int,
        task: int,
        *,
        status: TaskStatus | None = None,
        message: str | None = None,
        name: str | None = None,
        version: str | None = None,
    ) -> Task:
        """Change a task's status at its harness's word, and its name and version (at any time); return it.

        Running arms the recipe's watchdog anew, also when repeated. Completed needs Running before; Aborted does not
        and leaves a Warn with the message. Either may end the recipe (`stop_on_fail`), whoever runs it. Raises
        `TaskFinished`, `TaskNotStarted`, `RecipeNotAssigned`, `Invalid`.
        """
        named = {key: value for key, value in (("reported_name", name), ("version", version)) if value is not None}
        load = partial(lifecycle.recipe_with, task=task)

        def change_task(change: Change) -> Task:
            found = assignment.hear(change, self._ground, self._access, caller, recipe, load)
            target = lifecycle.task_of(found, task)
            for field, value in (("name", name), ("version", version)):
                submission.check_length(value, field)
            if status is not None:
                self._move(change, found, target, status, message)
            lifecycle.go_on(change, found)
            if named:
                recipes.update_task(change.tx, target.id, **named)
            return lifecycle.task_of(load(change, recipe), task)

        return self._ground.together(change_task)

    def _move(self, change: Change, recipe: Recipe, task: Task, status: TaskStatus, message: str | None) -> None:
        if task.status.finished:
            raise TaskFinished
        if recipe.assigned is None:
            raise RecipeNotAssigned
        if status is TaskStatus.RUNNING:
            self._start(change, recipe, task)
            return
        if status is TaskStatus.COMPLETED and task.started is None:
            raise TaskNotStarted
        if status is TaskStatus.ABORTED:
            text = shortened(message or "Aborted by its harness")
            lifecycle.add_result(change, recipe, task.id, path="/", result=ResultValue.WARN, score=0, message=text)
            if recipe.reason is None:
                recipes.update_recipe(change.tx, recipe.id, reason=text)
        lifecycle.end_task(change, recipe, task, status, closes=change.now)
        if not stopping.stop(change, recipe.id, task.id):
            lifecycle.refresh(change, recipe.id)
            turns.make_ready(change, [recipe])

    def _start(self, change: Change, recipe: Recipe, task: Task) -> None:
        if task.status is not TaskStatus.RUNNING:
            recipes.update_task(change.tx, task.id, status=TaskStatus.RUNNING, started=change.now)
            # whomever the task before waited for in vain, it goes on
            recipes.update_recipe(change.tx, recipe.id, cause=None)
            change.task_event(recipe, task, status=TaskStatus.RUNNING)
            lifecycle.refresh(change, recipe.id)
        recipes.update_recipe(change.tx, recipe.id, watchdog=change.now + self._ground.config.watchdog_seconds)
