"""The queue says what waits, in which order, and why; and what was said is true of what happens."""

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from matched import match

from wsgi_app.core.matching import fits
from wsgi_app.core.queue import Place
from wsgi_app.model import Caller, Recipe, Requires, System
from wsgi_app.states import RecipeStatus, ResultValue, SystemHealth, TaskStatus, Visibility
from wsgi_app.submitted import NewRecipe, NewRecipeSet, NewTask


def wants(kind: str | None = None, *tags: str, system: str | None = None) -> NewRecipe:
    """A recipe with these requirements."""
    return NewRecipe((NewTask("task"),), system=system, requires=Requires(kind, tags))


def one(*recipes: NewRecipe) -> NewRecipeSet:
    """A set of these recipes."""
    return NewRecipeSet(recipes or (wants(),))


def reason(bench: Any, *recipes: NewRecipe) -> str:
    """Submit a set, and return why it waits."""
    job = bench.submit(one(*recipes))
    (waiting,) = bench.gateway.queue.page(bench.admin, job=job.id)
    text: str = waiting.reason
    return text


def given_systems(bench: Any, **systems: Any) -> None:
    """Add systems: name to type, tags and health."""
    for name, (kind, tags, health) in systems.items():
        system = System(name, kind, tags, None, health, None, None, None, None)
        bench.gateway.systems.add(bench.admin, system)


def claim(bench: Any, name: str) -> None:
    """Say that a system is there and free."""
    bench.gateway.systems.claim(bench.admin, name, wait=0)


def test_offline(bench: Any) -> None:
    """Nobody asks for work."""
    assert reason(bench, wants(system="a")) == "system a is offline: it does not ask for work"
    assert reason(bench) == "of 2 healthy systems that fit, 2 offline"


def test_health(bench: Any) -> None:
    """The system that is named is not healthy, and why, if somebody said why."""
    bench.gateway.systems.change(bench.admin, "a", health=SystemHealth.BAD, reason="no power")
    bench.gateway.systems.change(bench.admin, "b", health=SystemHealth.MAINTENANCE)
    claim(bench, "a")
    assert reason(bench, wants(system="a")) == "system a is broken: no power"
    assert reason(bench, wants(system="b")) == "system b is in maintenance"
    assert reason(bench) == "no system is healthy"


def test_what_no_system_has(bench: Any) -> None:
    """The type or tag that no healthy system has is named; else what none has together."""
    given_systems(
        bench,
        c=("board", ("arm", "kvm"), SystemHealth.GOOD),
        d=("server", ("x86",), SystemHealth.BAD),
        e=(None, ("gpu",), SystemHealth.UNKNOWN),
    )
    assert reason(bench, wants(None, "x86")) == "no healthy system has tag x86"
    assert reason(bench, wants("server", "x86")) == "no healthy system has type server"
    assert reason(bench, wants("board", "arm", "sata")) == "no healthy system has tag sata"
    assert reason(bench, wants("board", "gpu")) == "no healthy system has type board and tag gpu together"
    assert reason(bench, wants(None, "arm"), wants(None, "x86")) == "no healthy system has tag x86"


def test_busy(bench: Any) -> None:
    """Who fits is busy, with what if it is one."""
    running = bench.submit(one(wants(system="a"))).recipe_sets[0].recipes[0].id
    claim(bench, "a")
    assert reason(bench, wants(system="a")) == f"system a runs recipe {running}"
    assert reason(bench) == "of 2 healthy systems that fit, 1 busy and 1 offline"


def test_set_needs_more(bench: Any) -> None:
    """A set waits for its last system, and then waits no longer."""
    job = bench.submit(one(wants(), wants()))
    claim(bench, "b")
    (waiting,) = bench.gateway.queue.page(bench.admin)
    assert (waiting.reason, len(waiting.recipes)) == ("set needs 2 systems, 1 free", 2)
    claim(bench, "a")
    assert bench.gateway.queue.page(bench.admin) == []
    assert {recipe.status for recipe in bench.gateway.jobs.get(bench.admin, job.id).recipe_sets[0].recipes} == {
        RecipeStatus.WAITING
    }


