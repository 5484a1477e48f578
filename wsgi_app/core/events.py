"""The outbox, as readers see it: every event once, in order; in pages, or as they happen."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence

from wsgi_app.core.access import Access
from wsgi_app.core.change import Ground
from wsgi_app.core.notifier import Place, Subject
from wsgi_app.core.tail import Tail
from wsgi_app.core.topics import TOPICS
from wsgi_app.errors import Invalid
from wsgi_app.model import Actor, Caller, Event
from wsgi_app.store import events
from wsgi_app.store.events import Batch, Told

#: what concerns those who wait for any event
ANY_EVENT = Subject("event", None)

#: events that a stream holds in memory at once
BATCH = 200


class Stream:
    """Events behind an id as they happen, in lists; an empty list says that there was none for a while.

    It says so at once when others want its place: whose client is gone is found out by sending something.

    It holds a waiter's place until it is closed. It ends when this process sends its waiters home, and raises what
    `Events.page` raises, as soon as the caller's token is no longer valid.
    """

    def __init__(self, place: Place, load: Callable[[int, bool], Batch], after: int, pause: float) -> None:
        """`load` returns what is behind an id, and looks into the database for it when it is told to."""
        self._place = place
        self._load = load
        self._pause = pause
        #: the id behind which it begins
        self.after = after

    def __iter__(self) -> Iterator[Sequence[Event]]:
        """Yield what there is, wait for more, and so on; nothing is held open meanwhile but the place."""
        reached = self.after
        heard = time.monotonic()
        # from the database at first, and whenever nobody has said that there is something new: it misses nothing
        thorough = True
        while self._place.clear():
            batch = self._load(reached, thorough)
            reached = batch.reached
            left = heard + self._pause - time.monotonic()
            if batch.events or left <= 0 or self._place.asked():
                yield batch.events
                heard = time.monotonic()
                thorough = batch.more
                # else a crowd of streams, all awake at each event, would have the process for itself
                self._place.rest()
            else:
                thorough = not self._place.wait(left)

    def close(self) -> None:
        """Give the place back."""
        self._place.leave()


class Events:
    """What happened."""

    def __init__(self, ground: Ground, access: Access, tail: Tail) -> None:
        self._ground = ground
        self._access = access
        self._tail = tail

    def page(self, caller: Caller, *, after: int = 0, limit: int = 100, topics: Collection[str] = ()) -> list[Event]:
        """Return events behind id `after`, oldest first, that the caller may see."""
        _check(topics)
        return list(self._load(caller, after, limit, topics).events)

    def follow(self, caller: Caller, *, after: int | None, topics: Collection[str] = (), pause: float) -> Stream:
        """Return the stream of events behind id `after` (None: from now on) that the caller may see.

        After `pause` seconds without any it says so. Raises `TooManyWaiters` when there is no place for it.
        """
        _check(topics)
        place = self._ground.notifier.enter([ANY_EVENT])
        try:
            start = self._begin(caller, after)
        except BaseException:
            place.leave()
            raise

        def load(reached: int, thorough: bool) -> Batch:
            told = None if thorough else self._tail.behind(reached)
            if told is None:
                return self._load(caller, reached, BATCH, topics)
            return self._choose(caller, told, topics) if told else Batch((), reached, more=False)

        return Stream(place, load, start, pause)

    def latest(self) -> int:
        """Return the id of the newest event, 0 when there is none."""
        with self._ground.read() as tx:
            return events.latest(tx)

    def _begin(self, caller: Caller, after: int | None) -> int:
        """Return the id behind which the caller's stream begins; raise when there is none for this caller."""
        with self._ground.read() as tx:
            self._access.actor(tx, caller)
            newest = events.latest(tx)
            # an id that is still to come was told by a database that was since restored from a copy: what that forgot
            # cannot be told any more, but what happens from now on can
            return newest if after is None else min(after, newest)

    def _load(self, caller: Caller, after: int, limit: int, topics: Collection[str]) -> Batch:
        with self._ground.read() as tx:
            actor = self._access.reader(tx, caller)
            return events.load_batch(
                tx,
                after=after,
                limit=limit,
                topics=topics,
                user=None if actor is None else actor.user,
                admin=actor is not None and actor.admin,
            )

    def _choose(self, caller: Caller, told: Sequence[Told], topics: Collection[str]) -> Batch:
        """Return what the caller may see of events that are known; who that is, is looked up anew."""
        actor = None
        if caller.authorization:
            with self._ground.read() as tx:
                actor = self._access.reader(tx, caller)
        wanted = [one.event for one in told if (not topics or one.event.topic in topics) and _visible(one, actor)]
        return Batch(tuple(wanted), told[-1].event.id, more=False)


def _visible(told: Told, actor: Actor | None) -> bool:
    return told.private_to is None or (actor is not None and (actor.admin or actor.user == told.private_to))


def _check(topics: Collection[str]) -> None:
    if not set(topics) <= set(TOPICS):
        raise Invalid(f"a topic is one of {', '.join(TOPICS)}", field="topic")
