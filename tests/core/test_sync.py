"""Recipes of a set wait for one another: who is there, who is waited for, and what a death or a watchdog does."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from attrs import evolve, frozen
from waiting import until

from wsgi_app.core.gateway import open_gateway
from wsgi_app.core.notifier import MOST_OF_ONE
from wsgi_app.core.sync import MOST_STATES, Attendance
from wsgi_app.errors import (
    BadSyncState,
    DeadPeer,
    Denied,
    Invalid,
    NoSuchRecipe,
    RecipeFinished,
    RecipeNotAssigned,
    TooManySyncStates,
    TooManyWaiters,
)
from wsgi_app.model import Caller
from wsgi_app.states import RecipeStatus, ResultValue, TaskStatus
from wsgi_app.submitted import NewRecipe, NewRecipeSet, NewTask


@frozen
class Pair:
    """A set of recipes, each with its harness, in order."""

    bench: Any
    recipes: tuple[int, ...]
    callers: tuple[Caller, ...]

    def arrive(self, place: int, state: str = "READY", said: str | None = None) -> bool:
        """Let one say that it is there."""
        there: bool = self.bench.gateway.sync.arrive(self.callers[place], self.recipes[place], state, lambda: said)
        return there

    def look(self, place: int, state: str = "READY", seconds: float = 0, **how: Any) -> Attendance:
        """Let one wait."""
        values: dict[str, Any] = {"role": None, "any_one": False, **how}
        found: Attendance = self.bench.gateway.sync.wait(
            self.callers[place], self.recipes[place], state, seconds=seconds, **values
        )
        return found

    def waiting(self, state: str = "READY") -> set[int]:
        """Who waits for a state now."""
        states = self.bench.gateway.sync.overview(self.bench.admin, self.recipes[0]).states
        return {recipe for one in states if one.state == state for recipe in one.waiting}

    def end(self, place: int, status: TaskStatus = TaskStatus.COMPLETED) -> None:
        """End one at its harness's word."""
        for task in self.bench.recipe(self.recipes[place]).tasks:
            for step in (TaskStatus.RUNNING, status):
                self.bench.gateway.tasks.update(self.callers[place], self.recipes[place], task.id, status=step)


def set_of(bench: Any, *recipes: NewRecipe) -> Pair:
    """Submit recipes as one set and claim all their systems."""
    job = bench.submit(NewRecipeSet(recipes))
    # all are there before the set gets its systems
    for recipe in recipes:
        bench.claim(recipe.system)
    callers = tuple(bench.claim(recipe.system) for recipe in recipes)
    return Pair(bench, tuple(recipe.id for recipe in job.recipe_sets[0].recipes), callers)


def names(bench: Any, recipe: int) -> list[str]:
    """The names of the states that are known, all in one page."""
    return [one.state for one in bench.gateway.sync.overview(bench.admin, recipe, limit=10_000).states]


def member(system: str, role: str | None = None, task_role: str | None = None) -> NewRecipe:
    """A recipe of one task."""
    return NewRecipe((NewTask("task", role=task_role),), system=system, role=role)


@pytest.fixture
def pair(bench: Any) -> Pair:
    """Two recipes of a set."""
    return set_of(bench, member("a"), member("b"))


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    """Threads to wait in."""
    with ThreadPoolExecutor(16) as pool:
        yield pool


def test_all(pair: Pair) -> None:
    """A state is reached when all recipes of the set are there, the caller included; it says who is missing."""
    found = pair.look(0)
    assert (found.reached, [one.recipe for one in found.missing]) == (False, list(pair.recipes))
    assert pair.arrive(0, said='{"port": 80}')
    assert not pair.arrive(0, said='{"port": 81}')
    found = pair.look(1)
    assert (found.reached, [(one.recipe, one.system) for one in found.missing]) == (False, [(pair.recipes[1], "b")])
    assert pair.arrive(1)
    found = pair.look(0)
    assert (found.reached, found.missing) == (True, ())
    assert {one.recipe: one.said for one in found.there} == {pair.recipes[0]: '{"port": 81}', pair.recipes[1]: None}


