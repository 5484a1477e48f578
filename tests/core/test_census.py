"""The figures of the lab, by a clock that the tests move."""

from typing import Any

from wsgi_app.model import Caller, Declaration, LogAddress, LogIndex
from wsgi_app.states import LogState, SystemHealth, SystemState
from wsgi_app.submitted import NewRecipe, NewRecipeSet

INDEX = LogIndex(1, "0" * 64, 1, b"", None, (), ())


def test_logs_and_settling(bench: Any, one: NewRecipe) -> None:
    """Logs grow until they are indexed, also when their recipe was settled without them; some come to be damaged."""
    (recipe,) = bench.submit(NewRecipeSet((one,))).recipe_sets[0].recipes
    key: Caller = bench.claim("a")
    for name in ("x", "y"):
        bench.put(key, recipe.id, name)
    bench.gateway.logs.declare(key, LogAddress(recipe.id, None, None, "y"), lambda: Declaration(2, None))
    take = bench.gateway.census.take
    assert take().logs == {LogState.GROWING: 2, LogState.FINISHED: 0, LogState.DAMAGED: 0}
    assert (take().unsettled, take().oldest_unsettled) == (0, 0)
    bench.run(recipe.id)
    bench.gateway.logs.indexed(recipe.id, "logs/x", INDEX)
    bench.clock.now += 7
    assert take().logs == {LogState.GROWING: 1, LogState.FINISHED: 1, LogState.DAMAGED: 0}
    assert (take().unsettled, take().oldest_unsettled) == (1, 7)
    bench.gateway.recipes.settle(recipe.id, late=True)
    assert take().logs[LogState.GROWING] == 1
    assert take().unsettled == 0
    bench.gateway.logs.indexed(recipe.id, "logs/y", INDEX)
    assert take().logs == {LogState.GROWING: 0, LogState.FINISHED: 1, LogState.DAMAGED: 1}


def test_systems(bench: Any, one: NewRecipe) -> None:
    """Systems are counted by what they do and how they are; a claim counts for its time only."""
    bench.gateway.systems.change(bench.admin, "b", health=SystemHealth.BAD)
    take = bench.gateway.census.take
    offline, idle, running = SystemState.OFFLINE, SystemState.IDLE, SystemState.RUNNING
    assert take().systems == {(offline, SystemHealth.GOOD): 1, (offline, SystemHealth.BAD): 1}
    bench.claim("b")
    bench.submit(NewRecipeSet((one,)))
    bench.claim("a")
    assert take().systems == {(running, SystemHealth.GOOD): 1, (idle, SystemHealth.BAD): 1}
    bench.clock.now += bench.config.claim_seconds
    assert take().systems == {(running, SystemHealth.GOOD): 1, (offline, SystemHealth.BAD): 1}


def test_the_queue(bench: Any, one: NewRecipe) -> None:
    """The queue is counted in sets, not in recipes."""
    other = NewRecipe(one.tasks, system="b")
    bench.submit(NewRecipeSet((one, other)), NewRecipeSet((one,)))
    figures = bench.gateway.census.take()
    assert (figures.queue, sum(figures.jobs.values()), sum(figures.recipes.values())) == (2, 1, 3)
