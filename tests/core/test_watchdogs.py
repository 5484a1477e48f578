"""Watchdogs, longest times, grace and settling, by a clock that the tests move."""

from typing import Any

import pytest
from attrs import evolve

from wsgi_app.errors import LogClosed
from wsgi_app.states import RecipeStatus, ResultValue, TaskStatus, Verdict
from wsgi_app.submitted import NewRecipe, NewRecipeSet


def start(bench: Any, *recipes: NewRecipe) -> list[int]:
    """Submit recipes as one set, claim their systems, and return their ids."""
    job = bench.submit(NewRecipeSet(recipes))
    for recipe in recipes:
        bench.claim(recipe.system)
    return [recipe.id for recipe in job.recipe_sets[0].recipes]


def test_assignment_arms_it(bench: Any, one: NewRecipe) -> None:
    """A recipe whose harness never says a word is aborted when the watchdog of its assignment is over."""
    (number,) = start(bench, one)
    bench.clock.now += 1799.9
    assert bench.round() == 0
    bench.clock.now += 0.1
    assert bench.round() == 1
    found = bench.recipe(number)
    assert (found.status, found.result, found.watchdog) == (RecipeStatus.ABORTED, ResultValue.WARN, None)
    assert found.reason == "External Watchdog Expired"
    assert {task.status for task in found.tasks} == {TaskStatus.ABORTED}
    assert [result.message for result in bench.gateway.results.of_recipe(bench.admin, number)] == [found.reason] * 2
    assert bench.gateway.systems.get("a").recipe is None
    assert bench.round() == 0


def test_start_and_harness_arm_it(bench: Any, one: NewRecipe) -> None:
    """A task's start arms the watchdog anew, and the harness sets it; the longest of none of them counts."""
    (number,) = start(bench, one)
    task = bench.recipe(number).tasks[0].id
    bench.clock.now += 1000
    bench.gateway.tasks.update(bench.admin, number, task, status=TaskStatus.RUNNING)
    assert bench.gateway.watchdogs.remaining(bench.admin, number) == 1800
    bench.gateway.watchdogs.set(bench.admin, number, 10)
    bench.clock.now += 10
    assert bench.gateway.watchdogs.remaining(bench.admin, number) == 0
    assert bench.round() == 1


def test_finished_tasks_stay(bench: Any, one: NewRecipe) -> None:
    """What was completed before the watchdog expired stays Completed."""
    (number,) = start(bench, one)
    task = bench.recipe(number).tasks[0].id
    for status in (TaskStatus.RUNNING, TaskStatus.COMPLETED):
        bench.gateway.tasks.update(bench.admin, number, task, status=status)
    bench.clock.now += 1800
    bench.round()
    assert [task.status for task in bench.recipe(number).tasks] == [TaskStatus.COMPLETED, TaskStatus.ABORTED]


def test_set_expires_together(bench: Any, one: NewRecipe) -> None:
    """A set expires only when all its unfinished recipes are past their time."""
    first, second = start(bench, one, evolve(one, system="b"))
    bench.gateway.watchdogs.set(bench.admin, first, 10)
    bench.gateway.watchdogs.set(bench.admin, second, 100)
    bench.clock.now += 50
    assert bench.round() == 0
    bench.clock.now += 50
    assert bench.round() == 2


def test_finished_peer_does_not_hold_it(bench: Any, one: NewRecipe) -> None:
    """A recipe that has ended does not keep its peers from expiring, and stays as it was."""
    first, second = start(bench, one, evolve(one, system="b"))
    bench.run(second)
    bench.gateway.watchdogs.set(bench.admin, first, 10)
    bench.clock.now += 10
    assert bench.round() == 1
    assert bench.recipe(second).status is RecipeStatus.COMPLETED


def test_peer_without_a_system_goes_with_it(bench: Any, one: NewRecipe) -> None:
    """A recipe that still waits for its system has no watchdog: it neither keeps its set alive nor outlives it."""
    job = bench.submit(NewRecipeSet((one, evolve(one, system="b"))))
    first, second = (recipe.id for recipe in job.recipe_sets[0].recipes)
    bench.gateway.recipes.issue_key(bench.admin, first)
    bench.clock.now += 9999
    assert bench.round() == 2
    assert bench.recipe(second).status is RecipeStatus.ABORTED


