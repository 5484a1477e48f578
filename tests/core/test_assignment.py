"""Which recipe gets which system, and when; and the gate as the image of the database."""

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from wsgi_app.errors import Conflict, Denied
from wsgi_app.model import Requires
from wsgi_app.states import RecipeStatus, SystemHealth, TaskStatus, Visibility
from wsgi_app.submitted import NewRecipe, NewRecipeSet, NewTask


def statuses(bench: Any, job: Any) -> list[RecipeStatus]:
    """The status of each recipe of a job."""
    found = bench.gateway.jobs.get(bench.admin, job.id)
    return [recipe.status for group in found.recipe_sets for recipe in group.recipes]


@pytest.mark.parametrize("late", [False, True])
def test_stages(bench: Any, one: NewRecipe, late: bool) -> None:
    """Sets of stage 1 get systems only when all of stage 0 is settled, not merely finished."""
    job = bench.submit(
        NewRecipeSet((evolve(one, system="b"),), stage=1),
        NewRecipeSet((one,)),
        NewRecipeSet((evolve(one, system="b"),)),
    )
    second, first, other = (group.recipes[0].id for group in job.recipe_sets)
    bench.claim("a")
    bench.claim("b")
    assert statuses(bench, job) == [RecipeStatus.QUEUED, RecipeStatus.WAITING, RecipeStatus.WAITING]
    bench.run(first)
    bench.run(other)
    assert bench.claim("b") is None
    bench.gateway.recipes.settle(first)
    assert bench.claim("b") is None
    if late:
        bench.clock.now += 30
        bench.claim("b")
        bench.round()
    else:
        bench.gateway.recipes.settle(other)
    assert bench.recipe(second).status is RecipeStatus.WAITING
    assert bench.gateway.systems.get("b").recipe == second


def test_whole_sets(bench: Any, one: NewRecipe) -> None:
    """A set gets its systems all at once, or none; a later one that fits goes first meanwhile."""
    pair = bench.submit(NewRecipeSet((one, evolve(one, system="b"))))
    single = bench.submit(NewRecipeSet((one,)))
    assert bench.claim("a") is not None
    assert (statuses(bench, pair), statuses(bench, single)) == ([RecipeStatus.QUEUED] * 2, [RecipeStatus.WAITING])
    bench.run(single.recipe_sets[0].recipes[0].id)
    assert bench.claim("b") is None
    assert bench.claim("a") is not None
    assert statuses(bench, pair) == [RecipeStatus.WAITING] * 2


@pytest.mark.parametrize("gap", ["none", "other claim", "cancel"])
def test_no_starvation(bench: Any, one: NewRecipe, gap: str) -> None:
    """Single jobs take every system that gets free, but not from a set before them that needs more than one.

    That holds also in the moment between the end of a recipe and its system's next claim.
    """
    bench.systems("c")
    single = evolve(one, system=None)
    running = bench.submit(NewRecipeSet((one,)))
    bench.claim("a")
    pair = bench.submit(NewRecipeSet((one, evolve(one, system="b"))), priority=100)
    stream = [bench.submit(NewRecipeSet((single,)), priority=0) for _ in range(3)]
    assert bench.claim("b") is None
    if gap == "cancel":
        bench.gateway.jobs.cancel(bench.admin, running.id)
    else:
        bench.run(running.recipe_sets[0].recipes[0].id)
    if gap == "other claim":
        assert bench.claim("c") is not None
        assert statuses(bench, stream[0]) == [RecipeStatus.WAITING]
    assert bench.claim("b") is None
    assert bench.claim("a") is not None
    assert statuses(bench, pair) == [RecipeStatus.WAITING] * 2
    assert [bench.gateway.systems.get(name).recipe for name in ("a", "b")] == [
        recipe.id for recipe in pair.recipe_sets[0].recipes
    ]
    assert statuses(bench, stream[-1]) == [RecipeStatus.QUEUED]


