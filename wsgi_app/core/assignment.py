"""Which recipe gets which system, and from when it runs there. Source: design.md section 6, What to run.

Whole recipe sets that wait are assigned, oldest first within priority, as soon as every recipe of the set has a free,
healthy system that fits (`plan`): when a job comes in, when a system claims, and when a stage of a job is settled.

A campaign's recipe gets the system that it names whether that has asked or not: it is reserved, and taken when its
harness asks or says something. A set starts when each of its recipes that is not finished was taken.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wsgi_app.core import lifecycle
from wsgi_app.core.access import Access, fresh_secret
from wsgi_app.core.allowance import load_allowance
from wsgi_app.core.change import Change, Ground
from wsgi_app.core.gateimage import first_image
from wsgi_app.core.plan import load_plan, plan_of_free
from wsgi_app.errors import Conflict, NoSuchSystem, SystemBusy
from wsgi_app.model import Caller, Recipe, System
from wsgi_app.states import RecipeStatus
from wsgi_app.store import campaigns, jobs, listing, queue, recipes, systems


def assign(change: Change, ground: Ground) -> None:
    """Give systems to the sets that wait, as far as free systems go; some are kept for sets that need more."""
    free = systems.free_systems(change.tx, change.now)
    if not (free and queue.any_for(change.tx, free)):
        return
    claim_seconds = ground.config.claim_seconds
    plan, whole = plan_of_free(change.tx, free, change.now, claim_seconds=claim_seconds), False
    for group in queue.assignable(change.tx, plan.takers):
        if len(group) > 1 and not whole:
            plan, whole = load_plan(change.tx, change.now, claim_seconds=claim_seconds), True
        given = plan.take(group)
        if given:
            _give_all(change, ground, [(recipe, given[recipe.id]) for recipe in group], taken=change.now)
        if not plan.left:
            return


def give(change: Change, ground: Ground, recipe: Recipe, system: System) -> None:
    """Give a queued recipe to a system: watchdog, directories, gate; the whole set may start with the last of them.

    Raises `Conflict` while the lab gives out nothing more.
    """
    refusal = load_allowance(change.tx).refusal(1)
    if refusal is not None:
        raise Conflict(refusal)
    _give_all(change, ground, [(recipe, system)], taken=change.now)
    members = [one.recipe for one in listing.load(change.tx, listing.members(recipe.recipe_set))]
    if sum(one.assigned is not None for one in members) == 1:
        for peer in members:
            if peer.status is RecipeStatus.QUEUED:
                change.recipe_event(peer, peers_placed=True)


def _give_all(
    change: Change,
    ground: Ground,
    pairs: Sequence[tuple[Recipe, System]],
    *,
    taken: float | None,
    watchdog: float | None = None,
) -> None:
    """Give queued recipes of one set to systems; `taken` None: they are reserved, until `watchdog`."""
    if watchdog is None:
        watchdog = change.now + ground.config.watchdog_seconds
    first = pairs[0][0]
    job = jobs.load_job_row(change.tx, first.job)
    for recipe, system in pairs:
        _give(change, ground, recipe, system, taken=taken, watchdog=watchdog)
        change.gate(recipe.id, *first_image(ground, job, system))
    lifecycle.start_set(change, first.recipe_set, told=[recipe.id for recipe, _ in pairs])
    lifecycle.refresh_set(change, first.recipe_set)
    lifecycle.refresh_job(change, first.job)


def _give(
    change: Change, ground: Ground, recipe: Recipe, system: System, *, taken: float | None, watchdog: float
) -> None:
    values: dict[str, Any] = {
        "system": system.name,
        "status": RecipeStatus.SCHEDULED,
        "assigned": change.now,
        "taken": taken,
        "watchdog": watchdog,
        "archive_secret": fresh_secret(),
    }
    recipes.update_recipe(change.tx, recipe.id, **values)
    systems.update_system(change.tx, system.name, recipe=recipe.id, last_recipe=recipe.id)
    if system.last_recipe is not None:
        # what it ran before may still take logs by key; its address speaks for the new recipe alone
        change.revoke_addresses(system.last_recipe)
    lifecycle.tell_given(change, system, recipe.id)
    change.recipe_event(recipe, status=RecipeStatus.SCHEDULED, system=system.name)
    # nobody has a right to it yet: what is there is of another recipe, in a database that was restored since
    ground.gate.clear(recipe.id)
    if taken is not None:
        _make_logs(change, ground, recipe.id)


def reserve(change: Change, ground: Ground, members: Sequence[Recipe]) -> None:
    """Reserve for the recipes of a campaign's set the systems that they name, all or none, until its acquire timeout.

    Raises `NoSuchSystem`, `SystemBusy`, `Conflict`; those are for `acquire` to find before.
    """
    lab = {system.name: system for system in systems.load_systems(change.tx)}
    found = [(recipe, _reservable(lab, recipe)) for recipe in members]
    if len({system.name for _, system in found}) < len(found):
        raise Conflict("a system is named twice")
    until = change.now + campaigns.load_plan(change.tx, members[0].job).acquire_timeout
    _give_all(change, ground, found, taken=None, watchdog=until)


def _reservable(lab: Mapping[str, System], recipe: Recipe) -> System:
    system = lab.get(recipe.system or "")
    if system is None:
        raise NoSuchSystem
    if system.recipe is not None:
        raise SystemBusy(f"{system.name} holds recipe {system.recipe}")
    if not system.health.usable:
        raise Conflict(f"{system.name} is {system.health}: {system.reason or 'no reason given'}")
    return system


def take(change: Change, ground: Ground, recipe: Recipe) -> None:
    """Note that the system of a reserved recipe runs it; its set starts with the last of them. Else nothing."""
    if not recipe.reserved:
        return
    until = change.now + ground.config.watchdog_seconds
    recipes.update_recipe(change.tx, recipe.id, taken=change.now, watchdog=until)
    _make_logs(change, ground, recipe.id)
    # who was there first has waited for the others, not hung
    recipes.live_until_all(change.tx, [peer.id for peer in queue.startable(change.tx, recipe.recipe_set)], until)
    if lifecycle.start_set(change, recipe.recipe_set, told=[recipe.id]):
        lifecycle.refresh_set(change, recipe.recipe_set)
        lifecycle.refresh_job(change, recipe.job)


def hear(
    change: Change,
    ground: Ground,
    access: Access,
    caller: Caller,
    number: int,
    load: Callable[[Change, int], Recipe] = lifecycle.recipe_of,
) -> Recipe:
    """Return a recipe of which its harness, its installer or an admin is about to say something: it is taken by that.

    Raises `NoSuchRecipe`, `Unauthenticated`, `Denied`.
    """
    recipe = load(change, number)
    access.require_harness(change.tx, caller, recipe.id)
    if not recipe.reserved:
        return recipe
    take(change, ground, recipe)
    return load(change, number)


def _make_logs(change: Change, ground: Ground, number: int) -> None:
    """Make a recipe's directories, and the logs that every task is going to have: it is about to be run."""
    recipe = lifecycle.recipe_of(change, number)
    ground.directories(recipe, ["logs", *(f"tasks/{task.id}/logs" for task in recipe.tasks)])
    for task in recipe.tasks:
        for name in ground.config.precreate:
            (ground.config.logs / str(recipe.id) / f"tasks/{task.id}/logs" / name).touch(mode=0o640)