def test_queued_does_not_expire(bench: Any, one: NewRecipe) -> None:
    """A job that waits for a system waits for ever."""
    job = bench.submit(NewRecipeSet((one,)))
    bench.clock.now += 10**9
    assert bench.round() == 0
    assert bench.gateway.jobs.get(bench.admin, job.id).status is RecipeStatus.QUEUED


def test_longest_time(bench: Any, one: NewRecipe) -> None:
    """max_seconds counts from the start, and no harness extends it."""
    (number,) = start(bench, evolve(one, max_seconds=100))
    bench.clock.now += 50
    task = bench.recipe(number).tasks[0].id
    bench.gateway.tasks.update(bench.admin, number, task, status=TaskStatus.RUNNING)
    bench.clock.now += 99
    bench.gateway.watchdogs.set(bench.admin, number, 10**6)
    assert bench.round() == 0
    bench.clock.now += 1
    assert bench.round() == 1
    assert bench.recipe(number).reason == "The recipe took longer than its 100 seconds"


def test_longest_time_without_a_start(bench: Any, one: NewRecipe) -> None:
    """A harness that starts nothing and only sets its watchdog ends, too: until the start, the assignment counts."""
    (number,) = start(bench, evolve(one, max_seconds=100))
    bench.gateway.watchdogs.set(bench.admin, number, 10**6)
    bench.clock.now += 99
    assert bench.round() == 0
    bench.clock.now += 1
    assert bench.round() == 1
    assert bench.recipe(number).reason == "The recipe took longer than its 100 seconds"


def test_grace(bench: Any, one: NewRecipe) -> None:
    """After a watchdog's abort logs still come for grace_seconds, old and new ones; then they are refused."""
    job = bench.submit(NewRecipeSet((one,)))
    harness = bench.claim("a")
    recipe = job.recipe_sets[0].recipes[0]
    number, task = recipe.id, recipe.tasks[0].id
    bench.clock.now += 1800
    assert bench.round() == 1
    for moment, name in ((0, "at-once"), (59, "late")):
        bench.clock.now += moment
        bench.round()
        assert bench.put(harness, number, name)
        assert not bench.put(harness, number, name)
        assert bench.put(harness, number, name, task)
    bench.clock.now += 1
    with pytest.raises(LogClosed):
        # the gate does not show it yet; the database says it
        bench.put(harness, number, "new")
    bench.round()
    for name in ("new", "late"):
        for owner in (None, task):
            with pytest.raises(LogClosed):
                bench.put(harness, number, name, owner)


def abort_tasks(bench: Any, number: int) -> None:
    """End a recipe as restraint does when a task says that it is to be aborted: task by task."""
    for task in bench.recipe(number).tasks:
        bench.gateway.tasks.update(bench.admin, number, task.id, status=TaskStatus.ABORTED, message="enough")


@pytest.mark.parametrize("end", ["completed", "tasks", "recipe"])
def test_no_grace_at_its_own_word(bench: Any, one: NewRecipe, end: str) -> None:
    """A recipe that its harness ends, well or by aborting, takes no more logs; the reason of an abort is kept."""
    (number,) = start(bench, one)
    harness = bench.claim("a")
    if end == "completed":
        bench.run(number)
    elif end == "tasks":
        abort_tasks(bench, number)
    else:
        bench.gateway.recipes.abort(harness, number, "enough")
    assert bench.recipe(number).reason == (None if end == "completed" else "enough")
    with pytest.raises(LogClosed):
        bench.put(harness, number, "new")


def test_grace_after_an_abort(bench: Any, one: NewRecipe) -> None:
    """When somebody else aborts a recipe, its harness may have something left to say: for the grace period."""
    (number,) = start(bench, one)
    harness = bench.claim("a")
    bench.gateway.recipes.abort(bench.admin, number, "enough")
    assert bench.recipe(number).status is RecipeStatus.ABORTED
    bench.clock.now += 59
    bench.round()
    assert bench.put(harness, number, "late")
    bench.clock.now += 1
    bench.round()
    with pytest.raises(LogClosed):
        bench.put(harness, number, "later")