def test_any(pair: Pair) -> None:
    """With `any` one of them is enough."""
    assert not pair.look(0, any_one=True).reached
    pair.arrive(1)
    found = pair.look(0, any_one=True)
    assert (found.reached, [one.recipe for one in found.missing]) == (True, [pair.recipes[0]])


def test_states_are_apart(pair: Pair) -> None:
    """What is reached in one state says nothing of another, whatever their names have in common."""
    for state in ("READY", "ready", "READY ", "0", "ü/".rstrip("/"), "a" * 255):
        assert pair.arrive(0, state)
        assert [one.recipe for one in pair.look(1, state).there] == [pair.recipes[0]]
    assert not pair.look(1, "READY2").there


def test_roles(bench: Any) -> None:
    """A role is a recipe's own or that of one of its tasks; RECIPE_MEMBERS is everyone; a role of nobody is refused."""
    bench.systems("c")
    three = set_of(bench, member("a", "SERVERS"), member("b", "CLIENTS", "SERVERS"), member("c"))
    three.arrive(0)
    assert [one.recipe for one in three.look(2, role="SERVERS").missing] == [three.recipes[1]]
    three.arrive(1)
    assert three.look(2, role="SERVERS").reached
    assert three.look(2, role="CLIENTS").reached
    assert [one.recipe for one in three.look(2, role="RECIPE_MEMBERS").missing] == [three.recipes[2]]
    with pytest.raises(Invalid, match="'DRIVER'") as error:
        three.look(2, role="DRIVER")
    assert error.value.field == "role"


@pytest.mark.parametrize("state", ["", "a/b", "a\nb", "\x7f", "\x85", "ü" * 128])
def test_bad_state(pair: Pair, state: str) -> None:
    """A state's name has 1 to 255 bytes without slashes and control characters."""
    for call in (pair.arrive, pair.look):
        with pytest.raises(BadSyncState):
            call(0, state)


def test_who_may(bench: Any, pair: Pair) -> None:
    """Only the recipe's harness and admins speak for it; unknown, unassigned and finished recipes are refused."""
    with pytest.raises(Denied):
        bench.gateway.sync.arrive(pair.callers[1], pair.recipes[0], "READY", lambda: None)
    with pytest.raises(Denied):
        bench.gateway.sync.wait(pair.callers[1], pair.recipes[0], "READY", role=None, any_one=False, seconds=0)
    assert bench.gateway.sync.arrive(bench.admin, pair.recipes[0], "READY", lambda: None)
    with pytest.raises(NoSuchRecipe):
        bench.gateway.sync.arrive(bench.admin, 999, "READY", lambda: None)
    queued = bench.submit(NewRecipeSet((member("a"),))).recipe_sets[0].recipes[0].id
    with pytest.raises(RecipeNotAssigned):
        bench.gateway.sync.arrive(bench.admin, queued, "READY", lambda: None)
    pair.end(0)
    for call in (pair.arrive, pair.look):
        with pytest.raises(RecipeFinished):
            call(0, "READY")


def test_many_states(bench: Any, pair: Pair) -> None:
    """A recipe that makes up state after state is stopped, and nothing of the last is left."""
    for number in range(MOST_STATES):
        pair.arrive(0, f"state-{number}")
    with pytest.raises(TooManySyncStates):
        pair.arrive(0, "one more")
    assert "one more" not in names(bench, pair.recipes[0])
    assert not pair.arrive(0, "state-0")


def wait_in(threads: ThreadPoolExecutor, pair: Pair, place: int, **how: Any) -> Future[Attendance]:
    """Let one wait in a thread; it waits when this returns."""
    future = threads.submit(pair.look, place, seconds=60, **how)
    until(lambda: pair.recipes[place] in pair.waiting(how.get("state", "READY")), "it waits", 10)
    return future


def test_waits(pair: Pair, threads: ThreadPoolExecutor) -> None:
    """Who waits is woken by the last to arrive, and does not wait any more then."""
    pair.arrive(0)
    waiting = wait_in(threads, pair, 0)
    pair.arrive(1, said="1")
    assert waiting.result(10).reached
    assert not pair.waiting()


