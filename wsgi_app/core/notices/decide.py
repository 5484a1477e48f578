"""From the outbox to deliveries: each transition of a recipe is looked at once, and whom to tell of it is decided.

What is decided depends on the event, not on when it is looked at: what was settled behind it counts as not settled.
Deliveries, the transitions that were decided, and how far the outbox was read are written in one transaction, so that
a process that is killed anywhere has done all of it or nothing.
"""

import hashlib
import logging
import threading

from attrs import define, field, frozen
from sqlalchemy import Connection

from wsgi_app.core.change import Ground
from wsgi_app.core.notices import baseline, dependencies
from wsgi_app.core.notices.criteria import JUDGED, met, moment, turned
from wsgi_app.core.notices.recipients import Target, targets
from wsgi_app.errors import Conflict, Invalid
from wsgi_app.model import Event
from wsgi_app.notification import Address, Draft, Method, Moment, Notify, Order, Verbosity
from wsgi_app.states import RecipeStatus
from wsgi_app.store import comparable, deliveries, notifications
from wsgi_app.store.comparable import Subject

#: the name of the position up to which events were looked at
READER = "notices"
#: the name of the newest recipe that there was when the database was restored from a backup
RESTORED = "restored"
#: why nobody is told of those: somebody may have been since the backup was made
NOT_KNOWN = "the database was restored: whether this was sent since the backup is not known"
#: events that say nothing to anybody are passed over without a word in the database, up to so many
PASSED_OVER = 10_000

_log = logging.getLogger(__name__)


@define
class _Found:
    """What is to be written of some events."""

    #: where the position stood, and where it is to stand
    start: int
    end: int
    drafts: list[Draft] = field(factory=list)
    told: dict[tuple[int, Moment], None] = field(factory=dict)


@frozen
class _Moment:
    """A transition of a recipe of a job that wants somebody to be told."""

    event: Event
    at: Moment
    status: RecipeStatus
    subject: Subject


