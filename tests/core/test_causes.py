"""Why recipes are aborted, in one word: whoever or whatever does it says so."""

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from campaigning import Campaigner, a_test, plan

from wsgi_app.errors import DeadPeer
from wsgi_app.model import Caller
from wsgi_app.states import Cause, RecipeStatus, ResultValue, TaskStatus
from wsgi_app.submitted import NewRecipe, NewRecipeSet, NewTask


def start(bench: Any, *recipes: NewRecipe) -> list[int]:
    """Submit recipes as one set, claim their systems, begin their first tasks, and return their ids."""
    numbers = [recipe.id for recipe in bench.submit(NewRecipeSet(recipes)).recipe_sets[0].recipes]
    for recipe in recipes:
        bench.claim(recipe.system)
    for number in numbers:
        say(bench, number, 0, TaskStatus.RUNNING)
    return numbers


def say(bench: Any, recipe: int, place: int, status: TaskStatus) -> None:
    """Change the status of a task."""
    bench.gateway.tasks.update(bench.admin, recipe, bench.recipe(recipe).tasks[place].id, status=status)


def harness(bench: Any, recipe: int) -> Caller:
    """Return somebody with a key of the recipe."""
    return Caller(f"Bearer {bench.gateway.recipes.issue_key(bench.admin, recipe).secret}", "127.0.0.1")


def expires(bench: Any, _recipe: int) -> None:
    """Nothing is heard of it."""
    bench.clock.now += 1800
    bench.round()


def takes_too_long(bench: Any, recipe: int) -> None:
    """It goes on, too long."""
    bench.gateway.watchdogs.set(bench.admin, recipe, 100_000)
    bench.clock.now += 5000
    bench.round()


def gives_up(bench: Any, recipe: int) -> None:
    """Its harness says that it is over."""
    bench.gateway.recipes.abort(harness(bench, recipe), recipe, "no disk")


def loses_tasks(bench: Any, recipe: int) -> None:
    """Its harness says of each task that it is over."""
    for place in (0, 1):
        say(bench, recipe, place, TaskStatus.ABORTED)


def is_ended(bench: Any, recipe: int) -> None:
    """An administrator ends it."""
    bench.gateway.recipes.abort(bench.admin, recipe, None)


def cannot_be_installed(bench: Any, recipe: int) -> None:
    """Its installer says so."""
    bench.gateway.installs.fail(bench.admin, recipe)


def fails(bench: Any, recipe: int) -> None:
    """A task of it fails, and it is to stop then."""
    task = bench.recipe(recipe).tasks[0].id
    bench.gateway.results.report(bench.admin, recipe, task, result=ResultValue.FAIL)
    say(bench, recipe, 0, TaskStatus.COMPLETED)


def is_restored(bench: Any, _recipe: int) -> None:
    """The lab was restored from a backup."""
    bench.gateway.restored.begin("yesterday")


@pytest.mark.parametrize(
    ("happens", "cause"),
    [
        (expires, Cause.WATCHDOG),
        (takes_too_long, Cause.WATCHDOG),
        (gives_up, Cause.HARNESS),
        (loses_tasks, Cause.HARNESS),
        (is_ended, Cause.ADMIN),
        (cannot_be_installed, Cause.INSTALL),
        (fails, Cause.TASK),
        (is_restored, Cause.LAB),
    ],
)
def test_cause(bench: Any, one: NewRecipe, happens: Callable[[Any, int], None], cause: Cause) -> None:
    """What aborts a recipe says why."""
    (number,) = start(bench, evolve(one, stop_on_fail=happens is fails, max_seconds=4000))
    assert bench.recipe(number).cause is None
    happens(bench, number)
    found = bench.recipe(number)
    assert (found.status, found.cause) == (RecipeStatus.ABORTED, cause)
    assert found.reason is not None


def test_none(bench: Any, one: NewRecipe) -> None:
    """What completes or is cancelled was not aborted, though a task of it was."""
    (number,) = start(bench, one)
    bench.run(number)
    assert (bench.recipe(number).status, bench.recipe(number).cause) == (RecipeStatus.COMPLETED, None)
    (number,) = start(bench, one)
    say(bench, number, 0, TaskStatus.ABORTED)
    bench.gateway.jobs.cancel(bench.admin, bench.recipe(number).job)
    assert (bench.recipe(number).status, bench.recipe(number).cause) == (RecipeStatus.CANCELLED, None)