@pytest.mark.parametrize("how", [{"any_one": True}, {"role": "SERVERS"}, {"any_one": True, "others": True}])
def test_waits_for_some(bench: Any, threads: ThreadPoolExecutor, how: dict[str, Any]) -> None:
    """Who waits for some is woken before all are there."""
    bench.systems("c")
    three = set_of(bench, member("a", "SERVERS"), member("b"), member("c"))
    waiting = wait_in(threads, three, 2, **how)
    three.arrive(0)
    assert waiting.result(10).reached


@pytest.mark.parametrize("role", [None, "PEERS"])
def test_only_the_others(bench: Any, threads: ThreadPoolExecutor, role: str | None) -> None:
    """With `others` the caller's own arrival counts for nothing, and the last of the others ends the wait."""
    bench.systems("c")
    three = set_of(bench, *(member(system, "PEERS") for system in ("a", "b", "c")))
    three.arrive(0, said="0")
    any_other = wait_in(threads, three, 0, any_one=True, others=True, role=role)
    three.arrive(2, said="2")
    assert [one.said for one in any_other.result(10).there] == ["2"]
    all_others = wait_in(threads, three, 0, others=True, role=role)
    three.arrive(1, said="1")
    assert [one.said for one in all_others.result(10).there] == ["1", "2"]
    assert not three.waiting()
    three.end(1)
    with pytest.raises(DeadPeer):
        three.look(0, "NEXT", others=True, role=role)
    assert not three.look(0, "NEXT", any_one=True, others=True, role=role).reached
    three.end(2)
    with pytest.raises(DeadPeer):
        three.look(0, "NEXT", any_one=True, others=True, role=role)


def test_no_others(bench: Any) -> None:
    """Alone nobody waits for others: not in a set of its own, nor in a role."""
    alone = set_of(bench, member("a", "SOLO"))
    for role in (None, "SOLO"):
        with pytest.raises(Invalid, match="no others"):
            alone.look(0, others=True, role=role)


@pytest.mark.parametrize("death", ["completed", "aborted", "cancelled", "watchdog"])
def test_nobody_waits_for_the_dead(bench: Any, threads: ThreadPoolExecutor, death: str) -> None:
    """A peer that ends without arriving ends the wait, and every later one, with its name."""
    bench.systems("c")
    three = set_of(bench, member("a"), member("b"), member("c"))
    three.arrive(0)
    waiting = wait_in(threads, three, 0)
    if death == "completed":
        three.end(1)
    elif death == "aborted":
        bench.gateway.recipes.abort(bench.admin, three.recipes[1], "enough")
    elif death == "watchdog":
        bench.gateway.tasks.update(
            bench.admin, three.recipes[1], bench.recipe(three.recipes[1]).tasks[0].id, status=TaskStatus.ABORTED
        )
    else:
        bench.gateway.jobs.cancel(bench.admin, bench.recipe(three.recipes[1]).job)
        with pytest.raises(RecipeFinished):
            waiting.result(10)
        return
    with pytest.raises(DeadPeer, match=rf"recipe {three.recipes[1]} \(b\) has ended .* without reaching READY"):
        waiting.result(10)
    with pytest.raises(DeadPeer):
        three.look(2)
    assert not three.waiting()


def test_the_dead_who_were_there(pair: Pair) -> None:
    """A peer that was there before it ended was there."""
    pair.arrive(1, said="1")
    pair.end(1)
    pair.arrive(0)
    assert pair.look(0).reached


def test_any_of_the_dead(pair: Pair) -> None:
    """With `any` a death matters only when nobody is left who could arrive: the caller still can."""
    pair.end(1)
    assert not pair.look(0, any_one=True).reached
    with pytest.raises(DeadPeer):
        pair.look(0)
    pair.arrive(0)
    assert pair.look(0, any_one=True).reached


