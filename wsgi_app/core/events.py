"""The outbox, as readers see it: every event once, in order."""

from wsgi_app.core.access import Access
from wsgi_app.core.change import Ground
from wsgi_app.errors import Invalid
from wsgi_app.model import Caller, Event
from wsgi_app.store import events

TOPICS = ("job", "recipe", "task", "result", "log", "system", "sync", "message")


class Events:
    """What happened."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access

    def page(self, caller: Caller, *, after: int = 0, limit: int = 100, topics: list[str] | None = None) -> list[Event]:
        """Return events behind id `after`, oldest first, that the caller may see."""
        unknown = set(topics or ()) - set(TOPICS)
        if unknown:
            raise Invalid(f"a topic is one of {', '.join(TOPICS)}", field="topic")
        with self._ground.read() as tx:
            actor = self._access.actor(tx, caller)
            return events.load_events(
                tx,
                after=after,
                limit=limit,
                topics=topics or [],
                user=None if actor is None else actor.user,
                admin=actor is not None and actor.admin,
            )

    def latest(self) -> int:
        """Return the id of the newest event, 0 when there is none."""
        with self._ground.read() as tx:
            return events.latest(tx)
