"""Turns against a baseline, and questions about other recipes. Numbers are those of readers-lava.md section 12."""

from typing import Any

import pytest
from attrs import evolve
from notifying import ABORTED, CANCELLED, COMPLETED, HOOK, begin, end, run, submit, told

from wsgi_app.conditions import AllOf, Condition
from wsgi_app.notification import Compare, Criteria, Method, Moment, Notify, Recipient, Turn, Verbosity, When
from wsgi_app.states import RecipeStatus, TaskStatus, Visibility
from wsgi_app.store.comparable import Subject, alike, settled_query
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet, NewTask


@pytest.mark.parametrize(
    ("before", "now", "turn"),
    [
        (COMPLETED, ABORTED, Turn.REGRESSION),
        (ABORTED, COMPLETED, Turn.PROGRESSION),
        (COMPLETED, COMPLETED, None),
        (ABORTED, ABORTED, None),
        (CANCELLED, ABORTED, None),
        (CANCELLED, COMPLETED, None),
        (None, ABORTED, None),
        (None, COMPLETED, None),
    ],
)
@pytest.mark.parametrize("wanted", Turn)
def test_60_type(bench: Any, wanted: Turn, before: RecipeStatus | None, now: RecipeStatus, turn: Turn | None) -> None:
    """A regression is a real one: the newest comparable recipe was completed, and this one is aborted."""
    if before is not None:
        run(bench, None, before)
    status = When.ABORTED if wanted is Turn.REGRESSION else When.COMPLETED
    recipe = run(bench, Notify(Criteria(status, wanted), callbacks=(HOOK,)), now)
    assert told(bench) == ([(recipe, Moment.FINISHED)] if wanted is turn else [])


def test_60_type_what_is_comparable(bench: Any) -> None:
    """Cancelled ones are passed over; another name, another system's type and what runs yet are not comparable."""
    gateway, admin = bench.gateway, bench.admin
    gateway.systems.change(admin, "a", type="board")
    gateway.systems.change(admin, "b", type="rack")
    notify = Notify(Criteria(When.ABORTED, Turn.REGRESSION), callbacks=(HOOK,))
    run(bench, None, COMPLETED)
    run(bench, None, CANCELLED)
    run(bench, None, ABORTED, name="another")
    first = run(bench, notify, ABORTED)
    assert told(bench) == [(first, Moment.FINISHED)]
    run(bench, notify, ABORTED)
    assert len(told(bench)) == 1, "it was broken before"
    run(bench, notify, ABORTED, name="another")
    assert len(told(bench)) == 1
    other = (
        bench.submit(NewRecipeSet((NewRecipe((NewTask("t"),), system="b"),)), name="another", notify=notify)
        .recipe_sets[0]
        .recipes[0]
    )
    assert other.system == "b"
    bench.claim("b")
    end(bench, other.id, ABORTED)
    assert len(told(bench)) == 1, "nothing of that name was completed on a rack"


def test_60_type_by_query(bench: Any) -> None:
    """What the job compares itself with may be another name's."""
    run(bench, None, COMPLETED, name="nightly")
    run(bench, None, ABORTED)
    base = Condition("name", "exact", "nightly")
    notify = Notify(Criteria(When.ABORTED, Turn.REGRESSION), callbacks=(HOOK,), compare=Compare(base=base))
    recipe = run(bench, notify, ABORTED)
    assert told(bench) == [(recipe, Moment.FINISHED)]


def test_60_base_of_a_verbose_mail(bench: Any) -> None:
    """A verbose mail compares with the newest that was completed, and says so to its sender."""
    base = run(bench, None, COMPLETED)
    run(bench, None, ABORTED)
    to = (Recipient(Method.EMAIL, email="ann@example.org"),)
    for verbosity in Verbosity:
        notify = Notify(Criteria(When.FINISHED), verbosity, to, (HOOK,), Compare(("lava",)))
        recipe = run(bench, notify, ABORTED)
        told(bench)
        by_method = {one.method: one.order for one in bench.gateway.deliveries.page(bench.admin, recipe=recipe)}
        mail, hook = by_method[Method.EMAIL], by_method[Method.CALLBACK]
        assert (mail.verbosity, mail.blacklist) == (verbosity, ("lava",))
        assert mail.base == (base if verbosity is Verbosity.VERBOSE else None)
        assert (hook.callback, hook.base) == (HOOK, None)


