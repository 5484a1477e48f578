"""What awaits a job that is not submitted yet: which systems fit, and how long the queue is."""

from collections import Counter
from collections.abc import Sequence

from attrs import frozen
from sqlalchemy import Connection

from wsgi_app.core.change import Ground
from wsgi_app.core.lacking import lack_of
from wsgi_app.core.matching import Choice, Pool, Wish, wish_of
from wsgi_app.core.plan import Plan, load_plan
from wsgi_app.errors import NothingFits
from wsgi_app.states import SystemHealth
from wsgi_app.store import queue
from wsgi_app.store.systems import load_systems
from wsgi_app.submitted import NewJob, NewRecipeSet


@frozen
class Prospect:
    """Recipes of one set that ask for the same, and what there is for them: systems that fit, by how they are."""

    recipe_set: int  #: which set of the job, from 0
    recipes: int
    role: str | None
    wish: Wish
    systems: int
    healthy: int  #: of these, may be given work
    idle: int  #: of these, ask for work and have none
    ahead: int  #: sets that wait already and come first, for one of these systems at least
    reason: str | None  #: why they never get their systems as the lab is now; None: they will


@frozen
class Advice:
    """A job that would be taken, and what awaits its recipes; nothing of a campaign, whose targets come later."""

    job: NewJob
    prospects: tuple[Prospect, ...]


def advise(tx: Connection, ground: Ground, new: NewJob) -> Advice:
    """Return what awaits a job if it is submitted now."""
    if not new.recipe_sets:
        return Advice(new, ())
    advisor = _Advisor(
        load_plan(tx, ground.now(tx), claim_seconds=ground.config.claim_seconds),
        [(number, Wish(system, kind, tags)) for number, system, kind, tags in queue.wishes_before(tx, new.priority)],
    )
    found = (one for place, group in enumerate(new.recipe_sets) for one in advisor.prospects(place, group))
    return Advice(new, tuple(found))


def require_fitting(tx: Connection, new: NewJob) -> None:
    """Raise `NothingFits` unless the lab has systems for the recipes of each set, however they are at the moment."""
    systems = [system for system in load_systems(tx) if system.health is not SystemHealth.RETIRED]
    pool = Pool(systems)
    for group in new.recipe_sets:
        for recipe in group.recipes:
            lack = lack_of(pool, wish_of(recipe), "system")
            if lack is not None:
                raise NothingFits(lack, field=recipe.place or None)
        few = _too_few(pool, [wish_of(recipe) for recipe in group.recipes], "system")
        if few is not None:
            raise NothingFits(few)


class _Advisor:
    """The lab at one moment, and which sets wait for what."""

    def __init__(self, plan: Plan, waiting: Sequence[tuple[int, Wish]]) -> None:
        self._plan = plan
        self._all = Pool(system for system in plan.lab if system.health is not SystemHealth.RETIRED)
        self._waiting = waiting
        self._rivals: dict[Wish, int] = {}

    def prospects(self, place: int, group: NewRecipeSet) -> list[Prospect]:
        """Return what there is for the recipes of a set."""
        wishes = [wish_of(recipe) for recipe in group.recipes]
        few = _too_few(self._plan.pool, wishes, "healthy system")
        counts = Counter((wish, recipe.role) for wish, recipe in zip(wishes, group.recipes, strict=True))
        found = []
        for (wish, role), recipes in counts.items():
            healthy = self._plan.pool.fitting(wish)
            found.append(
                Prospect(
                    recipe_set=place,
                    recipes=recipes,
                    role=role,
                    wish=wish,
                    systems=len(self._all.fitting(wish)),
                    healthy=len(healthy),
                    idle=len(healthy & self._plan.free),
                    ahead=self._ahead(wish),
                    reason=self._reason(wish) or few or self._refusal(len(wishes)),
                )
            )
        return found

    def _reason(self, wish: Wish) -> str | None:
        lack = lack_of(self._all, wish, "system")
        if lack is not None or self._plan.pool.fitting(wish):
            return lack
        unfit = [self._all.systems[place] for place in self._all.fitting(wish)]
        if len(unfit) > 1:
            return f"none of the {len(unfit)} systems that fit is healthy"
        return f"system {unfit[0].name} is {unfit[0].health}" + (f": {unfit[0].reason}" if unfit[0].reason else "")

    def _refusal(self, recipes: int) -> str | None:
        allowance = self._plan.allowance
        return allowance.refusal(recipes) if allowance.closed or not allowance.ever(recipes) else None

    def _ahead(self, wish: Wish) -> int:
        found = self._rivals.get(wish)
        if found is None:
            mine = self._plan.pool.fitting(wish)
            found = len({group for group, other in self._waiting if mine & self._plan.pool.fitting(other)})
            self._rivals[wish] = found
        return found


def _too_few(pool: Pool, wishes: Sequence[Wish], kind: str) -> str | None:
    """Return that there are not enough systems for all wishes at the same time, or None."""
    can = len(Choice(pool, wishes, pool.places()).taken)
    if can == len(wishes):
        return None
    return f"only {can} of {len(wishes)} recipes can have a {kind} at the same time"
