"""The checklist, recipe status: items 34 and 35 of harness-beaker.md section 4; 36, guests, is not ours."""

from collections.abc import Callable

from tests.protocols.harness.checklist.doors import Recipe


def test_34_aborted_with_message(recipe: Recipe) -> None:
    """Every task is aborted, with the message as its last result."""
    recipe.say(recipe.tasks[0], "Running")
    recipe.result(recipe.tasks[0])
    recipe.form("status", "status=Aborted&message=fooed+the+bar+up", 204)
    assert recipe.statuses() == ["Aborted", "Aborted"]
    for task in recipe.tasks:
        last = [result for result in recipe.results() if result["task"] == task][-1]
        assert (last["result"], last["message"]) == ("Warn", "fooed the bar up")


def test_35_other_sets(recipes: Callable[..., list[Recipe]]) -> None:
    """A recipe of another set goes on; the job is Aborted with the last of them."""
    one, other = recipes([{}], [{}])
    other.say(other.tasks[0], "Running")
    one.form("status", "status=Aborted", 204)
    assert (one.read()["status"], other.read()["status"]) == ("Aborted", "Running")
    assert one.whole_job()["status"] not in ("Aborted", "Completed", "Cancelled")
    other.form("status", "status=Aborted", 204)
    assert other.read()["status"] == "Aborted"
    assert one.whole_job()["status"] == "Aborted"
