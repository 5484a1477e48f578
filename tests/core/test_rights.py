"""Rights that end: keys beyond the newest few, addresses that move, recipes that are settled; and time that ends."""

from typing import Any

import pytest
from attrs import evolve

from wsgi_app.core.access import MOST_KEYS, fresh_secret
from wsgi_app.errors import Conflict
from wsgi_app.model import Caller
from wsgi_app.states import RecipeStatus, SystemHealth, TaskStatus
from wsgi_app.submitted import NewRecipe, NewRecipeSet


def admits(bench: Any, recipe: int, secret: str) -> bool:
    """Whether a key opens the gate."""
    name = f"Bearer {secret}"
    caller = Caller(name, "192.0.2.200")
    admitted: bool = bench.gateway.access._ground.gate.admits(caller, recipe)
    return admitted


def test_no_secret_looks_like_an_option() -> None:
    """As `lavacli identities add --token` and others would take one that begins with a hyphen."""
    secrets = {fresh_secret() for _ in range(2000)}
    assert len(secrets) == 2000
    assert not any(secret.startswith("-") for secret in secrets)


def test_only_the_newest_keys_are_valid(bench: Any, one: NewRecipe) -> None:
    """Every claim makes a key; a harness that restarts for ever does not fill the gate."""
    recipe = bench.submit(NewRecipeSet((one,))).recipe_sets[0].recipes[0].id
    secrets = [bench.gateway.recipes.issue_key(bench.admin, recipe).secret for _ in range(MOST_KEYS + 3)]
    assert [admits(bench, recipe, secret) for secret in secrets] == [False] * 3 + [True] * MOST_KEYS
    assert len([name for name in (bench.config.gate / str(recipe)).iterdir() if name.name.startswith("key-")]) == 16


def test_an_address_that_moves_takes_its_right_along(bench: Any, one: NewRecipe) -> None:
    """The old address is shut out at once, the new one let in; after settling, neither has anything to do with it."""
    bench.gateway.systems.change(bench.admin, "a", address="192.0.2.1")
    recipe = bench.submit(NewRecipeSet((one,))).recipe_sets[0].recipes[0].id
    bench.gateway.recipes.issue_key(bench.admin, recipe)
    gate = bench.config.gate / str(recipe)
    assert (gate / "ip-192.0.2.1").exists()
    bench.gateway.systems.change(bench.admin, "a", address="192.0.2.2")
    assert not (gate / "ip-192.0.2.1").exists()
    assert (gate / "ip-192.0.2.2").exists()
    bench.gateway.recipes.abort(bench.admin, recipe, "enough")
    bench.gateway.recipes.settle(recipe)
    assert not (gate / "ip-192.0.2.2").exists()


def test_a_key_does_not_assign_what_may_not_be_assigned(bench: Any, one: NewRecipe) -> None:
    """Neither to a system in maintenance, nor before the earlier stage is settled."""
    job = bench.submit(NewRecipeSet((one,)), NewRecipeSet((evolve(one, system="b"),), stage=1))
    early = job.recipe_sets[1].recipes[0].id
    with pytest.raises(Conflict, match="stage"):
        bench.gateway.recipes.issue_key(bench.admin, early)
    bench.gateway.systems.change(bench.admin, "a", health=SystemHealth.MAINTENANCE, reason="new fan")
    with pytest.raises(Conflict, match="maintenance: new fan"):
        bench.gateway.recipes.issue_key(bench.admin, job.recipe_sets[0].recipes[0].id)


def test_max_seconds_ends_one_recipe_of_a_set(bench: Any, one: NewRecipe) -> None:
    """It is a limit that nobody extends: not the harness, and not a peer that is still alive."""
    job = bench.submit(NewRecipeSet((evolve(one, max_seconds=100), evolve(one, system="b"))))
    first, second = (recipe.id for recipe in job.recipe_sets[0].recipes)
    for recipe in (first, second):
        bench.gateway.recipes.issue_key(bench.admin, recipe)
        task = bench.recipe(recipe).tasks[0].id
        bench.gateway.tasks.update(bench.admin, recipe, task, status=TaskStatus.RUNNING)
        bench.gateway.watchdogs.set(bench.admin, recipe, 9999)
    bench.clock.now += 101
    assert bench.round() == 1
    assert bench.recipe(first).status is RecipeStatus.ABORTED
    assert bench.recipe(second).status is RecipeStatus.RUNNING


def test_a_claim_waits_until_the_set_is_whole(bench: Any, one: NewRecipe) -> None:
    """A system whose recipe has peers without systems gets it only when they have theirs."""
    job = bench.submit(NewRecipeSet((one, evolve(one, system="b"))))
    first, second = (recipe.id for recipe in job.recipe_sets[0].recipes)
    bench.gateway.recipes.issue_key(bench.admin, first)
    assert bench.gateway.systems.claim(bench.admin, "a", wait=0) is None
    bench.gateway.recipes.issue_key(bench.admin, second)
    assert bench.gateway.systems.claim(bench.admin, "a", wait=0).recipe.id == first


def test_late_settling_takes_the_address_away_too(bench: Any, one: NewRecipe) -> None:
    """The timer closes the gate and settles in one change: what it shows is of the settled recipe."""
    bench.gateway.systems.change(bench.admin, "a", address="192.0.2.1")
    recipe = bench.submit(NewRecipeSet((one,))).recipe_sets[0].recipes[0].id
    bench.gateway.recipes.issue_key(bench.admin, recipe)
    bench.gateway.recipes.abort(bench.admin, recipe, "enough")
    bench.clock.now += 60 + 30
    bench.gateway.recipes.close_logs()
    assert bench.recipe(recipe).settled
    assert not (bench.config.gate / str(recipe) / "ip-192.0.2.1").exists()


def test_every_system_event_says_state_and_health(bench: Any, one: NewRecipe) -> None:
    """Also those that wake a peer whose set has become whole."""
    job = bench.submit(NewRecipeSet((one, evolve(one, system="b"))))
    for recipe in job.recipe_sets[0].recipes:
        bench.gateway.recipes.issue_key(bench.admin, recipe.id)
    told = [event.data for event in bench.gateway.events.page(bench.admin, topics=["system"])]
    assert [data for data in told if "state" not in data or "health" not in data] == []


def test_the_claimed_key_is_not_pushed_out(bench: Any, one: NewRecipe) -> None:
    """However many keys people ask for, the harness that claimed the recipe keeps its own."""
    recipe = bench.submit(NewRecipeSet((one,))).recipe_sets[0].recipes[0].id
    harness = bench.claim("a")
    for _ in range(MOST_KEYS + 1):
        bench.gateway.recipes.issue_key(bench.admin, recipe)
    assert bench.put(harness, recipe, "still.log")
