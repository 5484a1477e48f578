"""From the end of a PUT to the list that shows it, very many tiny logs, and the indexer's start: beside no other.

500 PUTs a second go by httpd to logs that exist; one in 25 is looked for in its recipe's list (`GET
/recipes/R/log-index`), which is where a reader finds a log's size: that it grows is no event. Python paces the load.
"""

import statistics
from collections.abc import Iterator
from contextlib import ExitStack
from operator import attrgetter

from figure import Figure
from fleet import crowd
from growth import Growth
from lab import Lab, running_lab
from pacing import Pace
from sampling import Sampler, of_lab
from scale import Scale
from settledlogs import Started, settled, started
from stand import Stand

#: so much dearer may a start become
BAR = 1.25
#: MiB of any process: design.md section 10
MEMORY_BAR, MEMORY_GOAL = 150, 100


def measure(scale: Scale) -> Iterator[Figure | Growth]:
    """Yield how long lists lag, how fast tiny logs are indexed, and what the indexer's start takes."""
    with running_lab("apache") as lab:
        yield from listed(lab, scale)
        yield from tiny(lab, scale)
    yield from starts(scale)


def listed(lab: Lab, scale: Scale) -> Iterator[Figure]:
    """How long it takes until a log is listed with its new size."""
    rate, seconds = scale.of((500, 30.0), (100, 1.0))
    pace = Pace(lab)
    pace.prepare(*scale.of((20, 25), (2, 4)))
    with Sampler(of_lab(lab)) as sampler:
        paced = pace.run(rate, seconds)
    what = f"close to listed, {paced.rate:.0f} files a second"
    yield Figure(f"{what}: p50", statistics.median(paced.listed), more=False, unit="ms")
    last = paced.listed[int(len(paced.listed) * 0.99)]
    yield Figure(f"{what}: p99", last, bar=500, goal=100, more=False, unit="ms")
    share = sampler.cpu("indexer") / seconds * 100
    yield Figure(f"{what}: CPU, indexer", share, more=False, unit="% of a core")


def tiny(lab: Lab, scale: Scale) -> Iterator[Figure]:
    """How fast tiny logs are taken and indexed."""
    count = scale.of(100_000, 200)
    with Sampler(of_lab(lab)) as sampler:
        made = crowd.upload(lab, count, 900.0)
    assert made.finished == made.statuses.get(201, 0) > 0, made
    what = f"{made.finished:,} tiny logs"
    yield Figure(f"{what}: registered", made.finished / made.sent, unit="/s")
    yield Figure(f"{what}: through to indexed", made.finished / (made.sent + made.indexed), unit="/s")
    yield Figure(f"{what}: indexed after the last", made.indexed, more=False, unit="s")
    yield Figure(f"{what}: CPU, indexer", sampler.cpu("indexer"), more=False, unit="s")
    memory = sampler.used["indexer"].most
    yield Figure(f"{what}: memory, indexer", memory, bar=MEMORY_BAR, goal=MEMORY_GOAL, more=False, unit="MiB")


def starts(scale: Scale) -> Iterator[Growth]:
    """What an indexer's start takes where nothing, and where very much, is settled."""
    sizes = scale.of((0, 1_000_000), (0, 1_000))
    with ExitStack() as stack:
        stands = [Stand(size) for size in sizes]
        for stand in stands:
            stack.callback(stand.close)
            settled(stand, stand.size)
        found: list[list[Started]] = [[] for _ in sizes]
        for _ in range(scale.of(5, 1)):
            for stand, took in zip(stands, found, strict=True):
                took.append(started(stand))
    for what, unit, value in (
        ("to a recipe settled", "s", attrgetter("seconds")),
        ("CPU", "s", attrgetter("cpu")),
        ("memory", "MiB", attrgetter("memory")),
    ):
        values = tuple(statistics.median(map(value, took)) for took in found)
        yield Growth(f"the indexer's start: {what}", unit, sizes, values, BAR, sized="settled logs")
