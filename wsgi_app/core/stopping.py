"""Recipes that are to stop when a task fails (`stop_on_fail`), whatever harness runs them."""

from wsgi_app.core import lifecycle
from wsgi_app.core.change import Change
from wsgi_app.core.ending import end_recipes
from wsgi_app.states import Cause, ResultValue, TaskStatus
from wsgi_app.store import recipes, results

#: why the tasks behind the one that failed are Aborted; our own harness says the same
REASON = "a task failed, and the recipe is to stop then"

_FAILED = (ResultValue.FAIL, ResultValue.PANIC)


def stop(change: Change, recipe_id: int, task_id: int) -> bool:
    """End a recipe when a task has ended and that is a reason to stop; return whether it was.

    A reason is a task that did not complete, or of which its harness reported Fail or Panic. What is found in logs is
    none: it is found when the next task runs already. The harness has sent what it had, so all logs close at once.
    """
    recipe = lifecycle.recipe_of(change, recipe_id)
    task = lifecycle.task_of(recipe, task_id)
    if not recipe.stop_on_fail or all(one.status.finished for one in recipe.tasks):
        return False
    if task.status is TaskStatus.COMPLETED and not results.has_reported(change.tx, recipe_id, task_id, _FAILED):
        return False
    end_recipes(change, [recipe], TaskStatus.ABORTED, REASON, grace=lambda _: 0.0, cause=Cause.TASK, lost=False)
    if recipe.reason is not None:
        # what was said of the task that was aborted tells more
        recipes.update_recipe(change.tx, recipe_id, reason=recipe.reason)
    return True
