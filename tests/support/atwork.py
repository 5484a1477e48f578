"""A fleet at work on a provisioned lab controller, and what it must find in the end."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from attrs import define, field
from controller import Controller
from fleet.fleet import Fleet
from fleet.proof import Proof
from waiting import until

#: a machine of two cores has plays to run beside them
HARNESSES = 6
SUBMITTERS = 4
#: calls that must have been acknowledged before anything is done to the controller, and again after it
STEADY = 60
STEADY_SECONDS = 90.0


@define
class AtWork:
    """Those who work, and what they had done when somebody looked."""

    controller: Controller
    fleet: Fleet
    #: the last job before they began
    before: int
    _seen: int = field(default=0)

    def get_on(self) -> None:
        """Wait until they have got on a good deal since this was asked for the last time. Fails when they do not."""
        tally = self.fleet.ledger.tally
        enough = tally.delivered() + STEADY

        def done() -> bool:
            assert not self.fleet.ledger.troubles, self.fleet.ledger.troubles
            return tally.delivered() >= enough

        until(done, f"{STEADY} more acknowledged calls: {tally}", STEADY_SECONDS)

    def failures(self) -> dict[tuple[str, str], int]:
        """Return how many calls of each kind have failed until now: a 5xx, or no answer."""
        calls = dict(self.fleet.ledger.tally.calls)
        return {call: times for call, times in calls.items() if call[1] in ("5xx", "cut")}

    def finish(self) -> float:
        """Let all that was begun come to its end, and prove that all is there; return the seconds that it took."""
        begun = time.monotonic()
        self.fleet.finish(lambda: newest(self.controller, "events"))
        proof = Proof(self.controller, self.fleet.ledger, self.before)
        wrong = proof.look({"pages": self.fleet.pages.seen, "stream": self.fleet.stream.seen})
        assert not wrong, "\n".join(wrong)
        return time.monotonic() - begun


@contextmanager
def at_work(controller: Controller, name: str) -> Iterator[AtWork]:
    """Let a fleet of this name work; `finish` it, or it is ended as it is."""
    fleet = Fleet(controller, name, name, HARNESSES, SUBMITTERS)
    made = AtWork(controller, fleet, newest(controller, "jobs"))
    fleet.start()
    try:
        made.get_on()
        yield made
    finally:
        fleet.leave()


def newest(controller: Controller, table: str) -> int:
    """Return the last number that a table has given out, 0 when there is none."""
    queries = {"events": "SELECT max(id) FROM events", "jobs": "SELECT max(id) FROM jobs"}
    with closing(sqlite3.connect(f"file:{controller.data / 'tackroom.db'}?mode=ro", uri=True)) as database:
        found: int | None = database.execute(queries[table]).fetchone()[0]
        return found or 0