def test_grace_after_a_cancel(bench: Any, one: NewRecipe) -> None:
    """A cancelled recipe is over at once; what ran has five seconds for last words, and is `cancelling` until then."""
    (number,) = start(bench, one)
    harness = bench.claim("a")
    recipe = bench.recipe(number)
    bench.gateway.tasks.update(bench.admin, number, recipe.tasks[0].id, status=TaskStatus.RUNNING)
    bench.gateway.jobs.cancel(bench.admin, recipe.job)
    recipe = bench.recipe(number)
    assert (recipe.status, recipe.cancelling) == (RecipeStatus.CANCELLED, True)
    assert bench.gateway.jobs.get(bench.admin, recipe.job).cancelling
    assert bench.gateway.systems.get("a").recipe is None
    assert bench.put(harness, number, "last words")
    bench.clock.now += 5
    bench.round()
    with pytest.raises(LogClosed):
        bench.put(harness, number, "later")
    bench.gateway.recipes.settle(number)
    job = bench.gateway.jobs.get(bench.admin, recipe.job)
    assert (job.settled, job.cancelling, job.recipe_sets[0].recipes[0].cancelling) == (True, False, False)


def test_no_grace_before_a_start(bench: Any, one: NewRecipe) -> None:
    """A recipe that was cancelled before it began to run has nothing to say."""
    (number,) = start(bench, one)
    harness = bench.claim("a")
    bench.gateway.jobs.cancel(bench.admin, bench.recipe(number).job)
    assert not bench.recipe(number).cancelling
    with pytest.raises(LogClosed):
        bench.put(harness, number, "new")


@pytest.mark.parametrize("aborted", [False, True])
def test_late_settle(bench: Any, one: NewRecipe, aborted: bool) -> None:
    """A recipe whose logs nobody indexes settles as late, settle_seconds after its logs have closed."""
    (number,) = start(bench, one)
    if aborted:
        bench.clock.now += 1800
        bench.round()
        bench.clock.now += 60
    else:
        bench.run(number)
    bench.clock.now += 29
    bench.round()
    assert not bench.recipe(number).settled
    bench.clock.now += 1
    bench.round()
    found = bench.recipe(number)
    assert (found.settled, found.late) == (True, True)
    job = bench.gateway.jobs.get(bench.admin, found.job)
    assert (job.settled, job.verdict) == (True, Verdict.INFRASTRUCTURE if aborted else Verdict.PASS)


def test_settle_in_time(bench: Any, one: NewRecipe) -> None:
    """The indexer settles a finished recipe once, and an unfinished one not at all."""
    (number,) = start(bench, one)
    assert not bench.gateway.recipes.settle(number)
    bench.run(number)
    assert bench.gateway.recipes.settle(number)
    assert not bench.gateway.recipes.settle(number)
    assert not bench.recipe(number).late


@pytest.mark.parametrize("seconds", [59, 61])
def test_claims_age(bench: Any, one: NewRecipe, seconds: int) -> None:
    """A claim says for claim_seconds that a system is free."""
    assert bench.claim("a") is None
    bench.clock.now += seconds
    job = bench.submit(NewRecipeSet((one,)))
    assert job.status is (RecipeStatus.WAITING if seconds < 60 else RecipeStatus.QUEUED)


def test_installing_has_its_own_limit(bench: Any, one: NewRecipe) -> None:
    """max_seconds does not end a recipe in the middle of its installation; that has three hours, and no more."""
    (number,) = start(bench, evolve(one, max_seconds=600))
    bench.gateway.installs.begin(bench.admin, number)
    bench.clock.now += 3 * 3600 - 1
    assert bench.round() == 0
    bench.clock.now += 1
    assert bench.round() == 1
    assert bench.recipe(number).reason == "External Watchdog Expired"
