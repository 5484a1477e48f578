"""What a plan gives and keeps, against trying everything; and that it is quick."""

import time
from itertools import permutations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from matched import match

from wsgi_app.core.allowance import Allowance
from wsgi_app.core.matching import Matching, Pool, fits
from wsgi_app.core.plan import Plan
from wsgi_app.model import Lab, Recipe, Requires, System
from wsgi_app.states import LabHealth, RecipeStatus, ResultValue, SystemHealth

NOW = 1_000_000.0

TAGS = st.frozensets(st.sampled_from("pqr"))
NAMES = st.none() | st.integers(0, 4).map("s{}".format)
SETS = st.lists(st.lists(st.tuples(NAMES, TAGS), min_size=1, max_size=3), max_size=4)
#: tags, whether it is healthy, whether it runs something, until when its claim counts
LAB = st.lists(
    st.tuples(TAGS, st.booleans(), st.booleans(), st.sampled_from([None, -60.0, -59.0, 0.0, 1.0, 1.0, 1.0])), max_size=5
)


def asking(number: int, group: int, name: str | None, tags: frozenset[str]) -> Recipe:
    """A queued recipe."""
    return Recipe(
        id=number, job=1, recipe_set=group, system=name, assigned=None, requires=Requires(None, tuple(tags)), role=None,
        status=RecipeStatus.QUEUED, cancelling=False, settled=False, late=False, damaged=0, result=ResultValue.NEW,
        reason=None, watchdog=None, max_seconds=None, stop_on_fail=False, started=None, finished=None, closes=None,
        install_started=None, install_finished=None, postinstall_finished=None,
    )  # fmt: skip


def system(name: str, tags: frozenset[str] = frozenset()) -> System:
    """A system that is free."""
    return System(name, None, tuple(sorted(tags)), None, SystemHealth.GOOD, None, None, None, NOW + 1)


def suffices(group: list[Recipe], systems: list[System]) -> bool:
    """Whether each recipe can have its own, by trying all orders."""
    return any(
        all(fits(recipe, found) for recipe, found in zip(group, order, strict=True))
        for order in permutations(systems, len(group))
    )


@given(LAB, SETS)
def test_plan(
    lab: list[tuple[frozenset[str], bool, bool, float | None]], sets: list[list[tuple[str, frozenset[str]]]]
) -> None:
    """A set gets all its systems or none; it keeps free ones if, and only if, the others that it needs are there."""
    systems = [
        evolve(
            system(f"s{place}", tags),
            health=SystemHealth.GOOD if healthy else SystemHealth.BAD,
            recipe=7 if busy else None,
            claimed_until=None if claim is None else NOW + claim,
        )
        for place, (tags, healthy, busy, claim) in enumerate(lab)
    ]
    plan = Plan(systems, {}, NOW, claim_seconds=60, allowance=Allowance(Lab(LabHealth.ACTIVE, "", None), 0))
    healthy = [found for found in systems if found.health.usable]
    left = [found for found in healthy if found.recipe is None and (found.claimed_until or 0) > NOW]
    there = [found for found in healthy if found.recipe is not None or (found.claimed_until or 0) > NOW - 60]
    numbers = iter(range(100))
    for place, wishes in enumerate(sets):
        group = [asking(next(numbers), place, name, tags) for name, tags in wishes]
        chosen = plan.take(group)
        now_left = [plan.pool.systems[number] for number in sorted(plan.left)]
        kept = [found for found in left if found not in now_left]
        assert [found for found in left if found not in kept] == now_left
        if suffices(group, left):
            assert set(chosen) == {recipe.id for recipe in group}
            assert all(fits(recipe, chosen[recipe.id]) for recipe in group)
            assert sorted(found.name for found in chosen.values()) == [found.name for found in kept]
        else:
            assert chosen == {}
            assert len(kept) == (len(match(group, left)) if suffices(group, there) else 0)
            # with what is kept and what is not free yet, it can begin
            later = [found for found in there if found not in left]
            assert not kept or suffices(group, kept + later)
        left = now_left


