"""Roll calls by the clock: claims that lapse, gateways that vanish, what is written and what is not."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from attrs import evolve
from waiting import until

from wsgi_app.campaign import Campaign, PlannedTest, Reporter, ReporterKind, Step, StepKind, Target, TargetList
from wsgi_app.core.attendance import HEARD_SECONDS
from wsgi_app.core.roll import Present, RollCall
from wsgi_app.core.rollcall import SPARE_SECONDS, Orders
from wsgi_app.errors import StaleRollCall
from wsgi_app.model import System
from wsgi_app.states import RecipeStatus, SystemHealth, SystemState
from wsgi_app.store import systems
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet, NewTask

ONE = "0" * 16
OTHER = "f" * 16


def hire(bench: Any, *names: str) -> None:
    """Give systems workers."""
    for name in names:
        system = System(name, None, (), None, SystemHealth.UNKNOWN, None, None, None, None)
        bench.gateway.workers.add(bench.admin, system)


def call(bench: Any, sequence: int, *names: str, gateway: str = ONE, wait: float = 0, **said: Any) -> Orders:
    """Call the roll as a gateway."""
    present = tuple(Present(name, "4.3.0", None, **{"heard": 0.0, "detach": False, **said}) for name in names)
    orders: Orders = bench.gateway.roll_calls.call(bench.admin, RollCall(gateway, sequence, present), wait=wait)
    return orders


def state(bench: Any, name: str) -> tuple[SystemState, bool]:
    """What a system does, and whether its worker is online."""
    worker = bench.gateway.workers.get(name)
    return bench.gateway.systems.state(worker.system), worker.online


def test_a_gateway_that_vanishes(bench: Any, one: NewRecipe) -> None:
    """What it claimed lapses after a minute, and after a minute and a half another gateway may have its workers."""
    hire(bench, "a")
    call(bench, 1, "a")
    assert state(bench, "a") == (SystemState.IDLE, True)
    bench.clock.now += 61
    assert state(bench, "a") == (SystemState.OFFLINE, True)
    job = bench.submit(NewRecipeSet((one,)))
    assert bench.recipe(job.recipe_sets[0].recipes[0].id).status is RecipeStatus.QUEUED
    assert call(bench, 1, "a", gateway=OTHER).drop == ("a",)
    bench.clock.now += 30
    assert state(bench, "a") == (SystemState.OFFLINE, False)
    assert [start.recipe.job for start in call(bench, 2, "a", gateway=OTHER).start] == [job.id]
    assert call(bench, 2, "a").drop == ("a",)


def test_claims_hold_until_the_next_call(bench: Any) -> None:
    """Who calls in time is always idle; a worker that is heard is seen, never backwards."""
    hire(bench, "a")
    call(bench, 1, "a", wait=0)
    for sequence in range(2, 12):
        seen = bench.gateway.workers.get("a").last_seen
        bench.clock.now += SPARE_SECONDS - 1
        assert state(bench, "a") == (SystemState.IDLE, True)
        call(bench, sequence, "a", heard=10.0)
        worker = bench.gateway.workers.get("a")
        assert seen <= worker.last_seen <= bench.clock.now - 10 or worker.last_seen == seen
        assert bench.clock.now - worker.last_seen <= 10 + HEARD_SECONDS
        assert bench.clock.now - worker.system.last_seen <= 10 + HEARD_SECONDS
        assert call(bench, sequence, "a", heard=1000.0) == Orders()
        assert bench.gateway.workers.get("a").last_seen == worker.last_seen


def test_without_anything_new_nothing_is_told(bench: Any) -> None:
    """Calls that say the same make no events; one that says less does, and one that comes late does not count."""
    hire(bench, "a", "b")
    call(bench, 5, "a", "b")
    before = len(bench.gateway.events.page(bench.admin))
    for sequence in (5, 6, 7):
        call(bench, sequence, "a", "b")
        bench.clock.now += 10
    assert len(bench.gateway.events.page(bench.admin)) == before
    with pytest.raises(StaleRollCall, match='"sequence": 7'):
        call(bench, 6)
    assert state(bench, "b")[1]
    call(bench, 8, "a")
    assert len(bench.gateway.events.page(bench.admin)) == before + 1
    assert state(bench, "b") == (SystemState.OFFLINE, False)


def test_a_recipe_of_a_worker_that_went(bench: Any, one: NewRecipe) -> None:
    """It stays with its system, which runs it until its watchdog, or goes on with it when the worker is back."""
    hire(bench, "a")
    job = bench.submit(NewRecipeSet((one,)))
    recipe = job.recipe_sets[0].recipes[0].id
    call(bench, 1, "a")
    call(bench, 2)
    assert state(bench, "a") == (SystemState.RUNNING, False)
    assert [start.recipe.id for start in call(bench, 3, "a").start] == [recipe]
    assert call(bench, 4, "a", recipe=recipe) == Orders()
    bench.clock.now += 1801
    assert bench.round() == 1
    (stop,) = call(bench, 5, "a", recipe=recipe).stop
    assert (stop.worker, stop.recipe, stop.status) == ("a", recipe, RecipeStatus.ABORTED)
    assert stop.reason


def test_restored_claims_are_forgotten(bench: Any) -> None:
    """Nobody is online in a database that was restored, until a roll call says so."""
    hire(bench, "a")
    call(bench, 1, "a")
    with bench.gateway._ground.change() as change:
        systems.forget_claims(change.tx)
    assert state(bench, "a") == (SystemState.OFFLINE, False)
    call(bench, 2, "a")
    assert state(bench, "a") == (SystemState.IDLE, True)


def test_drained(bench: Any, one: NewRecipe) -> None:
    """A system in maintenance gets nothing, and its worker stays."""
    hire(bench, "a")
    bench.gateway.systems.change(bench.admin, "a", health=SystemHealth.MAINTENANCE)
    bench.submit(NewRecipeSet((evolve(one, tasks=(NewTask("only"),)),)))
    assert call(bench, 1, "a") == Orders()
    assert state(bench, "a") == (SystemState.IDLE, True)
    bench.gateway.systems.change(bench.admin, "a", health=SystemHealth.GOOD)
    assert len(call(bench, 2, "a").start) == 1


def test_reserved_for_a_campaign(bench: Any) -> None:
    """A worker that is there and free takes what is reserved for its system, also while its gateway waits."""
    hire(bench, "a", "b")
    test = PlannedTest(
        "test",
        TargetList((Target("a"), Target("b"))),
        (Step(StepKind.ECHO, "hello", {"text": ("hi",)}),),
    )
    plan = Campaign((test,), final_reporters=(Reporter(ReporterKind.NOOP),))
    with ThreadPoolExecutor(1) as pool:
        called = pool.submit(call, bench, 1, "a", "b", wait=20)
        until(lambda: bench.gateway._ground.notifier.waiters, "the call to wait")
        job = bench.gateway.jobs.submit(bench.admin, lambda: NewJob((), campaign=plan))
        started = called.result(10).start
    assert {start.recipe.job for start in started} == {job.id}
    # as soon as all are there; the others are told by the next call
    later = call(bench, 2, "a", "b").start
    assert {start.recipe.system for start in later} == {"a", "b"}
