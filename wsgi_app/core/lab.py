"""The lab itself: whether it gives out work, and how much. What runs goes on in any case."""

from typing import Any

from attrs import evolve, frozen

from wsgi_app.core import access, heartbeat
from wsgi_app.core.access import Access
from wsgi_app.core.change import Ground
from wsgi_app.core.dispatch import dispatch
from wsgi_app.errors import Invalid
from wsgi_app.model import Caller, Lab
from wsgi_app.states import SystemHealth
from wsgi_app.store import lab
from wsgi_app.store.systems import load_systems


@frozen
class LabSeen:
    """The lab at one moment."""

    lab: Lab
    #: when the controller's timer last gave a sign of life, None when it does not run, or hangs
    heard: float | None
    #: names of the systems that are not retired
    systems: tuple[str, ...]


class TheLab:
    """The lab that this controller is for."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access

    def get(self) -> Lab:
        """Return it as it is."""
        with self._ground.read() as tx:
            return lab.load_lab(tx)

    def look(self) -> LabSeen:
        """Return it with its systems, and whether it is alive."""
        beat = heartbeat.last(self._ground.config.run / heartbeat.TIMER)
        heard = None if beat is None or beat.stale else self._ground.clock() - beat.age
        with self._ground.read() as tx:
            there = [one.name for one in load_systems(tx) if one.health is not SystemHealth.RETIRED]
            return LabSeen(lab.load_lab(tx), heard, tuple(there))

    def change(self, caller: Caller, **values: Any) -> Lab:
        """Change health, description or `most_recipes` (admins only), and give out what may be given now."""
        with self._ground.change() as change:
            self._access.require(change.tx, caller, access.ADMIN)
            before = lab.load_lab(change.tx)
            changed: Lab = evolve(before, **values)
            if changed.most_recipes is not None and changed.most_recipes < 1:
                raise Invalid("most_recipes is at least 1, or null: as many as there are systems", field="most_recipes")
            if changed != before:
                lab.update_lab(change.tx, **values)
                was = {} if changed.health is before.health else {"health": before.health}
                change.event("lab", None, health=changed.health, was=was)
                dispatch(change, self._ground)
            return changed