@given(LAB, SETS)
def test_takers(
    lab: list[tuple[frozenset[str], bool, bool, float | None]], sets: list[list[tuple[str, frozenset[str]]]]
) -> None:
    """Sets of which no recipe fits a free system can be left out: they take and keep nothing."""
    systems = [
        evolve(system(f"s{place}", tags), recipe=7 if busy else None, claimed_until=claim and NOW + claim)
        for place, (tags, _, busy, claim) in enumerate(lab)
    ]
    numbers = iter(range(100))
    groups = [[asking(next(numbers), place, name, tags) for name, tags in wishes] for place, wishes in enumerate(sets)]
    whole, quick = (
        Plan(systems, {}, NOW, claim_seconds=60, allowance=Allowance(Lab(LabHealth.ACTIVE, "", None), 0))
        for _ in range(2)
    )
    takers = quick.takers
    assert takers is not None
    for group in groups:
        some = any(fits(recipe, found) for recipe in group for found in takers)
        assert whole.take(group) == (quick.take(group) if some else {})
        assert whole.left == quick.left


@given(LAB, st.lists(st.tuples(NAMES, TAGS), max_size=6))
def test_free_alone(
    lab: list[tuple[frozenset[str], bool, bool, float | None]], wishes: list[tuple[str, frozenset[str]]]
) -> None:
    """Recipes that wait by themselves get the same whether the systems that are not free are known or not."""
    systems = [
        evolve(system(f"s{place}", tags), recipe=7 if busy else None, claimed_until=claim and NOW + claim)
        for place, (tags, _, busy, claim) in enumerate(lab)
    ]
    free = [found for found in systems if found.recipe is None and (found.claimed_until or 0) > NOW]
    whole, alone = (
        Plan(known, {}, NOW, claim_seconds=60, allowance=Allowance(Lab(LabHealth.ACTIVE, "", None), 0))
        for known in (systems, free)
    )
    for number, (name, tags) in enumerate(wishes):
        group = [asking(number, number, name, tags)]
        assert whole.take(group) == alone.take(group)


@given(st.lists(TAGS, max_size=6), st.lists(TAGS, max_size=6), st.lists(TAGS, max_size=6))
def test_extend(wishes: list[frozenset[str]], first: list[frozenset[str]], more: list[frozenset[str]]) -> None:
    """Looking among more systems leaves those taken that were, and finds as many as looking among all at once."""
    systems = [system(f"s{number}", tags) for number, tags in enumerate([*first, *more])]
    recipes = [asking(number, 1, None, tags) for number, tags in enumerate(wishes)]
    pool = Pool(systems)
    matching = Matching(pool, recipes, frozenset(range(len(first))))
    taken = matching.taken
    assert len(taken) == len(match(recipes, systems[: len(first)]))
    matching.extend(pool.places())
    assert taken <= matching.taken
    assert len(matching.taken) == len(matching.chosen()) == len(match(recipes, systems))


@pytest.mark.parametrize("kind", ["wide", "named", "narrow"])
def test_quick(kind: str) -> None:
    """Six sets of 500 that 500 free systems cannot do for, by one: found out in far less than a second."""
    systems = [
        system(f"n{place:03}", frozenset({f"t{place % 25}", *(["only"] if not place else [])})) for place in range(500)
    ]
    groups = []
    for group in range(6):
        wishes = {
            "wide": [asking(number, group, None, frozenset()) for number in range(498)],
            "named": [asking(number, group, f"n{number + 1:03}", frozenset()) for number in range(498)],
            "narrow": [asking(number, group, None, frozenset({f"t{number % 25}"})) for number in range(1, 499)],
        }[kind]
        twice = [asking(900, group, "n000", frozenset()), asking(901, group, None, frozenset({"only"}))]
        groups.append([*wishes, *twice])
    plan = Plan(systems, {}, NOW, claim_seconds=60, allowance=Allowance(Lab(LabHealth.ACTIVE, "", None), 0))
    begin = time.process_time()
    assert [plan.take(group) for group in groups] == [{}] * 6
    assert time.process_time() - begin < 1
    assert plan.left == plan.free
    assert plan.prospect(groups[0]) == (499, 500)
    assert len(plan.take(groups[0][:-1])) == 499
