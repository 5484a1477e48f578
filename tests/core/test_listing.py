"""Recipes found by any number and listed by conditions, orders and pages, by whoever may read them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from campaigning import Campaigner, a_test, plan
from sqlalchemy import event
from stock import fill

from wsgi_app.conditions import AllOf, AnyOf, Condition, Order, Where
from wsgi_app.core.listing import NEWEST
from wsgi_app.core.selection import Listed, Place, Reference
from wsgi_app.errors import Denied, Invalid, NoSuchRecipe, Unauthenticated
from wsgi_app.model import Caller, Job, Requires, System
from wsgi_app.states import ResultValue, SystemHealth, TaskStatus, Visibility
from wsgi_app.submitted import Document, NewJob, NewRecipe, NewRecipeSet, NewTask

ANYBODY = Caller(None, "127.0.0.1")


def ids(bench: Any, *where: Where, caller: Caller | None = None, **page: Any) -> list[int]:
    """List, check that it is counted like that, and return the numbers."""
    who = caller or bench.admin
    found = [one.recipe.id for one in bench.gateway.listing.page(who, where, **page)]
    if not page:
        assert bench.gateway.listing.count(who, where) == len(found)
    return found


def is_(field: str, value: Any, lookup: str = "exact", *path: str) -> Condition:
    """Return a condition."""
    return Condition(field, lookup, value, path)


def numbers(job: Job) -> list[int]:
    """Return the recipes of a job."""
    return [recipe.id for group in job.recipe_sets for recipe in group.recipes]


def finder(bench: Any) -> Callable[..., tuple[Listed, ...]]:
    """Return what finds recipes by what somebody calls them."""

    def find(caller: Caller, which: Reference | Place, **more: bool) -> tuple[Listed, ...]:
        found: tuple[Listed, ...] = bench.gateway.selections.find(caller, which, **more).parts
        return found

    return find


def user(bench: Any, name: str) -> Caller:
    """Return a user with a token."""
    scopes = ("read", "submit")
    return Caller(f"Bearer {bench.gateway.tokens.create(bench.admin, name='t', user=name, scopes=scopes).secret}", "")


@pytest.fixture
def pair(bench: Any, one: NewRecipe) -> Job:
    """A job of two sets, the first of two recipes; the first of these has a result."""
    found: Job = bench.submit(NewRecipeSet((one, NewRecipe((NewTask("t"),), "b"))), NewRecipeSet((one,), stage=1))
    bench.claim("a")
    bench.claim("b")
    first = found.recipe_sets[0].recipes[0]
    bench.gateway.tasks.update(bench.admin, first.id, first.tasks[0].id, status=TaskStatus.RUNNING)
    bench.gateway.results.report(bench.admin, first.id, first.tasks[0].id, result=ResultValue.PASS)
    return found


def test_any_number_finds_its_recipes(bench: Any, pair: Job) -> None:
    """A job's number means all its recipes, a set's those of the set; a recipe's, task's and result's the recipe."""
    find = finder(bench)
    result = bench.gateway.results.of_job(bench.admin, pair.id)[0].id
    wanted = {pair.id: ("job", numbers(pair))}
    for group in pair.recipe_sets:
        wanted[group.id] = ("set", [recipe.id for recipe in group.recipes])
        for recipe in group.recipes:
            wanted[recipe.id] = ("recipe", [recipe.id])
            wanted.update({task.id: ("task", [recipe.id]) for task in recipe.tasks})
    wanted[result] = ("result", [numbers(pair)[0]])
    assert sorted(wanted) == list(range(1, result + 1)), "these are all numbers that there are"
    for number, (kind, recipes) in wanted.items():
        assert [one.recipe.id for one in find(bench.admin, Reference("any", number))] == recipes
        for other in ("job", "set", "recipe", "task"):
            if other == kind:
                assert [one.recipe.id for one in find(bench.admin, Reference(other, number))] == recipes
            else:
                with pytest.raises(NoSuchRecipe):
                    find(bench.admin, Reference(other, number))
    for unknown in (result + 1, 0, -1, 2**31, 2**70):
        with pytest.raises(NoSuchRecipe):
            find(bench.admin, Reference("any", unknown))


def test_places_in_a_set(bench: Any, pair: Job) -> None:
    """The set's first recipe and a place lead to the others; no other recipe does, and no further place."""
    first, second, third = numbers(pair)
    find = finder(bench)
    for wanted, place in ((first, Place(first, 0)), (second, Place(first, 1)), (third, Place(third, 0))):
        assert [one.recipe.id for one in find(bench.admin, place)] == [wanted]
    for place in (Place(first, 2), Place(first, -1), Place(second, 0), Place(pair.id, 0), Place(999, 0)):
        with pytest.raises(NoSuchRecipe):
            find(bench.admin, place)


