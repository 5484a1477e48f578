"""The queue: which recipe sets wait for systems, in which order, and why each waits."""

from collections.abc import Sequence

from attrs import frozen

from wsgi_app.core.access import Access
from wsgi_app.core.change import Ground
from wsgi_app.core.matching import fits, match
from wsgi_app.model import Caller, Job, Recipe, System
from wsgi_app.states import SystemHealth
from wsgi_app.store import jobs, recipes, systems


@frozen
class Waiting:
    """A recipe set that waits: its job, those of its recipes that have no system, and why."""

    job: Job
    recipe_set: int
    recipes: tuple[Recipe, ...]
    reason: str


@frozen
class Place:
    """A place in the queue: higher priority first, then lower set id."""

    priority: int
    recipe_set: int


class Queue:
    """What waits for systems."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access

    def page(
        self, caller: Caller, *, job: int | None = None, after: Place | None = None, limit: int = 100
    ) -> list[Waiting]:
        """Return the sets that wait, of jobs that the caller may see, in the order in which they get systems."""
        with self._ground.read() as tx:
            actor = self._access.actor(tx, caller)
            visible = jobs.visible_to(None if actor is None else actor.user, admin=actor is not None and actor.admin)
            place = None if after is None else (after.priority, after.recipe_set)
            groups = recipes.queued_sets(tx, visible, job=job, after=place, limit=limit)
            lab = Lab(systems.load_systems(tx), self._ground.clock())
            return [
                Waiting(
                    jobs.load_job_row(tx, group[0].job),
                    group[0].recipe_set,
                    tuple(group),
                    lab.reason(group) if recipes.is_due(tx, group[0]) else "an earlier stage of its job is not settled",
                )
                for group in groups
            ]


_HEALTH = {SystemHealth.BAD: "broken", SystemHealth.MAINTENANCE: "in maintenance"}


class Lab:
    """All systems as they are at one moment; says why recipes get none of them."""

    def __init__(self, everything: Sequence[System], now: float) -> None:
        self._systems = everything
        self._healthy = [system for system in everything if system.health.usable]
        self._free = [system for system in self._healthy if system.recipe is None and (system.claimed_until or 0) > now]

    def reason(self, group: Sequence[Recipe]) -> str:
        """Return, in a few words, why these recipes of one set have no systems."""
        for recipe in group:
            lack = self._lack(recipe)
            if lack is not None:
                return lack
        matched = match(group, self._free)
        if len(matched) == len(group):
            return "systems are free: it is about to get them"
        if len(group) > 1:
            return f"set needs {len(group)} systems, {len(matched)} free"
        return self._busy(group[0])

    def _lack(self, recipe: Recipe) -> str | None:
        """Return what no healthy system of this lab has, or None when one would do."""
        if any(fits(recipe, system) for system in self._healthy):
            return None
        if recipe.system is not None:
            return self._lack_of(recipe.system, recipe)
        if not self._healthy:
            return "no system is healthy"
        kind, tags = recipe.requires.type, recipe.requires.tags
        if kind is not None and kind not in {system.type for system in self._healthy}:
            return f"no healthy system has type {kind}"
        known = {tag for system in self._healthy for tag in system.tags}
        for tag in tags:
            if tag not in known:
                return f"no healthy system has tag {tag}"
        wishes = [*([f"type {kind}"] if kind else []), *(f"tag {tag}" for tag in tags)]
        return f"no healthy system has {' and '.join(wishes)} together"

    def _lack_of(self, name: str, recipe: Recipe) -> str:
        """Return why the one system that a recipe names will not do."""
        system = next((system for system in self._systems if system.name == name), None)
        if system is None:
            return f"there is no system {name} any more"
        if not system.health.usable:
            return f"system {name} is {_HEALTH[system.health]}" + (f": {system.reason}" if system.reason else "")
        if recipe.requires.type not in (None, system.type):
            return f"system {name} does not have type {recipe.requires.type}"
        lacking = [tag for tag in recipe.requires.tags if tag not in system.tags]
        return f"system {name} does not have tag {lacking[0]}"

    def _busy(self, recipe: Recipe) -> str:
        fitting = [system for system in self._healthy if fits(recipe, system)]
        running = [system for system in fitting if system.recipe is not None]
        if len(fitting) == 1:
            [system] = fitting
            if running:
                return f"system {system.name} runs recipe {system.recipe}"
            return f"system {system.name} is offline: it does not ask for work"
        words = [f"{len(running)} busy"] if running else []
        words += [f"{len(fitting) - len(running)} offline"] if len(running) < len(fitting) else []
        return f"of {len(fitting)} healthy systems that fit, {' and '.join(words)}"