@pytest.mark.parametrize(
    ("word", "ends", "tells"),
    [
        (When.FINISHED, (COMPLETED, ABORTED, CANCELLED), True),
        (When.COMPLETED, (COMPLETED, COMPLETED, COMPLETED), True),
        (When.COMPLETED, (COMPLETED, ABORTED, COMPLETED), False),
        (When.ABORTED, (ABORTED, ABORTED, ABORTED), True),
        (When.ABORTED, (COMPLETED, ABORTED, ABORTED), False),
        (When.CANCELLED, (CANCELLED, CANCELLED, CANCELLED), True),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_60_dependency_query(
    bench: Any, word: When, ends: tuple[RecipeStatus, ...], tells: bool, at_once: bool
) -> None:
    """One message for a batch: from the last, when all others have ended so; whenever it is looked at."""
    others = AllOf((Condition("name", "startswith", "batch"),))
    notify = Notify(Criteria(word, others=others), callbacks=(HOOK,))
    batch = [submit(bench, notify, name=f"batch {number}") for number in range(len(ends))]
    submit(bench, None, name="not of it", system="b")
    seen = []
    for recipe, ending in zip(batch, ends, strict=True):
        begin(bench, recipe)
        end(bench, recipe, ending)
        if not at_once:
            seen = told(bench)
    assert (told(bench) if at_once else seen) == ([(batch[-1], Moment.FINISHED)] if tells else [])


def test_60_dependency_query_running(bench: Any) -> None:
    """Of all that run the one is told of that begins last."""
    notify = Notify(Criteria(When.RUNNING, others=Condition("name", "exact", "batch")), callbacks=(HOOK,))
    first, last = submit(bench, notify, name="batch"), submit(bench, notify, name="batch", system="b")
    begin(bench, first)
    bench.clock.now += 1
    bench.claim("b")
    bench.gateway.tasks.update(bench.admin, last, bench.recipe(last).tasks[0].id, status=TaskStatus.RUNNING)
    assert told(bench) == [(last, Moment.RUNNING)]


def test_60_others_only_what_its_owner_sees(bench: Any) -> None:
    """A private job of somebody else neither keeps anybody from being told nor tells that it is there."""
    ann = bench.gateway.tokens.create(bench.admin, name="t", user="ann").secret
    caller = evolve(bench.admin, authorization=f"Bearer {ann}")
    submit(bench, None, name="batch", visibility=Visibility.PRIVATE, system="b")
    notify = Notify(Criteria(When.FINISHED, others=Condition("name", "exact", "batch")), callbacks=(HOOK,))
    new = NewJob((NewRecipeSet((NewRecipe((NewTask("t"),), system="a"),)),), name="batch", notify=notify)
    recipe = bench.gateway.jobs.submit(caller, lambda: new).recipe_sets[0].recipes[0].id
    begin(bench, recipe)
    end(bench, recipe, COMPLETED)
    assert told(bench) == [(recipe, Moment.FINISHED)]


def test_60_type_is_found_among_many(bench: Any) -> None:
    """What one is compared with is found by its owner and name, not among all that was ever settled."""
    subject = Subject(1, 1, 1, "nightly", "bob", None, None, None)
    query = settled_query(alike(subject), ends=[RecipeStatus.COMPLETED], but=1).limit(1)
    with bench.gateway.feed._ground.read() as tx:
        words = str(query.compile(tx.engine, compile_kwargs={"literal_binds": True}))
        plan = [row[3] for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {words}")]
    assert any("ix_jobs_owner_name (owner=? AND name=?)" in line for line in plan), plan
