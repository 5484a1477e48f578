"""Many recipes and tasks end in one call: all of it is right, told once, and takes time in proportion."""

import resource
from typing import Any

import pytest

from wsgi_app.states import RecipeStatus, ResultValue, TaskStatus
from wsgi_app.submitted import NewRecipe, NewRecipeSet, NewTask


def submit(bench: Any, recipes: int, tasks: int) -> Any:
    """Submit one set of so many recipes of so many tasks."""
    recipe = NewRecipe(tuple(NewTask(f"t{number}") for number in range(tasks)))
    return bench.submit(NewRecipeSet((recipe,) * recipes))


def test_mixed(bench: Any) -> None:
    """What has ended stays as it was; the rest ends, with a Warn each that counts; each change is told once."""
    number = submit(bench, 1, 4).recipe_sets[0].recipes[0].id
    bench.claim("a")
    first, second, third, fourth = bench.recipe(number).tasks
    bench.gateway.results.report(bench.admin, number, first.id, result=ResultValue.PASS)
    bench.gateway.results.report(bench.admin, number, second.id, result=ResultValue.FAIL)
    for status in (TaskStatus.RUNNING, TaskStatus.COMPLETED):
        bench.gateway.tasks.update(bench.admin, number, first.id, status=status)
    bench.gateway.tasks.update(bench.admin, number, second.id, status=TaskStatus.RUNNING)
    before = bench.gateway.events.latest()
    bench.gateway.recipes.abort(bench.admin, number, "enough")
    found = bench.recipe(number)
    assert (found.status, found.result, found.reason) == (RecipeStatus.ABORTED, ResultValue.FAIL, "enough")
    assert [(task.status, task.result) for task in found.tasks] == [
        (TaskStatus.COMPLETED, ResultValue.PASS),
        (TaskStatus.ABORTED, ResultValue.FAIL),
        (TaskStatus.ABORTED, ResultValue.WARN),
        (TaskStatus.ABORTED, ResultValue.WARN),
    ]
    told = bench.gateway.events.page(bench.admin, after=before)
    assert sorted(event.data["id"] for event in told if event.topic == "task") == [second.id, third.id, fourth.id]
    assert len([event for event in told if event.topic == "recipe"]) == 1
    assert len([event for event in told if event.topic == "job"]) == 1
    messages = [result.message for result in bench.gateway.results.of_recipe(bench.admin, number)]
    assert messages == [None, None, "enough", "enough", "enough"]


def test_a_reason_is_kept(bench: Any) -> None:
    """A cancel says no reason, and takes none away."""
    job = submit(bench, 1, 2)
    number = job.recipe_sets[0].recipes[0].id
    bench.claim("a")
    task = bench.recipe(number).tasks[0].id
    bench.gateway.tasks.update(bench.admin, number, task, status=TaskStatus.ABORTED, message="disk broken")
    bench.gateway.jobs.cancel(bench.admin, job.id)
    assert (bench.recipe(number).status, bench.recipe(number).reason) == (RecipeStatus.CANCELLED, "disk broken")


@pytest.mark.parametrize(("recipes", "tasks"), [(480, 2), (1, 4800)])
def test_cost(bench: Any, recipes: int, tasks: int) -> None:
    """Sixteen times as much takes nowhere near 256 times as long: a cancel must not hold up the lab."""

    def cancelled(part: int) -> float:
        job = submit(bench, max(1, recipes // part), max(1, tasks // part) if recipes == 1 else tasks)
        # in user space: what the disk costs depends on who else writes
        begun = resource.getrusage(resource.RUSAGE_THREAD).ru_utime
        bench.gateway.jobs.cancel(bench.admin, job.id)
        taken = resource.getrusage(resource.RUSAGE_THREAD).ru_utime - begun
        found = bench.gateway.jobs.get(bench.admin, job.id)
        assert (found.status, found.settled) == (RecipeStatus.CANCELLED, True)
        return taken

    cancelled(16)
    small = sum(cancelled(16) for _ in range(4)) / 4
    assert cancelled(1) < 80 * small
