"""kill -9 of one process after the other, at moments and of kinds that a seed decides."""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from attrs import define, field, frozen
from lab import Lab

from wsgi_app.services.children import STEADY_SECONDS

#: calls that are acknowledged between two kills, and how many seconds they may take
BETWEEN = 8
LONGEST_WAIT = 10.0


@frozen
class Victim:
    """Who is killed."""

    #: of its command line
    word: str
    #: the first of those, or another
    parent: bool
    #: seconds that it has lived at least. What dies young `serve` starts again later and later: that is right, but
    #: a fleet that waits for its front tries nothing
    age: float = 0.0


VICTIMS = {
    "httpd": Victim("apache2", True, STEADY_SECONDS + 1),
    "httpd worker": Victim("apache2", False),
    "gunicorn master": Victim("gunicorn", True, STEADY_SECONDS + 1),
    "gunicorn worker": Victim("gunicorn", False, 1.0),
    "indexer": Victim("wsgi_app.cli indexer", True, 5.0),
    "timer": Victim("wsgi_app.cli timer", True, 5.0),
}


@define
class Killer:
    """Kills, and counts. `delivered` tells how much work was acknowledged: a fleet that is at a halt proves nothing."""

    lab: Lab
    seed: str
    delivered: Callable[[], int]
    #: seconds between two kills, at least and at most
    pause: tuple[float, float] = (0.1, 1.0)
    kills: Counter[str] = field(factory=Counter)
    _rng: random.Random = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Know what comes from the seed alone."""
        self._rng = random.Random(f"{self.seed} kills")  # noqa: S311 - no secret

    def run(self, most: int | None, stop: threading.Event) -> None:
        """Kill so many, or until it is told to stop."""
        while self.kills.total() != most and not stop.wait(self._rng.uniform(*self.pause)):
            there = {name: pid for name, one in VICTIMS.items() if (pid := self._pid(one)) is not None}
            if there:
                victim = self._rng.choice(list(there))
                with suppress(ProcessLookupError):
                    os.kill(there[victim], signal.SIGKILL)
                    self.kills[victim] += 1
                self._await_work(stop)

    def _await_work(self, stop: threading.Event) -> None:
        """Wait until the fleet gets on, on a machine of whatever speed; what hangs is found by the fleet."""
        enough, end = self.delivered() + BETWEEN, time.monotonic() + LONGEST_WAIT
        while self.delivered() < enough and time.monotonic() < end and not stop.wait(0.02):
            pass

    def _pid(self, victim: Victim) -> int | None:
        pids = self.lab.pids(victim.word)
        old = [pid for pid in (pids[:1] if victim.parent else pids[1:]) if age(pid) >= victim.age]
        return self._rng.choice(old) if old else None


def age(pid: int) -> float:
    """Return for how many seconds a process has been there; 0.0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