class Notices:
    """Who is told of what."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        # for one thread at a time: two would do the same work
        self._lock = threading.Lock()
        #: up to where nothing is to be written, though the database may not say so
        self._passed = 0

    def decide(self, limit: int = 500) -> int:
        """Look at the next events, at most so many, and make the deliveries that follow; 0: there was nothing to see.

        Returns how far it came, in ids of events. For the one process that reads the outbox for this.
        """
        with self._lock:
            with self._ground.read() as tx:
                found = self._look(tx, limit)
            if found is None:
                return 0
            seen = found.end - max(found.start, self._passed)
            if found.told or found.end - found.start > PASSED_OVER:
                with self._ground.change() as change:
                    if notifications.reached(change.tx, READER) != found.start:
                        # somebody else did it meanwhile
                        self._passed = 0
                        return seen
                    deliveries.insert_drafts(change.tx, found.drafts, change.now)
                    notifications.note_told(change.tx, found.told)
                    notifications.move(change.tx, READER, found.end)
            self._passed = found.end
        if found.drafts:
            # whoever sends them waits for that
            self._ground.notifier.ring()
        return seen

    def _look(self, tx: Connection, limit: int) -> _Found | None:
        start = notifications.reached(tx, READER)
        after = max(start, self._passed)
        events, end = notifications.recipe_events(tx, after, limit)
        if end == after:
            return None
        found = _Found(start, end)
        asked = notifications.with_notify(tx, {event.job for event in events if event.job is not None})
        wanted = [event for event in events if event.job in asked]
        if not wanted:
            return found
        look = _Look(tx, self._ground.now(tx))
        for event in wanted:
            at, recipe = moment(event.data), event.data["id"]
            if at is None or (recipe, at) in found.told or notifications.was_told(tx, recipe, at):
                continue
            found.told[recipe, at] = None
            found.drafts += look.drafts(event, at)
        return found


class _Look:
    """One look at the database, for events that it holds."""

    def __init__(self, tx: Connection, now: float) -> None:
        self._tx = tx
        self._now = now
        self._notifies: dict[int, Notify | None] = {}
        self._addresses: dict[str, Address | None] = {}
        #: recipes that were settled behind an event, by that; each with the event that did
        self._later: dict[int, int] | None = None

    def drafts(self, event: Event, at: Moment) -> list[Draft]:
        """Return the deliveries that follow from an event."""
        subject = comparable.load_subject(self._tx, event.data["id"])
        if subject is None:
            return []
        one = _Moment(event, at, RecipeStatus(event.data["status"]), subject)
        try:
            notify = self._notify(subject.job)
        except Conflict as error:
            _log.error("job %s: %s", subject.job, error.message)
            return []
        if notify is None or not met(notify.criteria, at, one.status):
            return []
        try:
            if not self._so(notify, one):
                return []
            base = self._base(notify, one)
        except Invalid as error:
            # it was checked when the job came: this program knows less than the one that took it
            return [self._draft(target, notify, one, None, error.message) for target in self._targets(notify, one)]
        return [self._draft(target, notify, one, base, None) for target in self._targets(notify, one)]

    def _so(self, notify: Notify, one: _Moment) -> bool:
        """Return whether what the criteria say of other recipes is so."""
        criteria, later = notify.criteria, set[int]()
        if criteria.type is not None:
            later = self._settled_behind(one.event.id)
            found = baseline.newest(self._tx, one.subject, notify.compare, ends=JUDGED, later=later, now=self._now)
            return turned(criteria.type, None if found is None else found[1], one.status)
        if criteria.others is not None:
            later = self._settled_behind(one.event.id)
        return dependencies.all_there(self._tx, one.subject, criteria, time=one.event.time, later=later, now=self._now)

    def _base(self, notify: Notify, one: _Moment) -> int | None:
        """Return the recipe with which a mail compares this one."""
        mails = any(target.method is Method.EMAIL for target in self._targets(notify, one))
        if one.at is Moment.RUNNING or notify.verbosity is not Verbosity.VERBOSE or not mails:
            return None
        ends, later = (RecipeStatus.COMPLETED,), self._settled_behind(one.event.id)
        found = baseline.newest(self._tx, one.subject, notify.compare, ends=ends, later=later, now=self._now)
        return None if found is None else found[0]

    def _settled_behind(self, event: int) -> set[int]:
        if self._later is None:
            self._later = notifications.settled_behind(self._tx, event)
        return {recipe for recipe, told in self._later.items() if told > event}

    def _targets(self, notify: Notify, one: _Moment) -> list[Target]:
        subject = one.subject
        return targets(notify, owner=subject.owner, system_owner=subject.system_owner, address=self._address)

    def _draft(self, target: Target, notify: Notify, one: _Moment, base: int | None, refused: str | None) -> Draft:
        mail = target.method is Method.EMAIL
        blacklist = notify.compare.blacklist if mail and notify.compare is not None else ()
        verbosity = notify.verbosity if mail else Verbosity.QUIET
        order = Order(target.callback, verbosity, blacklist, base if mail else None, target.user)
        recipe = one.subject.recipe
        key = f"tr-{recipe}-{one.at}-{_digest(target)}"
        refused = refused or target.refused
        if recipe <= notifications.reached(self._tx, RESTORED):
            refused = refused or NOT_KNOWN
        job, owner = one.subject.job, one.subject.owner
        return Draft(key, recipe, job, owner, one.at, target.method, target.where, order, refused)

    def _notify(self, job: int) -> Notify | None:
        if job not in self._notifies:
            self._notifies[job] = notifications.load_notify(self._tx, job)
        return self._notifies[job]

    def _address(self, user: str) -> Address | None:
        if user not in self._addresses:
            self._addresses[user] = notifications.load_address(self._tx, user)
        return self._addresses[user]


def _digest(target: Target) -> str:
    """Return what tells this target of a transition from the others."""
    text = f"{target.method}\n{target.where}\n{target.place}"
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
