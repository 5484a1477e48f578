"""Chunks of logs that exist: our httpd / bare mod_dav_fs, and our whole front door / our own Python path.

`httpd` is the one of a Tackroom as `tackroom serve` starts it, while its indexer is halted; `bare mod_dav_fs` an httpd
with the same figures for processes, threads and connections, paths as deep, and nothing but `Dav On`. `Apache` is the
whole of that Tackroom, its indexer at work; `Python` a whole Tackroom without Apache. wrk keeps eight connections busy,
from the same processors; each walks through a log of 8 MiB that exists. A path is httpd and gunicorn.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from figure import Figure
from growth import Growth
from lab import Lab, running_lab
from pairs import TIMES, turns
from scale import Scale
from sink import Sink, bare_sink, our_sink, sink_of

KIB = 1024
#: bytes of a chunk; against Python nothing is asked of the last
CHUNKS = (4 * KIB, 64 * KIB, 1024 * KIB)
#: the curve that our harness's chunk size is picked from has these too
BETWEEN = (16 * KIB, 256 * KIB, 4096 * KIB)
PATH = ("httpd", "gunicorn")


def measure(scale: Scale) -> Iterator[Figure | Growth]:
    """Measure all sizes, in turns: first httpd alone, then all of ours."""
    seconds, times = scale.of(2.0, 0.2), scale.of(TIMES, 1)
    with running_lab("apache") as lab, our_sink("none") as python, bare_sink() as bare:
        apache = sink_of(lab)
        for sink in (apache, bare, python):
            # httpd starts processes when the first crowd comes, and the files get their length
            sink.put(64 * KIB, scale.of(2.0, 0.2))
        with halted(lab):
            for chunk in CHUNKS:
                forget_log(lab)
                rates = _rates((apache, bare), chunk, seconds, times)
                yield from _alone(chunk, rates, apache, bare)
        # it has much to catch up with
        apache.put(64 * KIB, scale.of(5.0, 0.2))
        curve: dict[int, tuple[float, float]] = {}
        for chunk in CHUNKS:
            forget_log(lab)
            rates = _rates((apache, python, bare), chunk, seconds, times)
            yield from _whole(chunk, rates, (apache, python, bare))
            curve[chunk] = rates[0] * chunk / (1 << 20), apache.cost(*PATH)
        for sink, name in ((apache, "Apache"), (python, "Python")):
            for kind, used in sink.used.used.items():
                yield Figure(f"PUTs, {name}: the largest {kind}", used.most, more=False, unit="MiB")
        for chunk in BETWEEN:
            forget_log(lab)
            curve[chunk] = _rates((apache,), chunk, seconds, times)[0] * chunk / (1 << 20), apache.cost(*PATH)
    sizes = tuple(sorted(curve))
    told = tuple(size // KIB for size in sizes)
    yield Growth("received", "MiB/s", told, tuple(curve[size][0] for size in sizes), more=True, sized="KiB a chunk")
    yield Growth("CPU", "s/GiB", told, tuple(curve[size][1] for size in sizes), sized="KiB a chunk")


def forget_log(lab: Lab) -> None:
    """Empty httpd's access log: a large one is put aside by a graceful restart, which would break connections."""
    os.truncate(lab.data / "run" / "access.log", 0)


@contextmanager
def halted(lab: Lab) -> Iterator[None]:
    """Let the indexer do nothing for a while."""
    indexers = lab.pids("wsgi_app.cli indexer")
    assert indexers
    for pid in indexers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in indexers:
            os.kill(pid, signal.SIGCONT)


def _rates(sinks: tuple[Sink, ...], chunk: int, seconds: float, times: int) -> list[float]:
    for sink in sinks:
        sink.forget()
    return turns([putting(sink, chunk, seconds) for sink in sinks], times)


def putting(sink: Sink, chunk: int, seconds: float) -> Callable[[], float]:
    """Return what puts such chunks for a while and tells how many it were a second."""
    return lambda: sink.put(chunk, seconds)


def named(chunk: int) -> str:
    """Return a size as people say it."""
    return f"{chunk // KIB} KiB" if chunk < 1 << 20 else f"{chunk >> 20} MiB"


def _alone(chunk: int, rates: list[float], apache: Sink, bare: Sink) -> Iterator[Figure]:
    size = named(chunk)
    yield Figure(f"PUT {size}: httpd / bare mod_dav_fs", rates[0], rates[1], 0.88, 0.95, unit="/s")
    # what the load takes from the same processors is not in this
    costs = apache.cost("httpd"), bare.cost()
    yield Figure(f"CPU in {size}: httpd / bare mod_dav_fs", *costs, more=False, unit="s/GiB")


def _whole(chunk: int, rates: list[float], sinks: tuple[Sink, Sink, Sink]) -> Iterator[Figure]:
    apache, python, _ = sinks
    size = named(chunk)
    costs = apache.cost(*PATH), python.cost(*PATH)
    if chunk == CHUNKS[-1]:
        yield Figure(f"PUT {size}: Apache / Python", rates[0], rates[1], unit="/s")
        yield Figure(f"CPU in {size}: Apache / Python", *costs, more=False, unit="s/GiB")
    else:
        yield Figure(f"PUT {size}: Apache / Python", rates[0], rates[1], 2, 3, unit="/s")
        yield Figure(f"CPU in {size}: Apache / Python", *costs, 0.65, 0.5, more=False, unit="s/GiB")
    yield Figure(f"PUT {size}: Apache, its indexer at work / bare mod_dav_fs", rates[0], rates[2], unit="/s")
    yield Figure(f"CPU in {size}: the indexer beside it", apache.cost("indexer"), more=False, unit="s/GiB")
    for sink, name in zip(sinks, ("Apache", "Python", "bare mod_dav_fs"), strict=True):
        assert sink.last is not None
        yield Figure(f"PUT {size}, {name}: 99 of 100 within", sink.last.p99, more=False, unit="ms")
