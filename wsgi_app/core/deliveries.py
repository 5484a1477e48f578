"""Deliveries: what is to be sent to whom outside, what came of it, and once more.

`notices` makes them, senders of the publisher take what is due and say how each attempt has ended; people list them and
have them sent again. Source: readers-lava.md sections 10.2 and 11.3.
"""

import random
import re
import secrets
from collections.abc import Collection, Mapping, Sequence

from attrs import evolve
from sqlalchemy import Connection

from wsgi_app.core.access import Access
from wsgi_app.core.change import Change, Ground
from wsgi_app.core.notices import check
from wsgi_app.errors import Conflict, DeliveryWaiting, Invalid, NoSuchDelivery
from wsgi_app.model import Actor, Caller
from wsgi_app.notification import (
    Attempt,
    Callback,
    Delivery,
    DeliveryState,
    Draft,
    Ended,
    Method,
    Moment,
    Order,
    Outcome,
)
from wsgi_app.store import deliveries

#: seconds until the second attempt, where no setting says it; each wait is twice the one before, give or take a
#: quarter, and none is longer
FIRST_WAIT = 10.0
LONGEST_WAIT = 3600.0
JITTER = 0.25
#: seconds for which what is over is kept, and how many deliveries at most
KEPT_SECONDS = 90 * 86400.0
MOST_KEPT = 100_000
#: what the key of a delivery that repeats another ends in
_COPY = re.compile(r"-r\d+\Z")
#: rows that are forgotten in one transaction
_AT_ONCE = 500
#: characters of a reason
_LONGEST_REASON = 1000


