"""Whether the gate shows what the database says, seen from outside: some recipes at a time."""

import time
from collections.abc import Iterable

from wsgi_app.core.change import Change, Ground
from wsgi_app.core.gateimage import GateImage, image_of
from wsgi_app.model import Recipe
from wsgi_app.store import recipes

#: recipes that one look compares; the next look goes on behind them
AT_ONCE = 50
#: seconds until a difference counts: the gate follows the database a moment later
PATIENCE_SECONDS = 0.8
PAUSE_SECONDS = 0.1
#: seconds by which the timer may be late with what time closes
LATE_SECONDS = 10.0


class Drift:
    """Compares gates with the database; what was found wrong is looked at every time, until it is mended."""

    def __init__(self, ground: Ground, at_once: int = AT_ONCE) -> None:
        self._ground = ground
        self._at_once = at_once
        self._known: set[int] = set()
        self._behind = 0

    def look(self, patience: float = PATIENCE_SECONDS) -> list[int]:
        """Return recipes whose gate is not what the database says, for longer than that. Raises `Unavailable`."""
        with self._ground.read() as tx:
            window = recipes.unsettled_behind(tx, self._behind, self._at_once)
            # at the end it begins again
            self._behind = window[-1].id if len(window) == self._at_once else 0
            known = recipes.unsettled_of(tx, self._known - {recipe.id for recipe in window})
            differing = self._differing([*window, *known], Change(tx, self._ground.now(tx)))
        deadline = time.monotonic() + patience
        while differing and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
            with self._ground.read() as tx:
                differing = self._differing(recipes.unsettled_of(tx, differing), Change(tx, self._ground.now(tx)))
        self._known = differing
        return sorted(differing)

    def mend(self) -> None:
        """Make the gates that `look` finds what the database says. Raises `Unavailable`, `DiskFull`."""
        # made under the writer lock, it cannot be ahead of anybody: there is nothing to wait for
        if differing := self.look(0.0):
            GateImage(self._ground).rebuild_some(differing)

    def _differing(self, found: Iterable[Recipe], change: Change) -> set[int]:
        return {recipe.id for recipe in found if self._differs(recipe, change)}

    def _differs(self, recipe: Recipe, change: Change) -> bool:
        names = self._ground.gate.names(recipe.id)
        may = image_of(change, self._ground, recipe)
        if names == may:
            return False
        must = image_of(Change(change.tx, change.now - LATE_SECONDS), self._ground, recipe)
        return not must <= names <= may | must
