"""The queue: which recipe sets wait for systems, in which order, and why each waits."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from attrs import frozen
from sqlalchemy import Connection

from wsgi_app.core.access import Access
from wsgi_app.core.change import Ground
from wsgi_app.core.lacking import lack_of, unlike
from wsgi_app.core.matching import Matching, wish_of
from wsgi_app.core.plan import Plan, load_plan
from wsgi_app.model import Caller, Job, Recipe
from wsgi_app.states import SystemHealth
from wsgi_app.store import jobs
from wsgi_app.store import queue as store


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
            actor = self._access.reader(tx, caller)
            visible = jobs.visible_to(None if actor is None else actor.user, admin=actor is not None and actor.admin)
            place = None if after is None else (after.priority, after.recipe_set)
            groups = store.queued_sets(tx, visible, job=job, after=place, limit=limit)
            reasons = self._reasons(tx, {group[0].recipe_set for group in groups})
            return [
                Waiting(
                    jobs.load_job_row(tx, group[0].job),
                    group[0].recipe_set,
                    tuple(group),
                    reasons.get(group[0].recipe_set, "an earlier stage of its job is not settled"),
                )
                for group in groups
            ]

    def _reasons(self, tx: Connection, wanted: AbstractSet[int]) -> dict[int, str]:
        """Return why each of these sets has no systems, but for those whose stage has not come.

        What one set gets or keeps depends on all before it, also those that the caller may not see.
        """
        plan = load_plan(tx, self._ground.now(tx), claim_seconds=self._ground.config.claim_seconds)
        reasons: dict[int, str] = {}
        for group in store.assignable(tx, plan.takers, also=wanted):
            if len(reasons) == len(wanted):
                break
            left = plan.left
            given = plan.take(group)
            if group[0].recipe_set in wanted:
                refusal = None if given else plan.allowance.refusal(len(group))
                reasons[group[0].recipe_set] = _IS_GIVEN if given else refusal or Lab(plan, left).reason(group)
        return reasons


_HEALTH = {SystemHealth.BAD: "broken", SystemHealth.MAINTENANCE: "in maintenance", SystemHealth.RETIRED: "retired"}
_IS_GIVEN = "systems are free: it is about to get them"


class Lab:
    """All systems as they are when a set's turn comes; says why its recipes get none of them."""

    def __init__(self, plan: Plan, left: frozenset[int]) -> None:
        """`left`: the free systems that no set before has been given or keeps."""
        self._plan = plan
        self._pool = plan.pool
        self._left = left

    def reason(self, group: Sequence[Recipe]) -> str:
        """Return, in a few words, why these recipes of one set have no systems."""
        for recipe in group:
            lack = self._lack(recipe)
            if lack is not None:
                return lack
        can, all_of_them = self._plan.prospect(group)
        if can < all_of_them:
            return f"only {can} of its {all_of_them} recipes can have a healthy system at the same time"
        free = len(Matching(self._pool, group, self._plan.free).taken)
        if free == len(group):
            return self._kept(group)
        if len(group) == 1:
            return self._busy(group[0])
        text = f"set needs {len(group)} systems, {free} free"
        lost = free - len(Matching(self._pool, group, self._left).taken)
        return f"{text}, {lost} of them kept for sets before it" if lost else text

    def _kept(self, group: Sequence[Recipe]) -> str:
        """Return how many systems it could have if they were not for others."""
        fitting = frozenset[int]().union(*(self._pool.fitting(wish_of(recipe)) for recipe in group))
        kept = len(fitting & (self._plan.free - self._left))
        return f"{kept} free system{' is' if kept == 1 else 's are'} kept for sets before it"

    def _lack(self, recipe: Recipe) -> str | None:
        """Return what no healthy system of this lab has, or None when one would do."""
        wish = wish_of(recipe)
        if wish.system is None:
            return lack_of(self._pool, wish, "healthy system") if self._pool.systems else "no system is healthy"
        if self._pool.fitting(wish):
            return None
        system = next((system for system in self._plan.lab if system.name == wish.system), None)
        if system is None:
            return f"there is no system {wish.system} any more"
        if not system.health.usable:
            return f"system {wish.system} is {_HEALTH[system.health]}" + (f": {system.reason}" if system.reason else "")
        return unlike(system, wish)

    def _busy(self, recipe: Recipe) -> str:
        fitting = [self._pool.systems[place] for place in self._pool.fitting(wish_of(recipe))]
        running = [system for system in fitting if system.recipe is not None]
        if len(fitting) == 1:
            [system] = fitting
            if running:
                verb = "runs" if self._plan.runs(system) else "is reserved for"
                return f"system {system.name} {verb} recipe {system.recipe}"
            return f"system {system.name} is offline: it does not ask for work"
        words = [f"{len(running)} busy"] if running else []
        words += [f"{len(fitting) - len(running)} offline"] if len(running) < len(fitting) else []
        return f"of {len(fitting)} healthy systems that fit, {' and '.join(words)}"