def test_what_is_listed(bench: Any, pair: Job) -> None:
    """Each recipe comes with its job and its place in its set; with its tasks if they are asked for."""
    found = finder(bench)(bench.admin, Reference("job", pair.id))
    places = [(one.first, one.place, one.size) for one in found]
    first, second, third = numbers(pair)
    assert places == [(first, 0, 2), (first, 1, 2), (third, 0, 1)]
    assert [one.peers_placed for one in found] == [True, True, False]
    assert {one.job.id for one in found} == {pair.id}
    assert [one.recipe.tasks for one in found] == [()] * 3
    (whole,) = finder(bench)(bench.admin, Reference("recipe", first), with_tasks=True)
    assert whole.recipe == bench.recipe(first)
    assert [one.recipe.id for one in bench.gateway.listing.page(bench.admin, (is_("peers_placed", True),))] == [
        second,
        first,
    ]


def test_private_ones(bench: Any, one: NewRecipe) -> None:
    """Lists and counts have what their reader may read; who finds by number is told why not."""
    ann, bob = user(bench, "ann"), user(bench, "bob")
    new = NewJob((NewRecipeSet((one,)),), visibility=Visibility.PRIVATE)
    public = numbers(bench.submit(NewRecipeSet((one,))))[0]
    private = numbers(bench.gateway.jobs.submit(ann, lambda: new))[0]
    for caller, wanted in (
        (bench.admin, [private, public]),
        (ann, [private, public]),
        (bob, [public]),
        (ANYBODY, [public]),
    ):
        assert ids(bench, caller=caller) == wanted
        assert ids(bench, is_("status", "Queued"), caller=caller) == wanted
        assert ids(bench, is_("owner", "ann"), caller=caller) == [number for number in wanted if number == private]
    find = finder(bench)
    assert find(ann, Reference("any", private))[0].recipe.id == private
    with pytest.raises(Denied):
        find(bob, Reference("any", private))
    with pytest.raises(Unauthenticated):
        find(ANYBODY, Reference("any", private))


def test_key_of_one_recipe(bench: Any) -> None:
    """A harness finds the private recipe that it holds, and no other of the job."""
    recipes = tuple(NewRecipe((NewTask("t"),), system=name) for name in ("a", "b"))
    job = bench.submit(NewRecipeSet(recipes), visibility=Visibility.PRIVATE)
    first, second = numbers(job)
    bench.claim("a")
    bench.claim("b")
    harness = bench.claim("a")
    find = finder(bench)
    assert [one.recipe.id for one in find(harness, Reference("recipe", first))] == [first]
    for other in (Reference("recipe", second), Reference("job", job.id), Place(first, 1)):
        with pytest.raises(Denied):
            find(harness, other)


def test_a_campaign(bench: Any) -> None:
    """A campaign has the recipes that it has made so far."""
    lab = Campaigner(bench.gateway, bench.admin)
    job = lab.submit(plan(a_test("one", ["a", "b"]), a_test("two")))
    find = finder(bench)
    assert len(find(bench.admin, Reference("any", job))) == 2
    lab.play("a", "b")
    assert [one.recipe.id for one in find(bench.admin, Reference("job", job))] == numbers(lab.job(job))
    assert len(numbers(lab.job(job))) == 3
    assert lab.claim("a") is not None
    assert find(bench.admin, Reference("any", lab.submit(plan(a_test("one", ["a"]))))) == ()


def test_types_and_tags(bench: Any) -> None:
    """The type is the one asked for, or that of the system asked for; a tag is any of those asked for."""
    bench.gateway.systems.add(bench.admin, System("arm1", "arm", (), None, SystemHealth.GOOD, None, None, None, None))
    task = (NewTask("t"),)
    by_system = numbers(bench.submit(NewRecipeSet((NewRecipe(task, "arm1"),))))[0]
    by_type = numbers(bench.submit(NewRecipeSet((NewRecipe(task, requires=Requires("arm", ("usb", "nvme"))),))))[0]
    neither = numbers(bench.submit(NewRecipeSet((NewRecipe(task, "a"),))))[0]
    assert ids(bench, is_("type", "arm")) == [by_type, by_system]
    assert ids(bench, is_("type", True, "isnull")) == [neither]
    listed = {one.recipe.id: one.type for one in bench.gateway.listing.page(bench.admin)}
    assert listed == {by_system: "arm", by_type: "arm", neither: None}
    assert ids(bench, is_("tag", "usb")) == ids(bench, is_("tag", ["x", "nvme"], "in")) == [by_type]
    assert ids(bench, is_("tag", True, "isnull")) == [neither, by_system]
    assert ids(bench, is_("system", "arm1")) == [], "nobody was given it yet"


