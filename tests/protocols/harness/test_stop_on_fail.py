"""`stop_on_fail` is kept by the controller, whatever harness runs the recipe."""

from collections.abc import Callable
from typing import Any

import pytest

from wsgi_app.app import Application
from wsgi_app.model import LogIndex, ParsedResult
from wsgi_app.states import ResultValue

REASON = "a task failed, and the recipe is to stop then"


@pytest.fixture
def stopping(make_harness: Callable[..., Any]) -> Any:
    """A harness with three tasks, of which none is to run behind one that failed."""
    return make_harness(3, stop_on_fail=True)


def statuses(harness: Any) -> list[str]:
    """The statuses of its tasks."""
    return [task["status"] for task in harness.read()["tasks"]]


@pytest.mark.parametrize("order", [["Fail"], ["Pass", "Fail", "Pass"], ["Fail", "Warn"]])
def test_a_reported_failure_ends_the_recipe(stopping: Any, order: list[str]) -> None:
    """At the task's end, whenever it was reported: the others are Aborted with a Warn that says why."""
    first, second, third = stopping.tasks
    stopping.say(first, "Running")
    for result in order:
        stopping.result(first, result)
    assert statuses(stopping) == ["Running", "Waiting", "Waiting"]
    stopping.say(first, "Completed")
    assert statuses(stopping) == ["Completed", "Aborted", "Aborted"]
    recipe = stopping.read()
    assert (recipe["status"], recipe["result"], recipe["reason"], recipe["watchdog"]) == (
        "Aborted",
        "Fail",
        REASON,
        None,
    )
    warned = [(one["task"], one["result"], one["message"]) for one in stopping.results()[len(order) :]]
    assert warned == [(task, "Warn", REASON) for task in (second, third)]
    # a stock harness goes on, and is told that it is over
    assert stopping.say(second, "Running", 409).text == "The status of a finished task cannot be changed\n"
    stopping.say(second, "Completed", 409)
    stopping.call("PUT", f"tasks/{second}/logs/taskout.log", b"x", status=409)


def test_an_aborted_task_ends_the_recipe(stopping: Any) -> None:
    """Its own reason is the recipe's."""
    first = stopping.tasks[0]
    stopping.form(f"tasks/{first}/status", "status=Aborted&message=no+such+program", 204)
    assert statuses(stopping) == ["Aborted"] * 3
    assert stopping.read()["reason"] == "no such program"
    assert [one["message"] for one in stopping.results()] == ["no such program", REASON, REASON]


@pytest.mark.parametrize("result", ["Pass", "Warn", "Skip", "None"])
def test_all_else_goes_on(stopping: Any, result: str) -> None:
    """A Warn is no failure."""
    first = stopping.tasks[0]
    stopping.say(first, "Running")
    stopping.result(first, result)
    stopping.say(first, "Completed")
    assert statuses(stopping) == ["Completed", "Waiting", "Waiting"]


def test_a_failure_of_the_last_task_aborts_nothing(stopping: Any) -> None:
    """All has been run."""
    for task in stopping.tasks:
        stopping.say(task, "Running")
        if task == stopping.tasks[-1]:
            stopping.result(task, "Fail")
        stopping.say(task, "Completed")
    recipe = stopping.read()
    assert (recipe["status"], recipe["result"], recipe["reason"]) == ("Completed", "Fail", None)


def test_a_failure_found_in_a_log_stops_nothing(stopping: Any, application: Application) -> None:
    """It is found when the next task runs already."""
    first = stopping.tasks[0]
    stopping.say(first, "Running")
    stopping.call("PUT", f"tasks/{first}/logs/x.tap", b"not ok 1\n", status=201)
    found = LogIndex(9, "0" * 64, 1, b"", "tap", (ParsedResult("/1", ResultValue.FAIL, 1),), ())
    application.gateway.logs.indexed(stopping.recipe, f"tasks/{first}/logs/x.tap", found)
    stopping.say(first, "Completed")
    assert statuses(stopping) == ["Completed", "Waiting", "Waiting"]
    assert stopping.read()["result"] == "Fail"


def test_without_it_a_failure_stops_nothing(make_harness: Callable[..., Any]) -> None:
    """Failing and aborted tasks are followed by the others."""
    harness = make_harness(3)
    first, second, _ = harness.tasks
    harness.say(first, "Running")
    harness.result(first, "Fail")
    harness.say(first, "Completed")
    harness.say(second, "Aborted")
    assert statuses(harness) == ["Completed", "Aborted", "Waiting"]


def test_its_system_is_free_at_once(stopping: Any, admin: dict[str, str]) -> None:
    """The next recipe can have it."""
    first = stopping.tasks[0]
    stopping.say(first, "Running")
    stopping.result(first, "Fail")
    stopping.say(first, "Completed")
    system = stopping.web.get("/systems/host1.example", headers=admin).json
    assert (system["recipe"], system["state"]) == (None, "offline")