def test_survives_everything(bench: Any, pair: Pair) -> None:
    """States are of the database: another process, a reboot of the system and a new key change nothing."""
    pair.arrive(0, said='"x"')
    other = open_gateway(bench.config, bench.clock)
    again = bench.claim("a")
    found = other.sync.wait(again, pair.recipes[0], "READY", role=None, any_one=True, seconds=0)
    assert [one.said for one in found.there] == ['"x"']
    other.close()


def test_events(bench: Any, pair: Pair) -> None:
    """Each arrival is one event; a repeated one is none."""
    pair.arrive(0)
    pair.arrive(0, said="1")
    pair.arrive(1)
    job = bench.recipe(pair.recipes[0]).job
    group = bench.recipe(pair.recipes[0]).recipe_set
    found = [event.data for event in bench.gateway.events.page(bench.admin, topics=["sync"])]
    assert found == [
        {
            "job": job,
            "recipe_set": group,
            "state": "READY",
            "recipe": number,
            "complete": complete,
            "roles": {"STANDALONE": complete},
        }
        for number, complete in zip(pair.recipes, (False, True), strict=True)
    ]


def test_only_waiting(bench: Any, pair: Pair) -> None:
    """A recipe that only waits in sync lives no longer than its peers: when their watchdogs are past, the set ends."""
    bench.gateway.watchdogs.set(pair.callers[0], pair.recipes[0], 100_000)
    bench.gateway.watchdogs.set(pair.callers[1], pair.recipes[1], 100)
    bench.clock.now += 200
    assert bench.round() == 0
    with ThreadPoolExecutor(1) as threads:
        waiting = wait_in(threads, pair, 0)
        assert bench.round() == 2
        with pytest.raises(RecipeFinished):
            waiting.result(10)
    assert {bench.recipe(number).status for number in pair.recipes} == {RecipeStatus.ABORTED}


def test_waiting_is_not_enough(bench: Any, pair: Pair, threads: ThreadPoolExecutor) -> None:
    """Recipes that all wait, none of them past its watchdog, live; a wait that is over does not count."""
    first, second = wait_in(threads, pair, 0), wait_in(threads, pair, 1)
    bench.clock.now += 30
    assert bench.round() == 0
    pair.arrive(0)
    pair.arrive(1)
    assert first.result(10).reached
    assert second.result(10).reached
    bench.gateway.watchdogs.set(pair.callers[1], pair.recipes[1], 0)
    assert bench.round() == 0


@pytest.mark.parametrize("call", ["result", "status", "watchdog", "arrival"])
def test_more_than_waiting(bench: Any, pair: Pair, call: str) -> None:
    """A recipe that does anything else beside does not only wait: it lives as long as its own watchdog says."""
    assert not pair.look(0, seconds=0.01).reached
    assert pair.waiting() == {pair.recipes[0]}
    task = bench.recipe(pair.recipes[0]).tasks[0].id
    if call == "result":
        bench.gateway.results.report(pair.callers[0], pair.recipes[0], task, result=ResultValue.PASS)
    elif call == "status":
        bench.gateway.tasks.update(pair.callers[0], pair.recipes[0], task, status=TaskStatus.RUNNING)
    elif call == "watchdog":
        bench.gateway.watchdogs.set(pair.callers[0], pair.recipes[0], 7200)
    else:
        pair.arrive(0, "OTHER")
    assert not pair.waiting()
    bench.gateway.watchdogs.set(pair.callers[1], pair.recipes[1], 0)
    assert bench.round() == 0


def test_many_waits_of_one(bench: Any, pair: Pair, threads: ThreadPoolExecutor) -> None:
    """One recipe holds a number of waiting calls, and no more; the others find a place."""
    with ThreadPoolExecutor(MOST_OF_ONE + 1) as many:
        held = [many.submit(pair.look, 0, seconds=60) for _ in range(MOST_OF_ONE)]
        until(lambda: bench.gateway._ground.notifier.waiters == MOST_OF_ONE, "all wait", 10)
        with pytest.raises(TooManyWaiters):
            pair.look(0, seconds=60)
        other = wait_in(threads, pair, 1)
        pair.arrive(0)
        pair.arrive(1)
        assert all(future.result(10).reached for future in [*held, other])