def test_documents_and_notes(bench: Any, one: NewRecipe) -> None:
    """What a job was submitted as, and what is noted about it, can be looked for; arrays and deeper things whole."""
    notes = {"a": {"b": {"c": "Deep"}, "n": 5, "t": True, "z": None}, "list": [1], 'q"t': "v", "ключ": "Ж", "": "none"}
    first = numbers(bench.submit(NewRecipeSet((one,)), metadata=notes, document=Document("x/y", "# Größe 100%_")))[0]
    second = numbers(bench.submit(NewRecipeSet((one,)), metadata={"a": "text", "n": 1.5}))[0]
    for condition, wanted in (
        (is_("document", "ÖSSE 100%_", "icontains"), []),
        (is_("document", "GRÖßE 100%_", "icontains"), [first]),
        (is_("document", "größe", "contains"), []),
        (is_("document", True, "isnull"), [second]),
        (is_("metadata", "Deep", "exact", "a", "b", "c"), [first]),
        (is_("metadata", "EEP", "iendswith", "a", "b", "c"), [first]),
        (is_("metadata", ["5", "6"], "in", "a", "n"), [first]),
        (is_("metadata", "true", "exact", "a", "t"), [first]),
        (is_("metadata", "1.5", "exact", "n"), [second]),
        (is_("metadata", "text", "exact", "a", "b"), []),
        (is_("metadata", True, "isnull", "a", "z"), [second, first]),
        (is_("metadata", False, "isnull", "list"), [first]),
        (is_("metadata", "v", "exact", 'q"t'), [first]),
        (is_("metadata", "ж", "iexact", "ключ"), [first]),
        (is_("metadata", "none", "exact", ""), [first]),
        (is_("metadata", "z", "has_key", "a"), [first]),
        (is_("metadata", "a", "has_key"), [second, first]),
        (is_("metadata", ["a", "list"], "has_keys"), [first]),
        (is_("metadata", ["n", "list"], "has_any_keys"), [second, first]),
        (is_("metadata", [], "has_any_keys"), []),
        (is_("metadata", {}, "contains"), [second, first]),
        (is_("metadata", {"a": {"b": {}}}, "contains"), [first]),
        (is_("metadata", {"a": {"n": 5, "t": True, "z": None}}, "contains"), [first]),
        (is_("metadata", {"a": {"n": "5"}}, "contains"), []),
        (is_("metadata", {"c": "Deep"}, "contains", "a", "b"), [first]),
        (is_("metadata", {}, "contains", "a"), [first]),
    ):
        assert ids(bench, condition) == wanted, condition


def test_all_and_any(bench: Any, pair: Job) -> None:
    """Conditions in conditions; of none, all are true and any is not."""
    first, second, third = numbers(pair)
    running, queued = is_("status", "Running"), is_("status", "Queued")
    assert ids(bench, AnyOf((running, queued))) == [third, first]
    assert ids(bench, AnyOf((AllOf((running, is_("system", "a"))), is_("id", second)))) == [second, first]
    assert ids(bench, AllOf(())) == [third, second, first]
    assert ids(bench, AnyOf(())) == []


def test_orders_and_pages(bench: Any) -> None:
    """By any field that has an order; what is equal there newest first; pages do not overlap and leave nothing out."""
    fill(bench.gateway, 60)
    listing = bench.gateway.listing
    whole = [one.recipe.id for one in listing.page(bench.admin)]
    assert whole == sorted(whole, reverse=True)
    assert len(whole) == listing.count(bench.admin) == 66
    for order in (NEWEST, (Order("id"),), (Order("started", True),), (Order("name"), Order("system", True))):
        found = [one.recipe.id for one in listing.page(bench.admin, (), order)]
        assert sorted(found) == sorted(whole)
        pages = [listing.page(bench.admin, (), order, offset=offset, limit=7) for offset in range(0, 70, 7)]
        assert [one.recipe.id for page in pages for one in page] == found
    by_start = [one.recipe.started for one in listing.page(bench.admin, (), (Order("started"),))]
    assert by_start == sorted(by_start, key=lambda time: (time is not None, time))
    assert listing.page(bench.admin, offset=66) == listing.page(bench.admin, limit=0) == []
    assert listing.page(bench.admin, offset=10**30) == []