def test_nobody_came(bench: Any) -> None:
    """A reserved system whose harness never asks, and with it its whole set."""
    lab = Campaigner(bench.gateway, bench.admin)
    job = lab.submit(plan(a_test("one", ["a", "b"])))
    lab.claim("a")
    bench.clock.now += 10_000
    bench.round()
    found = lab.job(job).recipe_sets[0].recipes
    assert [(recipe.status, recipe.cause) for recipe in found] == [(RecipeStatus.ABORTED, Cause.UNTAKEN)] * 2


@pytest.fixture
def pair(bench: Any, one: NewRecipe) -> list[int]:
    """Two running recipes of one set."""
    two = evolve(one, stop_on_fail=True)
    return start(bench, two, evolve(two, system="b"))


def wait(bench: Any, recipe: int) -> None:
    """Wait for the others for a moment; it counts as waiting for a little longer."""
    bench.gateway.sync.wait(bench.admin, recipe, "READY", role=None, any_one=False, seconds=0.01)


def test_waits_for_one_that_hangs(bench: Any, pair: list[int]) -> None:
    """When the watchdog of one expires, the other, which waits for it and is well, ends because of its peer."""
    bench.clock.now += 1795
    bench.gateway.watchdogs.set(bench.admin, pair[1], 1800)
    wait(bench, pair[1])
    bench.clock.now += 5
    assert bench.round() == 2
    assert [bench.recipe(number).cause for number in pair] == [Cause.WATCHDOG, Cause.PEER]


@pytest.mark.parametrize("end", [fails, gives_up, expires, is_ended])
def test_waits_for_the_dead(bench: Any, pair: list[int], end: Callable[[Any, int], None]) -> None:
    """Who is told that a peer has ended, and ends for that, ends because of its peer; unless somebody ends it."""
    bench.gateway.recipes.abort(bench.admin, pair[0], None)
    with pytest.raises(DeadPeer):
        wait(bench, pair[1])
    assert bench.recipe(pair[1]).status is RecipeStatus.RUNNING
    end(bench, pair[1])
    wanted = Cause.ADMIN if end is is_ended else Cause.PEER
    assert [bench.recipe(number).cause for number in pair] == [Cause.ADMIN, wanted]


def test_goes_on_without_the_dead(bench: Any, pair: list[int]) -> None:
    """Who goes on to another task has done without its peer: what ends it later has nothing to do with that."""
    bench.gateway.recipes.abort(bench.admin, pair[0], None)
    with pytest.raises(DeadPeer):
        wait(bench, pair[1])
    say(bench, pair[1], 0, TaskStatus.COMPLETED)
    say(bench, pair[1], 1, TaskStatus.RUNNING)
    expires(bench, pair[1])
    assert bench.recipe(pair[1]).cause is Cause.WATCHDOG


def test_a_broken_plan(bench: Any) -> None:
    """What runs of a campaign that cannot go on is ended by the lab."""
    lab = Campaigner(bench.gateway, bench.admin)
    job = lab.submit(plan(a_test("one", ["a"])))
    (recipe,) = lab.job(job).recipe_sets[0].recipes
    assert lab.claim("a") is not None
    with bench.gateway._ground.db.write() as tx:
        tx.exec_driver_sql("UPDATE campaigns SET plan = '{}', due = 0")
    bench.gateway.campaigns.advance()
    assert (bench.recipe(recipe.id).status, bench.recipe(recipe.id).cause) == (RecipeStatus.ABORTED, Cause.LAB)


def test_without_a_task(bench: Any) -> None:
    """A recipe that has no system yet is ended like any other."""
    (recipe,) = bench.submit(NewRecipeSet((NewRecipe((NewTask("t"),), system="a"),))).recipe_sets[0].recipes
    is_ended(bench, recipe.id)
    assert bench.recipe(recipe.id).cause is Cause.ADMIN