def test_a_set_of_one_system(bench: Any) -> None:
    """Recipes that can never have systems together: that is said, instead of how many are free now."""
    never = "only {} of its {} recipes can have a healthy system at the same time"
    assert reason(bench, wants(system="a"), wants(system="a")) == never.format(1, 2)
    claim(bench, "a")
    assert reason(bench, wants(system="a"), wants(system="a"), wants()) == never.format(2, 3)
    assert reason(bench, *[wants()] * 3) == never.format(2, 3)
    claim(bench, "b")
    bench.gateway.systems.change(bench.admin, "b", health=SystemHealth.BAD)
    assert reason(bench, wants(), wants()) == never.format(1, 2)


def test_a_set_in_its_own_way(bench: Any) -> None:
    """A key gave one recipe the system that another of its set names: it is not freed before both have theirs."""
    job = bench.submit(one(wants(system="a"), wants(system="a"), wants()))
    bench.gateway.recipes.issue_key(bench.admin, job.recipe_sets[0].recipes[0].id)
    (waiting,) = bench.gateway.queue.page(bench.admin)
    assert waiting.reason == "only 2 of its 3 recipes can have a healthy system at the same time"
    # nor does it keep b from others
    claim(bench, "b")
    single = bench.submit(one(wants(system="b")))
    assert bench.recipe(single.recipe_sets[0].recipes[0].id).status is RecipeStatus.WAITING


def test_kept(bench: Any) -> None:
    """Systems that are free, and kept for a set before: that is said of those behind it, also who may not see it."""
    given_systems(bench, c=("board", (), SystemHealth.GOOD), d=("board", (), SystemHealth.GOOD))
    bench.submit(one(wants(system="a")))
    bench.claim("a")
    first = bench.submit(one(wants(system="a"), wants("board"), wants("board")), visibility=Visibility.PRIVATE)
    claim(bench, "c")
    claim(bench, "d")
    behind = [
        bench.submit(one(*recipes)).id
        for recipes in (
            [wants("board")],
            [wants(system="d")],
            [wants("board"), wants("board")],
            [wants("board"), wants(system="b")],
            [wants(system="a")],
        )
    ]
    page = bench.gateway.queue.page(bench.admin)
    assert [(waiting.job.id, waiting.reason) for waiting in page] == [
        (first.id, "set needs 3 systems, 2 free"),
        (behind[0], "2 free systems are kept for sets before it"),
        (behind[1], "1 free system is kept for sets before it"),
        (behind[2], "2 free systems are kept for sets before it"),
        (behind[3], "set needs 2 systems, 1 free, 1 of them kept for sets before it"),
        (behind[4], page[5].reason),
    ]
    assert page[5].reason.startswith("system a runs recipe ")
    assert bench.gateway.queue.page(Caller(None, "")) == page[1:]
    place = Place(page[2].job.priority, page[2].recipe_set)
    assert bench.gateway.queue.page(bench.admin, after=place, limit=2) == page[3:5]
    bench.gateway.jobs.cancel(bench.admin, first.id)
    left = {waiting.job.id: waiting.reason for waiting in bench.gateway.queue.page(bench.admin)}
    # c and d have the two singles; what came later waits for them
    assert left.keys() == set(behind[2:])
    assert left[behind[2]] == "set needs 2 systems, 0 free"


def test_about_to_get_them(bench: Any) -> None:
    """A system is silent for too long: nothing is kept for its sake, which shows before anyone acts on it."""
    bench.submit(one(wants(system="a"), wants(system="b")))
    single = bench.submit(one(wants(system="b"))).recipe_sets[0].recipes[0].id

    def reasons() -> list[str]:
        return [waiting.reason for waiting in bench.gateway.queue.page(bench.admin)]

    bench.claim("a")
    # its claim is over, but that may be the moment before its next one
    bench.clock.now += 119
    bench.claim("b")
    assert reasons() == ["set needs 2 systems, 1 free", "1 free system is kept for sets before it"]
    bench.clock.now += 1
    assert reasons() == ["set needs 2 systems, 1 free", "systems are free: it is about to get them"]
    assert bench.recipe(single).status is RecipeStatus.QUEUED
    bench.claim("b")
    assert bench.recipe(single).status is RecipeStatus.WAITING
    assert reasons() == ["set needs 2 systems, 0 free"]


