"""The checklist, PATCH of tasks: items 29 to 32 of harness-beaker.md section 4; 33, the task library, is not ours."""

from tests.protocols.harness.checklist.doors import Recipe


def test_29_running_and_completed(recipe: Recipe) -> None:
    """A status is set, and echoed alone."""
    task = recipe.tasks[0]
    assert recipe.patch(task, {"status": "Running"}, 200).json == {"status": "Running"}
    assert recipe.statuses()[0] == "Running"
    assert recipe.patch(task, {"status": "Completed"}, 200).json == {"status": "Completed"}
    assert recipe.statuses()[0] == "Completed"


def test_29_as_form(recipe: Recipe) -> None:
    """A form does as well as JSON."""
    answer = recipe.form(f"tasks/{recipe.tasks[0]}/", "status=Running", 200, "PATCH")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == {"status": "Running"}


def test_30_name_and_version(recipe: Recipe) -> None:
    """Status, name and version in one request: all are echoed and stored."""
    task = recipe.tasks[0]
    sent = {"status": "Running", "name": "/foo/bar", "version": "1.2-3"}
    assert recipe.patch(task, sent, 200).json == {"id": task, **sent}
    stored = recipe.read()["tasks"][0]
    assert sent.items() <= stored.items()


def test_31_aborted_with_message(recipe: Recipe) -> None:
    """Aborted is echoed, and its message becomes a result."""
    task = recipe.tasks[0]
    answer = recipe.patch(task, {"status": "Aborted", "message": "fooed the bar up"}, 200)
    assert answer.json == {"status": "Aborted"}
    assert recipe.statuses()[0] == "Aborted"
    assert [(result["task"], result["message"]) for result in recipe.results()] == [(task, "fooed the bar up")]


def test_32_running_after_completed(recipe: Recipe) -> None:
    """A completed task does not run again."""
    task = recipe.tasks[0]
    recipe.patch(task, {"status": "Running"}, 200)
    recipe.patch(task, {"status": "Completed"}, 200)
    recipe.patch(task, {"status": "Running"}, 409)
    assert recipe.statuses()[0] == "Completed"