class Deliveries:
    """What is sent to receivers outside."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access

    # for senders

    def due(self, limit: int, *, without: Collection[int] = ()) -> list[Delivery]:
        """Return what is to be sent now, the longest due first, but those (ids), which somebody has in hand."""
        with self._ground.read() as tx:
            return deliveries.load_due(tx, self._ground.now(tx), limit, frozenset(without))

    def next_due(self, *, without: Collection[int] = ()) -> float | None:
        """Return when something is to be sent next (seconds since the epoch), None: nothing waits."""
        with self._ground.read() as tx:
            return deliveries.next_due(tx, frozenset(without))

    def ended(self, attempts: Sequence[Ended]) -> None:
        """Note how attempts have ended: one that failed is made again later, and in the end no more."""
        with self._ground.change() as change:
            found = deliveries.load_numbered(change.tx, {attempt.delivery for attempt in attempts})
            for attempt in attempts:
                delivery = found.get(attempt.delivery)
                if delivery is not None:
                    found[delivery.id] = self._note(change, delivery, attempt)

    def unfinished(self) -> list[Delivery]:
        """Return all that wait."""
        with self._ground.read() as tx:
            return deliveries.load_waiting(tx)

    def by_keys(self, keys: Collection[str]) -> dict[str, Delivery]:
        """Return the deliveries of these keys, those that there are."""
        with self._ground.read() as tx:
            return deliveries.load_keyed(tx, keys)

    def give_up(self, reasons: Mapping[int, str]) -> None:
        """Note of deliveries that wait why they are not sent: whether they were before is not known."""
        with self._ground.change() as change:
            found = deliveries.load_numbered(change.tx, reasons)
            for number, reason in reasons.items():
                delivery = found.get(number)
                if delivery is not None and delivery.state is DeliveryState.WAITING:
                    self._note(change, delivery, Ended(number, change.now, 0.0, Outcome.UNKNOWN, reason))

    def counts(self) -> dict[DeliveryState, int]:
        """Return how many deliveries there are in each state."""
        with self._ground.read() as tx:
            return deliveries.count_states(tx)

    def sweep(self) -> int:
        """Forget what has been over for `KEPT_SECONDS`, and the oldest beyond `MOST_KEPT`; return how many."""
        gone = 0
        while True:
            with self._ground.change() as change:
                before = change.now - KEPT_SECONDS
                part = deliveries.forget(change.tx, before=before, keep=MOST_KEPT, limit=_AT_ONCE)
            gone += part
            if part < _AT_ONCE:
                return gone

    # for people

    def page(
        self,
        caller: Caller,
        *,
        states: Collection[DeliveryState] = (),
        methods: Collection[Method] = (),
        recipe: int | None = None,
        job: int | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> list[Delivery]:
        """Return deliveries, newest first, those before id `after` when it is not 0: an admin's all, else one's own."""
        with self._ground.read() as tx:
            actor = self._access.require(tx, caller, "read")
            owner = None if actor.admin else actor.user
            where = deliveries.chosen(owner=owner, states=states, methods=methods, recipe=recipe, job=job)
            return deliveries.load_page(tx, where, after=after, limit=limit)

    def get(self, caller: Caller, number: int) -> Delivery:
        """Return a delivery (its owner and admins). Raises `NoSuchDelivery`."""
        with self._ground.read() as tx:
            return _own(tx, self._access.require(tx, caller, "read"), number)

    def attempts(self, caller: Caller, number: int) -> list[Attempt]:
        """Return the attempts at a delivery, in their order (its owner and admins). Raises `NoSuchDelivery`."""
        with self._ground.read() as tx:
            _own(tx, self._access.require(tx, caller, "read"), number)
            return deliveries.load_attempts(tx, number)

    def redeliver(self, caller: Caller, number: int) -> Delivery:
        """Send once more what is over, as a delivery of its own with another key (its owner and admins).

        Raises `NoSuchDelivery`, `DeliveryWaiting`; `Conflict` where there is nowhere to send it.
        """
        with self._ground.change() as change:
            actor = self._access.require(change.tx, caller, "submit")
            found = _own(change.tx, actor, number)
            if found.state is DeliveryState.WAITING:
                raise DeliveryWaiting
            _require_target(found)
            key = _COPY.sub("", found.key)
            number = deliveries.copies(change.tx, key) + 1
            made = self._send(
                change,
                Draft(
                    f"{key}-r{number}",
                    found.recipe,
                    found.job,
                    found.owner,
                    found.transition,
                    found.method,
                    found.target,
                    found.order,
                    copy_of=found.id,
                ),
            )
        self._ground.notifier.ring()
        return made

    def test(self, caller: Caller, method: Method, target: str, callback: Callback | None = None) -> Delivery:
        """Send a message that says that it is a test, and return its delivery (scope submit). Raises `Invalid`.

        `target`: a mail address, or HANDLE@SERVER; of a callback its URL, and `callback` says how.
        """
        if method is Method.CALLBACK:
            callback = evolve(callback or Callback(target), url=target)
            check.check_callback(callback, "callback")
        elif method is Method.EMAIL:
            check.check_email(target, "target")
        else:
            handle, _, server = target.partition("@")
            check.check_handle(handle, "target")
            check.check_server(server, "target")
        order = Order(callback if method is Method.CALLBACK else None, test=True)
        with self._ground.change() as change:
            actor = self._access.require(change.tx, caller, "submit")
            key = f"tr-test-{secrets.token_hex(8)}"
            made = self._send(change, Draft(key, None, None, actor.user, Moment.FINISHED, method, target, order))
        self._ground.notifier.ring()
        return made

    def _send(self, change: Change, draft: Draft) -> Delivery:
        number = deliveries.insert_draft(change.tx, draft, change.now)
        return _loaded(deliveries.load_delivery(change.tx, number))

    def _note(self, change: Change, delivery: Delivery, ended: Ended) -> Delivery:
        """Store an attempt, and what becomes of its delivery."""
        number = delivery.attempts + 1
        reason = None if ended.reason is None else ended.reason[:_LONGEST_REASON]
        attempt = Attempt(delivery.id, number, ended.began, ended.seconds, ended.outcome, ended.status, reason)
        deliveries.insert_attempt(change.tx, attempt)
        after = evolve(delivery, attempts=number)
        if ended.outcome is Outcome.DELIVERED:
            after = evolve(after, state=DeliveryState.DELIVERED, due=None, ended=change.now)
        elif delivery.state is DeliveryState.WAITING:
            due = self._again(delivery, ended, change.now) if ended.outcome is Outcome.FAILED else None
            if due is None:
                after = evolve(after, state=DeliveryState.FAILED, due=None, ended=change.now)
            else:
                after = evolve(after, due=due)
        after = evolve(after, reason=reason, status=ended.status)
        deliveries.update_delivery(
            change.tx,
            delivery.id,
            attempts=after.attempts,
            state=after.state,
            due=after.due,
            ended=after.ended,
            reason=after.reason,
            status=after.status,
        )
        return after

    def _again(self, delivery: Delivery, ended: Ended, now: float) -> float | None:
        """Return when a delivery is tried again, None: no more."""
        if now - delivery.created >= self._ground.config.delivery_hours * 3600:
            return None
        first = self._ground.config.delivery_retry_seconds
        return now + wait_after(delivery.attempts + 1, ended.retry_after, first)


def wait_after(attempts: int, retry_after: float | None, first: float = FIRST_WAIT) -> float:
    """Return how many seconds to wait after so many attempts; what the receiver asked for, if that is longer."""
    # beyond ten it is the longest anyway, and the power is a large number
    usual = min(first * 2.0 ** min(attempts - 1, 10), LONGEST_WAIT)
    # apart from one another: those that failed together are not to come back together
    usual *= random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
    return min(max(usual, retry_after or 0.0), LONGEST_WAIT)


def _require_target(found: Delivery) -> None:
    """Raise `Conflict` when nobody knew where to send it: the next one may find out."""
    try:
        if found.method is Method.EMAIL:
            check.check_email(found.target, "target")
        elif found.method is Method.IRC:
            handle, _, server = found.target.partition("@")
            check.check_handle(handle, "target")
            check.check_server(server, "target")
    except Invalid:
        raise Conflict(f"there is nowhere to send it: {found.reason}") from None


def _own(tx: Connection, actor: Actor, number: int) -> Delivery:
    found = _loaded(deliveries.load_delivery(tx, number))
    if not actor.admin and actor.user != found.owner:
        # what there is of others is not told either
        raise NoSuchDelivery
    return found


def _loaded(found: Delivery | None) -> Delivery:
    if found is None:
        raise NoSuchDelivery
    return found