def test_system_gone(bench: Any) -> None:
    """The system that is named was removed since."""
    job = bench.submit(one(wants(system="a")))
    bench.gateway.systems.remove(bench.admin, "a")
    (waiting,) = bench.gateway.queue.page(bench.admin, job=job.id)
    assert waiting.reason == "there is no system a any more"


def test_named_and_wanting(bench: Any) -> None:
    """A system that is named must also be what is asked for."""
    given_systems(bench, c=("board", ("arm",), SystemHealth.GOOD))
    claim(bench, "c")
    assert reason(bench, wants("server", system="c")) == "system c does not have type server"
    assert reason(bench, wants("board", "arm", "x86", system="c")) == "system c does not have tag x86"
    job = bench.submit(one(wants("board", "arm", system="c")))
    assert bench.recipe(job.recipe_sets[0].recipes[0].id).status is RecipeStatus.WAITING


def test_stages(bench: Any) -> None:
    """A later stage waits for the one before."""
    bench.submit(one(wants(system="a")), NewRecipeSet((wants(system="b"),), stage=1))
    claim(bench, "a")
    claim(bench, "b")
    (waiting,) = bench.gateway.queue.page(bench.admin)
    assert waiting.reason == "an earlier stage of its job is not settled"


def test_order_and_pages(bench: Any) -> None:
    """By priority, then age; page after page nothing is left out or doubled; only what the caller may see."""
    jobs = [
        bench.submit(one(), one(), priority=priority, visibility=visibility).id
        for priority, visibility in ((10, None), (90, Visibility.PRIVATE), (50, None), (90, None))
    ]
    order = [jobs[1], jobs[3], jobs[2], jobs[0]]
    whole = bench.gateway.queue.page(bench.admin)
    assert [waiting.job.id for waiting in whole] == [job for job in order for _ in range(2)]
    paged: list[Any] = []
    while page := bench.gateway.queue.page(
        bench.admin, after=Place(paged[-1].job.priority, paged[-1].recipe_set) if paged else None, limit=3
    ):
        paged += page
    assert paged == whole
    seen = {waiting.job.id for waiting in bench.gateway.queue.page(Caller(None, ""))}
    assert seen == {*jobs} - {jobs[1]}
    # what is first in the queue is first to go
    claim(bench, "a")
    left = [waiting.recipe_set for waiting in bench.gateway.queue.page(bench.admin)]
    assert left == [waiting.recipe_set for waiting in whole[1:]]


def test_health_decides(bench: Any) -> None:
    """A system that breaks gets nothing more until it is good again; what it runs goes on."""
    first = bench.submit(one(wants(system="a"))).recipe_sets[0].recipes[0].id
    harness = bench.claim("a")
    bench.gateway.systems.change(bench.admin, "a", health=SystemHealth.BAD)
    second = bench.submit(one(wants(system="a"))).recipe_sets[0].recipes[0].id
    bench.run(first)
    assert bench.recipe(first).status is RecipeStatus.COMPLETED
    assert harness is not None
    assert bench.claim("a") is None
    assert bench.recipe(second).status is RecipeStatus.QUEUED
    bench.gateway.systems.change(bench.admin, "a", health=SystemHealth.GOOD)
    # it asked a moment ago, and is there still
    assert bench.recipe(second).status is RecipeStatus.WAITING


