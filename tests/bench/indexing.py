"""A finished log is read for good: fingerprint, lines, results and marks in one pass, beside `sha256sum` of it.

A console of 1 GiB, its boot and programs and now and then a crash. Then 64 MiB of each format, in processor seconds (of
these logs the first 100,000 results are taken: what comes behind them is only counted), and what a tiny log costs.
"""

import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from figure import Figure
from logkinds import kinds
from pairs import interleaved
from scale import Scale

from wsgi_app.indexer import index

GIB = 1 << 30
#: results taken from one log, as the server does
MOST = 100_000
BAR, GOAL = 2.5, 1.5


def measure(scale: Scale) -> Iterator[Figure]:
    """Read each log; of the large one also have the fingerprint made alone."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "log"
        made = kinds()
        size = scale.of(GIB, 16 << 20)
        made["console"].write(path, size)
        name = f"index a console of {size >> 20:,} MiB"
        ours, theirs = _Timed(partial(index.read, path, "console.log", MOST)), _Timed(partial(_sha256sum, path))
        wall = interleaved(ours, theirs, scale.of(5, 1))
        yield Figure(f"{name} / sha256sum", *wall, bar=BAR, goal=GOAL, more=False, unit="s")
        yield Figure(f"{name}: CPU", statistics.median(ours.cpu), statistics.median(theirs.cpu), more=False, unit="s")
        sample = scale.of(64 << 20, 1 << 20)
        for what, kind in made.items():
            kind.write(path, sample)
            timed = _Timed(partial(index.read, path, kind.name, MOST))
            timed()
            yield Figure(f"index {sample >> 20} MiB of {what}: CPU", timed.cpu[0], more=False, unit="s")
        made["plain"].write(path, 200)
        tiny = _Timed(lambda: [index.read(path, "taskout.log", MOST) for _ in range(1000)])
        tiny()
        # a thousand of them took that many seconds
        yield Figure("index a log of 200 bytes: CPU", tiny.cpu[0], more=False, unit="ms")


class _Timed:
    """Does something, and returns how many seconds that took; remembers the processor's."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self.cpu: list[float] = []

    def __call__(self) -> float:
        begun, used = time.perf_counter(), _used()
        self._work()
        took = time.perf_counter() - begun
        self.cpu.append(_used() - used)
        return took


def _used() -> float:
    """Return the processor seconds of this process and of those that it has waited for."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def _sha256sum(path: Path) -> None:
    subprocess.run(["sha256sum", path], stdout=subprocess.DEVNULL, check=True)
