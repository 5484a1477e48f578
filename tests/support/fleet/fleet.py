"""A fleet: harnesses, those who submit what they run, and two readers of all that happens; each in a thread."""

import threading
import time
import traceback
from collections.abc import Callable
from functools import partial

from attrs import define, field
from fleet.harness import Harness
from fleet.ledger import Ledger
from fleet.readers import PageReader, StreamReader
from fleet.submitter import Submitter
from lab import Lab

HARNESSES = 20
SUBMITTERS = 10
#: seconds in which the readers are to have read what has happened until then
READ_SECONDS = 60.0


@define
class Fleet:
    """Start it, let it work, finish it."""

    lab: Lab
    seed: str
    #: not in the same lab twice: its systems are tagged with it, and its jobs ask for them
    name: str = "fleet"
    harnesses: int = HARNESSES
    submitters: int = SUBMITTERS
    ledger: Ledger = field(factory=Ledger)
    pages: PageReader = field(init=False)
    stream: StreamReader = field(init=False)
    _submitting: list[threading.Thread] = field(factory=list)
    _running: list[threading.Thread] = field(factory=list)
    _reading: list[threading.Thread] = field(factory=list)
    _no_more_jobs: threading.Event = field(factory=threading.Event)
    _no_more_work: threading.Event = field(factory=threading.Event)
    #: the last event that the readers are to read
    _last: int | None = None

    def __attrs_post_init__(self) -> None:
        """Know whom it consists of."""
        self.pages = PageReader(self.lab, self.ledger.tally, self.lab.token)
        self.stream = StreamReader(self.lab, self.ledger.tally)

    def start(self) -> None:
        """Add the systems, and begin."""
        lab, ledger = self.lab, self.ledger
        for number in range(self.harnesses):
            name = f"{self.name}-system-{number}"
            lab.post("/systems/", {"name": name, "tags": [self.name]})
            key = lab.post(f"/systems/{name}/key", {})["key"]
            harness = Harness(lab, ledger, name, key, self.seed)
            self._begin(self._running, partial(harness.run, self._no_more_work.is_set))
        for number in range(self.submitters):
            submitter = Submitter(lab, ledger, lab.token, f"{self.name}-ci-{number}", self.seed, self.name)
            self._begin(self._submitting, partial(submitter.run, self._no_more_jobs.is_set))
        self._begin(self._reading, partial(self.pages.run, self._read_all))
        self._begin(self._reading, partial(self.stream.run, self._read_all))

    def finish(self, last: Callable[[], int]) -> float:
        """Let all jobs that were submitted be run and settled, and the events up to `last` be read.

        Returns how many seconds the jobs took to be settled.
        """
        begun = time.monotonic()
        self._no_more_jobs.set()
        for thread in self._submitting:
            thread.join()
        settled = time.monotonic() - begun
        self._no_more_work.set()
        for thread in self._running:
            thread.join()
        self._last = last()
        for thread in self._reading:
            thread.join(READ_SECONDS)
            if thread.is_alive():
                self.ledger.troubles.append("a reader of events does not come to the end of them")
        return settled

    def leave(self) -> None:
        """Stop as soon as the calls under way are answered, whatever is left undone. A finished fleet has left."""
        self._no_more_jobs.set()
        self._no_more_work.set()
        self._last = -1 if self._last is None else self._last

    def _read_all(self, read: int) -> bool:
        return self._last is not None and read >= self._last

    def _begin(self, threads: list[threading.Thread], work: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._watched, args=(work,), daemon=True)
        threads.append(thread)
        thread.start()

    def _watched(self, work: Callable[[], None]) -> None:
        """Work; whatever ends it early is a trouble that the proof tells."""
        try:
            work()
        except Exception:  # noqa: BLE001 - whatever it is, it is told
            self.ledger.troubles.append(traceback.format_exc())
