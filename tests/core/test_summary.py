"""The reason of a verdict, and what harnesses and logs said, side by side."""

from typing import Any

import pytest

from wsgi_app.model import LogIndex, ParsedResult
from wsgi_app.states import ResultValue, TaskStatus, Verdict
from wsgi_app.submitted import NewRecipe, NewRecipeSet, NewTask

PASS, FAIL, PANIC, SKIP = ResultValue.PASS, ResultValue.FAIL, ResultValue.PANIC, ResultValue.SKIP


@pytest.fixture
def job(bench: Any, one: NewRecipe) -> int:
    """A job with a recipe of two tasks, first and second, that system a has claimed."""
    number: int = bench.submit(NewRecipeSet((one,))).id
    bench.claim("a")
    return number


def recipe_of(bench: Any, job: int) -> Any:
    """The job's only recipe."""
    return bench.gateway.jobs.get(bench.admin, job).recipe_sets[0].recipes[0]


def report(bench: Any, recipe: Any, place: int, *values: ResultValue) -> None:
    """Report results of a task as its harness does."""
    for value in values:
        bench.gateway.results.report(bench.admin, recipe.id, recipe.tasks[place].id, result=value, path="/said")


def find(bench: Any, recipe: Any, path: str, *found: ParsedResult) -> None:
    """Index a log with these results."""
    index = LogIndex(1, "0" * 64, 1, b"", "tap", found, ())
    bench.gateway.logs.indexed(recipe.id, path, index)


def ended(bench: Any, job: int) -> tuple[Verdict | None, str | None]:
    """Run the job to its end, settle it, and return its verdict with the reason."""
    recipe = recipe_of(bench, job)
    if not recipe.status.finished:
        bench.run(recipe.id)
    bench.gateway.recipes.settle(recipe.id)
    done = bench.gateway.jobs.get(bench.admin, job)
    return done.verdict, done.reason


def test_no_reason_before(bench: Any, job: int) -> None:
    """There is no reason before there is a verdict."""
    bench.run(recipe_of(bench, job).id)
    before = bench.gateway.jobs.get(bench.admin, job)
    assert (before.verdict, before.reason) == (None, None)


def test_pass(bench: Any, job: int) -> None:
    """A pass counts what was said, by harness and logs together."""
    recipe = recipe_of(bench, job)
    report(bench, recipe, 0, PASS, SKIP)
    find(bench, recipe, "logs/t.log", ParsedResult("/a", PASS, 1))
    assert ended(bench, job) == (Verdict.PASS, "nothing failed: 2 Pass, 1 Skip")


def test_pass_without_results(bench: Any, job: int) -> None:
    """A job without results passes, and says so."""
    assert ended(bench, job) == (Verdict.PASS, "nothing failed, and no result was reported")


def test_fail_of_the_harness(bench: Any, job: int) -> None:
    """The first Fail is named with its task and path, the others are counted."""
    recipe = recipe_of(bench, job)
    report(bench, recipe, 1, PASS, FAIL, FAIL, FAIL)
    reason = f"Fail in task {recipe.tasks[1].id} (second) at /said, reported by its harness; 2 more results fail"
    assert ended(bench, job) == (Verdict.FAIL, reason)


def test_fail_in_a_log(bench: Any, job: int) -> None:
    """A Panic comes before the Fails that were said earlier; the log and the line are named."""
    recipe = recipe_of(bench, job)
    report(bench, recipe, 0, FAIL)
    find(bench, recipe, "logs/console.log", ParsedResult("/kernel/x", PANIC, 7))
    reason = f"Panic in recipe {recipe.id} at /kernel/x, found in logs/console.log line 7; 1 more result fails"
    assert ended(bench, job) == (Verdict.FAIL, reason)


def test_fail_that_was_taken_back(bench: Any, one: NewRecipe) -> None:
    """A settled recipe keeps its Fail when its log is read anew and has none; the job still gets its verdict."""
    job = bench.submit(NewRecipeSet((one, NewRecipe((NewTask("other"),), system="b"))))
    bench.claim("a")
    bench.claim("b")
    first, second = (recipe.id for recipe in job.recipe_sets[0].recipes)
    find(bench, bench.recipe(first), "logs/t.log", ParsedResult("/a", FAIL, 1))
    bench.run(first)
    bench.gateway.recipes.settle(first)
    bench.gateway.logs.indexed(first, "logs/t.log", LogIndex(2, "1" * 64, 1, b"", "tap", (), ()))
    bench.run(second)
    bench.gateway.recipes.settle(second)
    done = bench.gateway.jobs.get(bench.admin, job.id)
    assert (done.verdict, done.reason) == (Verdict.FAIL, "a recipe failed by a result that is no longer listed")


def test_infrastructure(bench: Any, job: int) -> None:
    """An aborted recipe is named with its system and the reason."""
    recipe = recipe_of(bench, job)
    bench.clock.now += 2000
    bench.round()
    reason = f"recipe {recipe.id} on a was aborted: External Watchdog Expired"
    assert ended(bench, job) == (Verdict.INFRASTRUCTURE, reason)


def test_cancelled(bench: Any) -> None:
    """A job that was cancelled before it had systems says so of its first recipe, and counts the others."""
    recipe = NewRecipe((NewTask("t"),))
    job = bench.submit(NewRecipeSet((recipe,) * 3))
    bench.gateway.jobs.cancel(bench.admin, job.id)
    done = bench.gateway.jobs.get(bench.admin, job.id)
    first = done.recipe_sets[0].recipes[0].id
    assert (done.verdict, done.reason) == (
        Verdict.CANCELLED,
        f"recipe {first} was cancelled; 2 more recipes were, too",
    )


def test_late(bench: Any, job: int) -> None:
    """A verdict over logs that were not read says that it is in doubt; the recipe says so for good."""
    recipe = recipe_of(bench, job)
    bench.run(recipe.id)
    bench.clock.now += 31
    bench.round()
    done = bench.gateway.jobs.get(bench.admin, job)
    assert done.reason == (
        f"nothing failed, and no result was reported; recipe {recipe.id} was settled before all its logs were read"
    )
    assert recipe_of(bench, job).late


def test_side_by_side(bench: Any, job: int) -> None:
    """Results are counted by task and by who said so; those of no task are the recipe's own."""
    recipe = recipe_of(bench, job)
    task = recipe.tasks[0].id
    report(bench, recipe, 0, PASS, PASS, FAIL)
    find(bench, recipe, f"tasks/{task}/logs/t.tap", ParsedResult("/a", PASS, 1), ParsedResult("/b", SKIP, 2))
    find(bench, recipe, "logs/console.log", ParsedResult("/kernel/x", PANIC, 7))
    bench.gateway.tasks.update(bench.admin, recipe.id, recipe.tasks[1].id, status=TaskStatus.ABORTED, message="no")
    (found,) = bench.gateway.jobs.summary(bench.admin, job).recipes
    assert (found.own.harness, found.own.logs) == ({}, {PANIC: 1})
    (first, said), (second, aborted) = found.tasks
    assert (first.name, said.harness, said.logs) == ("first", {PASS: 2, FAIL: 1}, {PASS: 1, SKIP: 1})
    assert (second.name, aborted.harness, aborted.logs) == ("second", {ResultValue.WARN: 1}, {})
    assert found.damaged == ()
