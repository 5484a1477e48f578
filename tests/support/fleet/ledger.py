"""What was acknowledged: whatever is written here must be there in the end, whoever died meanwhile."""

import threading
from collections import Counter

from attrs import define, field, frozen


@define
class WrittenLog:
    """A log: its first `size` bytes were acknowledged, and they are the content of this seed."""

    recipe: int
    #: below `/recipes/R/`
    path: str
    seed: str
    size: int = 0


@define
class Reported:
    """A result that was acknowledged; its message is its name."""

    task: int
    message: str
    result: str
    id: int
    #: with an Idempotency-Key it is there once, else at least once and at most as often as it was sent
    once: bool
    attempts: int


@define
class Run:
    """One recipe, as the harness that ran it knows it."""

    recipe: int
    job: int
    system: str
    abandoned: bool
    #: the last status of each task that was acknowledged
    statuses: dict[int, str] = field(factory=dict)
    logs: dict[str, WrittenLog] = field(factory=dict)
    results: list[Reported] = field(factory=list)


@define
class Submitted:
    """A job that was acknowledged."""

    id: int
    name: str
    #: seconds from submission until its settling was told
    seconds: float = 0.0
    settled: bool = False


@frozen
class Meeting:
    """A recipe's part in a meeting of its set: when its arrival was acknowledged, and when it was told of the last."""

    job: int
    state: str
    arrived: float
    told: float


@define
class Tally:
    """Counts of all calls, by any number of threads."""

    calls: Counter[tuple[str, str]] = field(factory=Counter)
    #: bytes of logs that were acknowledged
    written: int = 0
    #: seconds that a call, with its repetitions, took at the longest until it was answered: by kind
    longest: dict[str, float] = field(factory=dict)
    #: seconds that a waiting call was answered later than it had asked for, at the longest
    overdue: float = 0.0
    _lock: threading.Lock = field(factory=threading.Lock)

    def delivered(self) -> int:
        """How many logs' pieces, results and statuses were acknowledged."""
        with self._lock:
            return sum(self.calls[kind, "2xx"] for kind in ("put", "result", "status"))

    def count(self, kind: str, outcome: str) -> None:
        """Note one attempt: `2xx`, `4xx`, `5xx`, `cut` without an answer, `idle` when a kept connection had gone."""
        with self._lock:
            self.calls[kind, outcome] += 1

    def answered(self, kind: str, seconds: float) -> None:
        """Note how long it took until a call was answered."""
        with self._lock:
            self.longest[kind] = max(self.longest.get(kind, 0.0), seconds)

    def waited(self, overdue: float) -> None:
        """Note how much longer than it had asked for a waiting call was held."""
        with self._lock:
            self.overdue = max(self.overdue, overdue)

    def wrote(self, size: int) -> None:
        """Note bytes of a log that were acknowledged."""
        with self._lock:
            self.written += size


@define
class Ledger:
    """All of it; threads append, nobody takes away."""

    runs: list[Run] = field(factory=list)
    jobs: list[Submitted] = field(factory=list)
    tally: Tally = field(factory=Tally)
    #: what must not happen, and did: refusals of what was right, calls without an answer, threads that ended
    troubles: list[str] = field(factory=list)
    meetings: list[Meeting] = field(factory=list)
