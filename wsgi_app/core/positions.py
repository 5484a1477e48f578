"""How far those have come who must look at every event, whatever ends them in between."""

from wsgi_app.core.change import Ground
from wsgi_app.store import events, notifications


class Positions:
    """Ids of events, by the name of the reader that has come so far."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def begin(self, reader: str) -> int:
        """Return up to which event a reader has come; one that was never there has seen all there is."""
        with self._ground.read() as tx:
            newest = events.latest(tx)
            # an id that is still to come was told by a database that was since restored from a copy
            return min(notifications.reached(tx, reader) or newest, newest)

    def move(self, reader: str, event: int) -> None:
        """Note up to which event a reader has come."""
        with self._ground.change() as change:
            notifications.move(change.tx, reader, event)
