"""The duty of sending what is due: each delivery arrives once, or is noted as failed with the reason.

What was begun to be sent when its process was killed is not sent again: whether it arrived nobody knows. People can
have it sent once more.
"""

import logging
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.notification import Delivery, DeliveryState, Ended, Method, Outcome
from wsgi_app.services.publisher.callback import Callbacks
from wsgi_app.services.publisher.desk import Desk
from wsgi_app.services.publisher.irc import Lines
from wsgi_app.services.publisher.journal import Entry, Journal
from wsgi_app.services.publisher.mail import Mails
from wsgi_app.services.publisher.sending import Sender, Unsent

#: deliveries that are sent at a time
MOST_AT_ONCE = 8
#: seconds between two looks for what is due, at most and at least
LOOK_SECONDS = 0.5
LEAST_SECONDS = 0.02
#: seconds that what is in hand gets when this ends
END_SECONDS = 0.8
#: seconds until somebody works on who met an error of ours
PAUSE_SECONDS = 1.0
#: why nothing is sent whose journal is missing
NO_JOURNAL = "deliveries.journal is gone, or of another machine: whether this was sent is not known"
ENDED = "the publisher ended while it was being sent (at {}): whether it arrived is not known"
RESTORED = "a message of this key was sent at {}, before the database was restored"

_log = logging.getLogger(__name__)


class Courier:
    """A duty of the publisher."""

    name = "courier"

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._config = config
        self._senders: Mapping[Method, Sender] = {
            Method.CALLBACK: Callbacks(gateway, config),
            Method.EMAIL: Mails(gateway, config),
            Method.IRC: Lines(gateway, config),
        }
        self._desk = Desk()
        self._journal: Journal | None = None
        self._threads: list[threading.Thread] = []
        self._ends = dict.fromkeys(Outcome, 0)

    def said(self) -> dict[str, object]:
        """Return what was done, for the sign of life."""
        ends = {str(outcome): number for outcome, number in self._ends.items()}
        return {"courier": {"at_work": self._desk.at_work(), **ends}}

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set. Raises what a database or disk that cannot be used does."""
        journal = self._journal or self._open()
        if not self._threads:
            # what hangs in there must not keep the process
            self._threads = [
                threading.Thread(target=self._work, args=(journal, stop), name=f"courier {number}", daemon=True)
                for number in range(MOST_AT_ONCE)
            ]
            for thread in self._threads:
                thread.start()
        with self._gateway.feed.listen() as ear:
            took = 0.0
            # a bell that never stops must not keep us looking
            while not stop.wait(max(LEAST_SECONDS, 4 * took)):
                start = time.monotonic()
                self._fetch()
                due = self._gateway.deliveries.next_due(without=self._desk.ids())
                wait = LOOK_SECONDS if due is None else due - self._gateway.clock()
                took = time.monotonic() - start
                ear.wait(min(LOOK_SECONDS, max(LEAST_SECONDS, wait)))
        end = time.monotonic() + END_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _fetch(self) -> None:
        if room := self._desk.room():
            found = self._gateway.deliveries.due(room, without=self._desk.ids())
            self._desk.put((delivery, self._senders[delivery.method].host(delivery)) for delivery in found)

    def _open(self) -> Journal:
        """Open the journal, and note what it knows better than the database."""
        deliveries = self._gateway.deliveries
        waiting = deliveries.unfinished()
        if not self._config.journal.exists():
            sent = deliveries.counts().get(DeliveryState.DELIVERED, 0) or any(one.attempts for one in waiting)
            if sent and waiting:
                deliveries.give_up({one.id: NO_JOURNAL for one in waiting})
            waiting = []
        journal = Journal(self._config.journal)
        try:
            for delivery in waiting:
                if (entry := journal.entry(delivery.key)) is not None:
                    self._believe(delivery, entry)
            for key in journal.unended():
                if (entry := journal.entry(key)) is not None:
                    reason = ENDED.format(_moment(entry.began))
                    journal.ended(key, entry.attempt, Ended(0, entry.began, 0.0, Outcome.UNKNOWN, reason))
        except BaseException:
            journal.close()
            raise
        self._journal = journal
        return journal

    def _believe(self, delivery: Delivery, entry: Entry) -> bool:
        """Note what the journal knows of a delivery that waits; return whether that is all there is to be done."""
        deliveries = self._gateway.deliveries
        again = entry.outcome is Outcome.FAILED
        if entry.began < delivery.created:
            # another one, that the database has forgotten
            if not again:
                deliveries.give_up({delivery.id: RESTORED.format(_moment(entry.began))})
            return not again
        if entry.outcome is None:
            deliveries.give_up({delivery.id: ENDED.format(_moment(entry.began))})
        elif entry.attempt > delivery.attempts:
            ended = Ended(delivery.id, entry.began, entry.seconds, entry.outcome, entry.reason, entry.status)
            deliveries.ended([ended])
        elif again:
            return False
        else:
            # it was noted, and is not known any more
            deliveries.give_up({delivery.id: RESTORED.format(_moment(entry.began))})
        return True

    def _work(self, journal: Journal, stop: threading.Event) -> None:
        while not stop.is_set():
            delivery = self._desk.take(LOOK_SECONDS / 2)
            if delivery is None:
                continue
            failed = True
            try:
                failed = self._deliver(journal, delivery)
            except Exception as error:  # noqa: BLE001 - it is there the next time, and what is known of it in the journal
                _log.warning("delivery %s: %s: %s", delivery.id, type(error).__name__, error)
                stop.wait(PAUSE_SECONDS)
            finally:
                self._desk.done(delivery, failed=failed)

    def _deliver(self, journal: Journal, delivery: Delivery) -> bool:
        """Send a delivery and note what came of it; return whether its receiver failed."""
        entry = journal.entry(delivery.key)
        if entry is not None and self._believe(delivery, entry):
            return False
        began, start, begun = self._gateway.clock(), time.monotonic(), False

        def begin() -> None:
            nonlocal begun
            journal.begun(delivery, began)
            begun = True

        def over(outcome: Outcome, reason: str | None = None, status: int | None = None) -> Ended:
            return Ended(delivery.id, began, time.monotonic() - start, outcome, reason, status)

        try:
            status = self._senders[delivery.method].send(delivery, begin)
            ended = over(Outcome.DELIVERED, status=status)
        except Unsent as error:
            ended = Ended(
                delivery.id,
                began,
                time.monotonic() - start,
                error.outcome,
                error.reason,
                error.status,
                error.retry_after,
            )
        except Exception as error:  # noqa: BLE001 - one message that cannot be made must not keep the others
            _log.exception("delivery %s", delivery.id)
            outcome = Outcome.UNKNOWN if begun else Outcome.FAILED
            ended = over(outcome, f"an error of ours: {type(error).__name__}: {error}")
        if begun:
            # the database may have room where the journal has none
            with suppress(OSError):
                journal.ended(delivery.key, delivery.attempts + 1, ended)
        self._ends[ended.outcome] += 1
        self._gateway.deliveries.ended([ended])
        return ended.outcome in (Outcome.FAILED, Outcome.UNKNOWN)


def _moment(seconds: float) -> str:
    with suppress(ValueError, OverflowError, OSError):
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return "some time"