def never_there(bench: Any) -> NewRecipe:
    """Nobody asks for work as c."""
    bench.systems("c")
    return NewRecipe((NewTask("task"),), system="c")


def unhealthy(bench: Any) -> NewRecipe:
    """c asks for work, and is broken."""
    bench.systems("c")
    bench.gateway.systems.change(bench.admin, "c", health=SystemHealth.BAD)
    bench.claim("c")
    return NewRecipe((NewTask("task"),), system="c")


def gone(bench: Any) -> NewRecipe:
    """c ended a recipe, and was not heard of since."""
    bench.systems("c")
    wanted = NewRecipe((NewTask("task"),), system="c")
    job = bench.submit(NewRecipeSet((wanted,)))
    bench.claim("c")
    bench.run(job.recipe_sets[0].recipes[0].id)
    bench.clock.now += 60
    return wanted


def impossible(bench: Any) -> NewRecipe:
    """There is no such system."""
    return NewRecipe((NewTask("task"),), requires=Requires("vax"))


def itself(bench: Any) -> NewRecipe:
    """It would need one system twice."""
    return NewRecipe((NewTask("task"),), system="a")


@pytest.mark.parametrize("other", [never_there, unhealthy, gone, impossible, itself])
def test_nothing_kept_in_vain(bench: Any, one: NewRecipe, other: Callable[[Any], NewRecipe]) -> None:
    """A set whose other system is not there keeps nothing from those behind it."""
    large = bench.submit(NewRecipeSet((one, other(bench))), priority=100)
    single = bench.submit(NewRecipeSet((one,)), priority=0)
    assert bench.claim("a") is not None
    assert (statuses(bench, large), statuses(bench, single)) == ([RecipeStatus.QUEUED] * 2, [RecipeStatus.WAITING])


def test_kept_is_what_is_needed(bench: Any, one: NewRecipe) -> None:
    """A set keeps as many free systems as it can use: with one of two that would do, the other is left."""
    bench.systems("c")
    running = bench.submit(NewRecipeSet((one,)))
    bench.claim("a")
    pair = bench.submit(NewRecipeSet((one, evolve(one, system=None))))
    singles = [bench.submit(NewRecipeSet((evolve(one, system=None),))) for _ in range(2)]
    assert bench.claim("b") is None
    assert bench.claim("c") is not None
    assert [statuses(bench, job)[0] for job in singles] == [RecipeStatus.WAITING, RecipeStatus.QUEUED]
    bench.run(running.recipe_sets[0].recipes[0].id)
    assert bench.claim("a") is not None
    assert statuses(bench, pair) == [RecipeStatus.WAITING] * 2


def test_who_comes_before(bench: Any, one: NewRecipe) -> None:
    """What is kept is kept from sets behind: one of higher priority takes it."""
    pair = bench.submit(NewRecipeSet((one, evolve(one, system="b"))), priority=50)
    bench.submit(NewRecipeSet((one,)), priority=90)
    bench.claim("a")
    assert bench.claim("b") is None
    later = bench.submit(NewRecipeSet((evolve(one, system="b"),)), priority=50)
    assert statuses(bench, later) == [RecipeStatus.QUEUED]
    before = bench.submit(NewRecipeSet((evolve(one, system="b"),)), priority=51)
    assert statuses(bench, before) == [RecipeStatus.WAITING]
    assert statuses(bench, pair) == [RecipeStatus.QUEUED] * 2


def test_priority(bench: Any, one: NewRecipe) -> None:
    """Higher priority first, then age."""
    jobs = [bench.submit(NewRecipeSet((one,)), priority=p) for p in (50, 90, 90)]
    order = []
    while bench.claim("a") is not None:
        order.append(bench.gateway.systems.get("a").recipe)
        bench.run(order[-1])
    assert order == [jobs[place].recipe_sets[0].recipes[0].id for place in (1, 2, 0)]