def test_abort_frees_the_system(bench: Any) -> None:
    """An aborted recipe's system takes the next recipe as soon as it asks."""
    first, second = (bench.submit(one(wants(system="a"))).recipe_sets[0].recipes[0].id for _ in range(2))
    bench.claim("a")
    bench.gateway.recipes.abort(bench.admin, first, "enough")
    assert bench.gateway.systems.get("a").recipe is None
    bench.claim("a")
    assert bench.gateway.systems.get("a").recipe == second


def recipe(number: int, kind: str | None, tags: frozenset[str]) -> Recipe:
    """A queued recipe with these requirements."""
    return Recipe(
        id=number, job=1, recipe_set=1, system=None, assigned=None, requires=Requires(kind, tuple(tags)), role=None,
        status=RecipeStatus.QUEUED, cancelling=False, settled=False, late=False, damaged=0, result=ResultValue.NEW,
        reason=None, watchdog=None, max_seconds=None, stop_on_fail=False, started=None, finished=None, closes=None,
        install_started=None, install_finished=None, postinstall_finished=None,
    )  # fmt: skip


SMALL = st.frozensets(st.sampled_from("pqr"))


@given(st.lists(SMALL, max_size=6), st.lists(SMALL, max_size=6))
def test_matching(wishes: list[frozenset[str]], having: list[frozenset[str]]) -> None:
    """The choice is allowed, and as large as the largest there is, by trying all."""
    recipes = [recipe(number, None, tags) for number, tags in enumerate(wishes)]
    systems = [
        System(f"s{number}", None, tuple(tags), None, SystemHealth.GOOD, None, None, None, None)
        for number, tags in enumerate(having)
    ]
    chosen = match(recipes, systems)
    assert len({system.name for system in chosen.values()}) == len(chosen)
    assert all(fits(recipes[number], system) for number, system in chosen.items())

    def most(left: list[Recipe], free: list[System]) -> int:
        if not left:
            return 0
        tries = [
            1 + most(left[1:], [other for other in free if other is not system])
            for system in free
            if fits(left[0], system)
        ]
        return max([*tries, most(left[1:], free)])

    assert len(chosen) == most(recipes, systems)


@pytest.mark.parametrize("status", [TaskStatus.RUNNING, TaskStatus.COMPLETED])
def test_retry(bench: Any, status: TaskStatus) -> None:
    """A retried job is what was submitted, whatever became of the first, and knows whose copy it is."""
    new = NewRecipeSet(
        (
            NewRecipe(
                (
                    NewTask("t", "SERVERS", {"A": "1"}, ("echo", "x")),
                    NewTask("u", script="exit 1"),
                    NewTask("v", fetch="http://192.0.2.1/t.tar.gz"),
                ),
                requires=Requires(None, ()),
                role="CLIENTS",
                max_seconds=60,
                stop_on_fail=True,
            ),
        )
    )
    first = bench.submit(
        new, NewRecipeSet((wants(system="b"),), stage=1), name="n", priority=7, visibility=Visibility.PRIVATE,
        warnings=("line 1",),
    )  # fmt: skip
    claim(bench, "a")
    task = first.recipe_sets[0].recipes[0].tasks[0].id
    bench.gateway.tasks.update(bench.admin, first.recipe_sets[0].recipes[0].id, task, status=TaskStatus.RUNNING)
    if status is TaskStatus.COMPLETED:
        bench.gateway.tasks.update(bench.admin, first.recipe_sets[0].recipes[0].id, task, name="x", version="1")
        bench.gateway.jobs.cancel(bench.admin, first.id)
    again = bench.gateway.jobs.retry(bench.admin, first.id)
    assert again.retry_of == first.id

    def plain(job: Any) -> Any:
        """What was submitted of it."""
        return (
            job.name,
            job.owner,
            job.visibility,
            job.priority,
            job.warnings,
            [
                (
                    group.stage,
                    [
                        (
                            evolve(recipe, id=0, job=0, recipe_set=0, tasks=()),
                            [evolve(task, id=0, recipe=0) for task in recipe.tasks],
                        )
                        for recipe in group.recipes
                    ],
                )
                for group in job.recipe_sets
            ],
        )

    assert plain(again) == plain(first)
