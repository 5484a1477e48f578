"""What events are about, for publishers: they look at who may know of it for each of their readers.

Source: design.md section 6, Events.
"""

from collections.abc import Collection, Mapping

from attrs import frozen

from wsgi_app.core.change import Ground
from wsgi_app.model import Lab, System, Worker
from wsgi_app.store import cases, events, lab, listing, systems, workers
from wsgi_app.store.listing import Listed

#: recipes that are not settled, of which a whole scene tells; those that wait longest for a system are left out
MOST_LIVE = 5000


@frozen
class Around:
    """Recipes, systems and workers as they are now; what is gone is missing."""

    recipes: Mapping[int, Listed]
    systems: Mapping[str, System]
    workers: Mapping[str, Worker]


@frozen
class Whole:
    """The lab at one moment."""

    #: the newest event that was told by then, 0 for none, and when that was
    reached: int
    time: float
    lab: Lab
    systems: tuple[System, ...]
    workers: tuple[Worker, ...]
    #: first those that are not settled, in order of id, then others, the newest end first
    recipes: tuple[Listed, ...]
    #: those that systems hold, by id
    held: Mapping[int, Listed]


class Scene:
    """What there is, whoever asks. None of it may be told to anybody without a look at a job's visibility."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def around(self, numbers: Collection[int], names: Collection[str]) -> Around:
        """Return recipes by id, systems and their workers by name."""
        with self._ground.read() as tx:
            listed = listing.load(tx, cases.these(numbers)) if numbers else []
            return Around(
                {one.recipe.id: one for one in listed},
                {system.name: system for system in systems.load_named(tx, names)},
                workers.load_named(tx, list(names), self._ground.now(tx)) if names else {},
            )

    def whole(self, settled_since: float, most_settled: int) -> Whole:
        """Return all of it, of settled recipes only those that ended since a time (seconds since the epoch)."""
        with self._ground.read() as tx:
            reached = events.latest(tx)
            last = events.load_behind(tx, after=reached - 1, limit=1) if reached else []
            wanted = [*listing.live(tx, MOST_LIVE), *listing.ended(tx, settled_since, most_settled)]
            there = systems.load_systems(tx)
            known = {one.recipe.id: one for one in wanted}
            held = {system.recipe for system in there if system.recipe is not None}
            return Whole(
                reached,
                last[0].event.time if last else 0.0,
                lab.load_lab(tx),
                tuple(there),
                tuple(workers.load_workers(tx, self._ground.now(tx))),
                tuple(wanted),
                {number: known[number] for number in held if number in known},
            )