def test_requirements(bench: Any, one: NewRecipe) -> None:
    """A recipe gets a system of its type with all its tags, and a set different ones, found by looking further."""
    bench.gateway.systems.change(bench.admin, "a", type="x", tags=("kvm", "big"))
    bench.gateway.systems.change(bench.admin, "b", type="x", tags=("kvm",))
    wide = evolve(one, system=None, requires=Requires("x", ("kvm",)))
    narrow = evolve(one, system=None, requires=Requires(None, ("big",)))
    nowhere = bench.submit(NewRecipeSet((evolve(one, system=None, requires=Requires("y")),)))
    job = bench.submit(NewRecipeSet((wide, narrow)))
    bench.claim("a")
    bench.claim("b")
    assert statuses(bench, nowhere) == [RecipeStatus.QUEUED]
    found = bench.gateway.jobs.get(bench.admin, job.id).recipe_sets[0].recipes
    assert [recipe.system for recipe in found] == ["b", "a"]


@pytest.mark.timeout(20)
def test_many_systems_that_do_not_suffice(bench: Any, one: NewRecipe) -> None:
    """A large set that cannot be matched is found out quickly, and matched as soon as it can be."""
    names = [f"n{number}" for number in range(24)]
    bench.systems(*names)
    for name in names:
        assert bench.claim(name) is None
    wide = evolve(one, system=None)
    rare = evolve(one, system=None, requires=Requires(None, ("rare",)))
    job = bench.submit(NewRecipeSet((*[wide] * 22, rare)))
    assert set(statuses(bench, job)) == {RecipeStatus.QUEUED}
    bench.gateway.systems.change(bench.admin, names[0], tags=("rare",))
    found = bench.gateway.jobs.get(bench.admin, job.id).recipe_sets[0].recipes
    assert {recipe.status for recipe in found} == {RecipeStatus.WAITING}
    assert len({recipe.system for recipe in found}) == 23
    assert found[-1].system == names[0]


def test_gate_rebuild(bench: Any, one: NewRecipe) -> None:
    """Rebuilding the gate brings back what was removed, and removes what was added."""
    job = bench.submit(NewRecipeSet((one,)), visibility=Visibility.PRIVATE)
    bench.gateway.systems.change(bench.admin, "a", address="192.0.2.1")
    harness = bench.claim("a")
    number = job.recipe_sets[0].recipes[0].id
    before = bench.gate(number)
    assert {"private", "ip-192.0.2.1"} < before
    assert len(before) == 4
    root = bench.config.gate / str(number)
    for name in before:
        (root / name).unlink()
    for name in ("open", "closed", "key-" + "0" * 40, "task-9.closed"):
        (root / name).touch()
    bench.gateway.gate_image.rebuild()
    assert bench.gate(number) == before
    assert bench.put(harness, number, "log")
    for path in root.iterdir():
        path.unlink()
    root.rmdir()
    with pytest.raises(Denied):
        bench.put(harness, number, "log")
    bench.gateway.gate_image.rebuild()
    assert bench.gate(number) == before


def test_gate_rebuild_of_the_finished(bench: Any, one: NewRecipe) -> None:
    """Closed files come back for what is finished but not settled."""
    job = bench.submit(NewRecipeSet((one,)))
    bench.claim("a")
    recipe = job.recipe_sets[0].recipes[0]
    bench.run(recipe.id)
    closed = {"closed", *(f"task-{task.id}.closed" for task in recipe.tasks)}
    assert closed < bench.gate(recipe.id)
    for name in closed:
        (bench.config.gate / str(recipe.id) / name).unlink()
    bench.gateway.gate_image.rebuild()
    assert closed < bench.gate(recipe.id)


def test_nothing_changes_without_a_commit(bench: Any, one: NewRecipe) -> None:
    """What a refused call would have changed is not there, and the gate shows nothing of it."""
    job = bench.submit(NewRecipeSet((one,)))
    before = bench.gateway.events.latest()
    number = job.recipe_sets[0].recipes[0].id
    with pytest.raises(Conflict, match="for a"):
        bench.gateway.recipes.issue_key(bench.admin, number, system="b")
    assert bench.gateway.events.latest() == before
    assert not (bench.config.gate / str(number)).exists()


