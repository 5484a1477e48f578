"""The checklist, installer callbacks: items 46 to 50 of harness-beaker.md section 4.

45 (netboot) and 51 (postreboot) are not ours.
"""

import pytest

from tests.protocols.harness.checklist.doors import Recipe


def callback(recipe: Recipe, target: str) -> str:
    """Call as an installer does, by GET, and return the words: plain text, a Python repr without a line end."""
    answer = recipe.raw("GET", target, status=200)
    assert answer.headers["Content-Type"].partition(";")[0] == "text/plain"
    return answer.body.decode()


@pytest.mark.parametrize("slash", ["", "/"])
def test_46_install_start(recipe: Recipe, slash: str) -> None:
    """The start is recorded, and there are three hours."""
    assert recipe.read()["install_started"] is None
    assert callback(recipe, f"/install_start/{recipe.id}{slash}") == "True"
    assert recipe.read()["install_started"] is not None
    assert 10790 <= recipe.left() <= 10800


def test_47_install_start_again(recipe: Recipe) -> None:
    """A second start changes nothing: a looping installer would live for ever."""
    callback(recipe, f"/install_start/{recipe.id}")
    started = recipe.read()["install_started"]
    recipe.form("watchdog", "seconds=600", 204)
    assert callback(recipe, f"/install_start/{recipe.id}") == "False"
    assert recipe.left() <= 600
    assert recipe.read()["install_started"] == started


def test_48_install_done_with_name(recipe: Recipe) -> None:
    """The end is recorded. The name is for guests: ours are hosts, whose name is their system's, and stays so."""
    assert callback(recipe, f"/install_done/{recipe.id}/guest.example") == repr(recipe.system)
    assert recipe.read()["install_finished"] is not None
    assert recipe.read()["system"] == recipe.system


@pytest.mark.parametrize("slash", ["/", ""])
def test_49_install_done_without_name(recipe: Recipe, slash: str) -> None:
    """It works without a name; the name in force is the system's."""
    assert callback(recipe, f"/install_done/{recipe.id}{slash}") == repr(recipe.system)
    first = recipe.read()["install_finished"]
    assert first is not None
    callback(recipe, f"/install_done/{recipe.id}{slash}")
    assert recipe.read()["install_finished"] == first


@pytest.mark.parametrize("slash", ["/", ""])
def test_50_install_fail(recipe: Recipe, slash: str) -> None:
    """All tasks are aborted with Beaker's words."""
    assert callback(recipe, f"/install_fail/{recipe.id}{slash}") == "None"
    assert recipe.statuses() == ["Aborted", "Aborted"]
    told = [(result["task"], result["result"], result["message"]) for result in recipe.results()]
    assert told == [(task, "Warn", "Installation failed") for task in recipe.tasks]