#: what cannot be compared, and the field that it is about
BAD = [
    (is_("colour", "red"), "colour"),
    (is_("id", 1, "near"), "id"),
    (is_("id", "1"), "id"),
    (is_("id", True), "id"),
    (is_("id", float("nan")), "id"),
    (is_("id", 2**80), "id"),
    (is_("id", 1, "contains"), "id"),
    (is_("name", 1), "name"),
    (is_("name", "\0"), "name"),
    (is_("name", "\udc80"), "name"),
    (is_("name", "x" * 20_000), "name"),
    (is_("name", "a", "in"), "name"),
    (is_("name", ["a"] * 2000, "in"), "name"),
    (is_("name", "a", "lt"), "name"),
    (is_("name", "a", "regex"), "name"),
    (is_("metadata", "(a+)+$", "iregex", "k"), "metadata"),
    (is_("name", "a", "exact", "path"), "name"),
    (is_("settled", 1), "settled"),
    (is_("settled", "yes", "isnull"), "settled"),
    (is_("reason", 0, "isnull"), "reason"),
    (is_("metadata", "a"), "metadata"),
    (is_("metadata", 5, "exact", "k"), "metadata"),
    (is_("metadata", {"k": [1]}, "contains"), "metadata"),
    (is_("metadata", {str(n): n for n in range(200)}, "contains"), "metadata"),
    (is_("metadata", "a", "exact", *"abcdefghijklmnopqrstuvwxyz"), "metadata"),
    (AllOf((AnyOf((is_("colour", "red"),)),)), "colour"),
]


def test_bad_conditions(bench: Any) -> None:
    """What cannot be compared is refused with its field, whatever is stored."""
    for condition, field in BAD:
        for ask in (bench.gateway.listing.page, bench.gateway.listing.count):
            with pytest.raises(Invalid) as refused:
                ask(bench.admin, (condition,))
            assert refused.value.field == field


def test_bad_pages(bench: Any) -> None:
    """Neither are orders and pages that make no sense, nor more conditions than anybody has."""
    for order in ("colour", "tag", "metadata", "document"):
        with pytest.raises(Invalid) as refused:
            bench.gateway.listing.page(bench.admin, (), (Order(order),))
        assert refused.value.field == order
    for page in ({"offset": -1}, {"limit": -1}, {"limit": 10_001}):
        with pytest.raises(Invalid):
            bench.gateway.listing.page(bench.admin, **page)
    with pytest.raises(Invalid):
        bench.gateway.listing.page(bench.admin, (AnyOf((is_("id", 1),) * 300),))


@contextmanager
def instructions(bench: Any) -> Iterator[list[int]]:
    """Count what SQLite does meanwhile, in hundreds of its instructions."""
    seen = [0]

    def step() -> None:
        seen[0] += 1

    engine = bench.gateway._ground.db._engine
    # whichever connection of the pool is used
    watched: list[Any] = []

    def watch(connection: Any, _record: Any, _proxy: Any) -> None:
        connection.set_progress_handler(step, 100)
        watched.append(connection)

    event.listen(engine, "checkout", watch)
    try:
        yield seen
    finally:
        event.remove(engine, "checkout", watch)
        for connection in watched:
            connection.set_progress_handler(None, 100)


def test_many_jobs_cost_no_more(bench: Any) -> None:
    """First pages, and those of what is rare, cost SQLite as much with 5,000 jobs stored as with 100."""
    asked: dict[str, tuple[Where, ...]] = {
        "all": (),
        "what runs": (is_("settled", False), is_("status", ["Running", "Completed"], "in")),
        "what waits for a type": (is_("status", "Queued"), is_("type", "type-3")),
        "aborted": (is_("settled", True), is_("status", "Aborted")),
        "anything but waiting": (AnyOf((is_("settled", True), is_("status", "Running"))),),
    }
    costs: dict[str, list[int]] = {name: [] for name in asked}
    for more in (100, 4_900):
        fill(bench.gateway, more)
        for name, where in asked.items():
            for caller in (bench.admin, ANYBODY):
                bench.gateway.listing.page(caller, where, limit=2)
                with instructions(bench) as seen:
                    found = bench.gateway.listing.page(caller, where, limit=2)
                assert len(found) == 2, name
                costs[name].append(seen[0])
    for name, (few, few_public, many, many_public) in costs.items():
        assert 0 < many < few + 30, (name, costs)
        assert 0 < many_public < few_public + 30, (name, costs)
