"""Which set gets which systems, set by set in their order. Source: design.md section 6, decision 0013.

What is given out follows it, and so does what the queue says: they cannot differ.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from sqlalchemy import Connection

from wsgi_app.core.allowance import Allowance, load_allowance
from wsgi_app.core.matching import Matching, Pool
from wsgi_app.model import Recipe, System
from wsgi_app.store import queue, systems


class Plan:
    """The healthy systems at one moment, and what is left of them for the sets that come next."""

    def __init__(
        self,
        lab: Sequence[System],
        held: Mapping[int, AbstractSet[str]],
        now: float,
        *,
        claim_seconds: float,
        allowance: Allowance,
        reserved: AbstractSet[int] = frozenset(),
    ) -> None:
        """`held`: which systems belong to a set that still waits for others, by set.

        `reserved`: recipes that have systems which have not asked for them.
        """
        self.lab = lab
        self.allowance = allowance
        healthy = [system for system in lab if system.health.usable]
        self.pool = Pool(healthy)
        self._held = held
        #: the systems that are free, by their places in the pool; and those of them that no set has been given or keeps
        self.free = frozenset(place for place, system in enumerate(healthy) if _is_free(system, now))
        self.left = self.free
        self._reserved = reserved
        # a system that has just ended a recipe, or is between two claims, is not free, and there all the same
        self._present = frozenset(
            place
            for place, system in enumerate(healthy)
            if self.runs(system) or (system.claimed_until or 0) + claim_seconds > now
        )

    def runs(self, system: System) -> bool:
        """Return whether a system has a recipe, and is there: one that is only reserved may never have been."""
        return system.recipe is not None and system.recipe not in self._reserved

    @property
    def takers(self) -> list[System] | None:
        """The free systems: sets of which no recipe fits one of them take and keep nothing. None: any set may.

        Where the lab has a limit, a set that it holds up keeps all that is free.
        """
        if self.allowance.lab.most_recipes is not None:
            return None
        return [self.pool.systems[place] for place in sorted(self.free)]

    def take(self, group: Sequence[Recipe]) -> dict[int, System]:
        """Return a system for each of the waiting recipes of the next set, or nothing; by recipe id.

        A set that could have all its systems from those that are there keeps what is free of them: they are no longer
        left for sets behind it. One that only the lab's limit holds up keeps all: smaller ones would pass it for ever.
        """
        if self.allowance.refusal(len(group)) is not None:
            if self.allowance.ever(len(group)):
                self.left = frozenset()
            return {}
        reach = self._present - self._own(group)
        if not self.left or not self.pool.may_suffice(group, reach):
            return {}
        matching = Matching(self.pool, group, self.left)
        taken = matching.taken
        if matching.complete:
            self.left -= taken
            self.allowance.held += len(group)
            return matching.chosen()
        if taken:
            matching.extend(reach)
            if matching.complete:
                self.left -= taken
        return {}

    def prospect(self, group: Sequence[Recipe]) -> tuple[int, int]:
        """Return how many recipes of a set can have healthy systems together, and how many it has.

        Recipes that have their systems already count; what the systems do at the moment does not.
        """
        having = len(self._held.get(group[0].recipe_set, ()))
        matching = Matching(self.pool, group, self.pool.places() - self._own(group))
        return having + len(matching.taken), having + len(group)

    def _own(self, group: Sequence[Recipe]) -> frozenset[int]:
        """The systems that other recipes of the set hold: they are not freed before all have theirs."""
        names = self._held.get(group[0].recipe_set)
        if names is None:
            return frozenset()
        return frozenset(place for place, system in enumerate(self.pool.systems) if system.name in names)


def load_plan(tx: Connection, now: float, *, claim_seconds: float) -> Plan:
    """Return the plan as it is before the first set."""
    return Plan(
        systems.load_systems(tx),
        queue.held_systems(tx),
        now,
        claim_seconds=claim_seconds,
        allowance=load_allowance(tx),
        reserved=queue.reserved(tx),
    )


def plan_of_free(tx: Connection, free: Sequence[System], now: float, *, claim_seconds: float) -> Plan:
    """Return the plan as it is before the first set, of the free systems alone.

    One recipe that waits gets one of them or nothing, and keeps none: for that, the others need not be known.
    """
    return Plan(free, {}, now, claim_seconds=claim_seconds, allowance=load_allowance(tx))


def _is_free(system: System, now: float) -> bool:
    """Return whether a system has said lately that it is free."""
    return system.recipe is None and (system.claimed_until or 0) > now
