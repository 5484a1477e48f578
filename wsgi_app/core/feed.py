"""The outbox as publishers read it: whole, in order, whoever may see what; they look at that for each of their readers.

Source: design.md section 6, Events.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from wsgi_app.core.bell import Bell, Ear
from wsgi_app.core.change import Ground
from wsgi_app.store import events
from wsgi_app.store.events import Told

#: events that are read at once
BATCH = 500


class Feed:
    """Every event, and when there are new ones. None of it may be told to anybody without a look at `private_to`."""

    def __init__(self, ground: Ground, bell: Bell) -> None:
        self._ground = ground
        self._bell = bell

    def after(self, reached: int, limit: int = BATCH) -> Sequence[Told]:
        """Return at most `limit` events behind an id, oldest first. Raises what a database that cannot be read does."""
        with self._ground.read() as tx:
            return events.load_behind(tx, after=reached, limit=limit)

    def latest(self) -> int:
        """Return the id of the newest event, 0 when there is none."""
        with self._ground.read() as tx:
            return events.latest(tx)

    def before(self, time: float) -> int:
        """Return the id of the newest event that was told before a time (seconds since the epoch), 0 for none."""
        with self._ground.read() as tx:
            return events.latest_before(tx, time)

    @contextmanager
    def listen(self) -> Iterator[Ear]:
        """Hear what is committed from now on, by whatever process."""
        with self._bell.listen() as ear:
            yield ear