def test_a_set_that_lost_one(bench: Any, one: NewRecipe) -> None:
    """A recipe whose set waits for another's system starts when that other ends without one."""
    second = evolve(one, system="b")
    job = bench.submit(NewRecipeSet((one, second)))
    first, other = (recipe.id for recipe in job.recipe_sets[0].recipes)
    bench.gateway.recipes.issue_key(bench.admin, first)
    assert bench.recipe(first).status is RecipeStatus.SCHEDULED
    assert bench.claim("a") is None
    bench.gateway.recipes.abort(bench.admin, other, "enough")
    assert bench.recipe(first).status is RecipeStatus.WAITING
    assert bench.claim("a") is not None


def test_a_key_brings_the_others(bench: Any, one: NewRecipe) -> None:
    """When a key gives one recipe its system, those of its set whose systems wait get theirs at once."""
    second = evolve(one, system="b")
    job = bench.submit(NewRecipeSet((one, second)))
    first, other = (recipe.id for recipe in job.recipe_sets[0].recipes)
    assert bench.claim("b") is None
    bench.gateway.recipes.issue_key(bench.admin, first)
    assert {bench.recipe(number).status for number in (first, other)} == {RecipeStatus.WAITING}
    seen = [event.data for event in bench.gateway.events.page(bench.admin, topics=["system"])]
    assert [(data["name"], data["recipe"]) for data in seen if data.get("recipe")].count(("b", other)) == 1


def test_settled_is_closed(bench: Any, one: NewRecipe) -> None:
    """Settling closes the logs by itself: the timer looks after unsettled recipes only."""
    bench.gateway.systems.change(bench.admin, "a", address="192.0.2.1")
    number = bench.submit(NewRecipeSet((one,))).recipe_sets[0].recipes[0].id
    bench.claim("a")
    bench.gateway.systems.change(bench.admin, "a", address="192.0.2.2")
    bench.gateway.recipes.abort(bench.admin, number, "enough")
    bench.clock.now += 60
    bench.gateway.systems.remove(bench.admin, "a")
    bench.gateway.recipes.settle(number)
    names = bench.gate(number)
    assert "closed" in names
    assert not any(name.startswith("ip-") for name in names)
    assert {f"task-{task.id}.closed" for task in bench.recipe(number).tasks} < names


def test_a_claim_outlives_a_cancelled_set(bench: Any, one: NewRecipe) -> None:
    """A system that asks for work while its recipe waits for its set is still there when the set is cancelled."""
    job = bench.submit(NewRecipeSet((one, evolve(one, system="b"))))
    bench.gateway.recipes.issue_key(bench.admin, job.recipe_sets[0].recipes[0].id)
    assert bench.claim("a") is None
    bench.gateway.jobs.cancel(bench.admin, job.id)
    number = bench.submit(NewRecipeSet((one,))).recipe_sets[0].recipes[0].id
    assert bench.recipe(number).status is RecipeStatus.WAITING


def test_a_cancel_is_told_once(bench: Any, one: NewRecipe) -> None:
    """A job of which one recipe runs and one waits is cancelled in one step, and told so once."""
    job = bench.submit(NewRecipeSet((one,)), NewRecipeSet((evolve(one, system="b"),)))
    bench.claim("a")
    first = job.recipe_sets[0].recipes[0]
    bench.gateway.tasks.update(bench.admin, first.id, first.tasks[0].id, status=TaskStatus.RUNNING)
    before = bench.gateway.events.latest()
    bench.gateway.jobs.cancel(bench.admin, job.id)
    told = [event.data for event in bench.gateway.events.page(bench.admin, after=before, topics=["job"])]
    assert [data["status"] for data in told] == [RecipeStatus.CANCELLED]