def test_places_for_claims(bench: Any, one: NewRecipe, threads: ThreadPoolExecutor) -> None:
    """However many wait in sync, a system that asks for work finds a place to wait in."""
    gateway = open_gateway(evolve(bench.config, max_waiters=10), bench.clock)
    bench = evolve(bench, gateway=gateway)
    bench.systems("c")
    pair = set_of(bench, member("a"), member("b"))
    held = [threads.submit(pair.look, 0, seconds=60) for _ in range(9)]
    until(lambda: gateway._ground.notifier.waiters == 9, "all wait", 10)
    with pytest.raises(TooManyWaiters):
        pair.look(1, seconds=60)
    assert not pair.waiting() - {pair.recipes[0]}
    claim = threads.submit(gateway.systems.claim, bench.admin, "c", wait=60)
    until(lambda: gateway._ground.notifier.waiters == 10, "it waits, too", 10)
    bench.submit(NewRecipeSet((evolve(one, system="c"),)))
    assert claim.result(10) is not None
    pair.arrive(0)
    pair.arrive(1)
    assert all(future.result(10).reached for future in held)
    gateway.close()


def test_pages(bench: Any, pair: Pair) -> None:
    """States come by name, page by page."""
    for number in range(5):
        pair.arrive(number % 2, f"s{number}")
    assert not pair.look(0, "s9", seconds=0.01).reached
    found: list[str] = []
    more = True
    while more:
        page = bench.gateway.sync.overview(bench.admin, pair.recipes[0], after=found[-1] if found else "", limit=2)
        found += [one.state for one in page.states]
        more = page.more
    assert found == ["s0", "s1", "s2", "s3", "s4", "s9"]


def test_too_many(bench: Any, threads: ThreadPoolExecutor) -> None:
    """Who would wait beyond the limit of the process is refused for now, not kept; those who wait still do."""
    gateway = open_gateway(evolve(bench.config, max_waiters=3), bench.clock)
    pair = set_of(evolve(bench, gateway=gateway), member("a"), member("b"))
    waiting = [wait_in(threads, pair, 0), threads.submit(pair.look, 0, seconds=60)]
    until(lambda: gateway._ground.notifier.waiters == 2, "both wait", 10)
    with pytest.raises(TooManyWaiters):
        pair.look(1, seconds=60)
    pair.arrive(0)
    pair.arrive(1)
    assert all(future.result(10).reached for future in waiting)
    gateway.close()


def test_a_crowd(bench: Any) -> None:
    """Forty recipes meet at ten states one after the other, each from a thread of its own; nobody is left behind."""
    names = [f"s{number}" for number in range(40)]
    bench.systems(*names)
    crowd = set_of(bench, *(member(name) for name in names))
    left: list[int] = []

    def run(place: int) -> None:
        for number in range(10):
            crowd.arrive(place, f"step-{number}")
            assert crowd.look(place, f"step-{number}", seconds=60).reached
        left.append(place)

    workers: list[threading.Thread] = [threading.Thread(target=run, args=(place,)) for place in range(len(names))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert sorted(left) == list(range(len(names)))


def test_no_mark_after_the_last_arrival(bench: Any, pair: Pair) -> None:
    """Who begins to wait while the last arrives is answered, and does not count as waiting afterwards."""
    for number in range(60):
        state = f"s{number}"
        with ThreadPoolExecutor(2) as both:

            def meet(place: int, state: str = state) -> bool:
                pair.arrive(place, state)
                return pair.look(place, state, seconds=30).reached

            assert list(both.map(meet, (0, 1))) == [True, True]
        assert not pair.waiting(state)


def test_empty_roles(bench: Any) -> None:
    """A role has a name."""
    for wrong in (member("a", role=""), member("a", task_role="")):
        with pytest.raises(Invalid, match="role") as error:
            bench.submit(NewRecipeSet((wrong,)))
        assert error.value.field is not None
        assert error.value.field.endswith(".role")
