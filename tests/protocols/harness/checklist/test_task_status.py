"""The checklist, task status: items 22 to 28 of harness-beaker.md section 4."""

from tests.protocols.harness.checklist.doors import Recipe


def test_22_running(recipe: Recipe) -> None:
    """A task that was said to run runs."""
    recipe.say(recipe.tasks[0], "Running")
    assert recipe.statuses() == ["Running", "Waiting"]


def test_23_completed(recipe: Recipe) -> None:
    """Then it can be completed."""
    recipe.say(recipe.tasks[0], "Running")
    recipe.say(recipe.tasks[0], "Completed")
    assert recipe.statuses() == ["Completed", "Waiting"]


def test_24_completed_again(recipe: Recipe) -> None:
    """Completed again is 409 and says why; it stays completed."""
    task = recipe.tasks[0]
    recipe.say(task, "Running")
    recipe.say(task, "Completed")
    answer = recipe.say(task, "Completed", 409)
    assert b"finished task cannot be changed" in answer.body
    assert recipe.statuses()[0] == "Completed"


def test_25_aborted_with_message(recipe: Recipe) -> None:
    """The message of an abort is the last result's."""
    task = recipe.tasks[0]
    recipe.say(task, "Running")
    recipe.result(task)
    recipe.form(f"tasks/{task}/status", "status=Aborted&message=fooed+the+bar+up", 204)
    assert recipe.statuses()[0] == "Aborted"
    last = recipe.results()[-1]
    assert (last["task"], last["result"], last["message"]) == (task, "Warn", "fooed the bar up")


def test_26_missing_status(recipe: Recipe) -> None:
    """Without `status` it is 400."""
    recipe.form(f"tasks/{recipe.tasks[0]}/status", "asdf=lol", 400)
    assert recipe.statuses()[0] == "Waiting"


def test_27_running_after_completed(recipe: Recipe) -> None:
    """A completed task does not run again."""
    task = recipe.tasks[0]
    recipe.say(task, "Running")
    recipe.say(task, "Completed")
    recipe.say(task, "Running", 409)
    assert recipe.statuses()[0] == "Completed"


def test_28_completed_after_recipe_abort(recipe: Recipe) -> None:
    """After the recipe was aborted, none of its tasks can be completed."""
    recipe.say(recipe.tasks[0], "Running")
    recipe.form("status", "status=Aborted", 204)
    for task in recipe.tasks:
        recipe.say(task, "Completed", 409)
    assert recipe.statuses() == ["Aborted", "Aborted"]
