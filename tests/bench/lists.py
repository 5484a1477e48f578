"""Lists over 100,000 jobs: what pages and counts cost, in milliseconds, and how that compares with 1,000 jobs.

`make bench` runs it. Core in this process, without HTTP: compared are the medians for an administrator, and for a
stranger, who sees what is public.
"""

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from attrs import define, field
from stock import FIRST, STEP, fill

from wsgi_app.conditions import AllOf, AnyOf, Condition, Order, Where
from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway, open_gateway
from wsgi_app.core.listing import NEWEST
from wsgi_app.model import Caller

STORED = (1_000, 100_000)
ROUNDS = 9
PAGE = 50
#: milliseconds that a list over so many jobs may take; what reads every document has no bar
BAR = 250.0
STRANGER = Caller(None, "127.0.0.1")
#: conditions, order, offset
Ask = tuple[tuple[Where, ...], tuple[Order, ...], int]


@define
class Stand:
    """A core over so many jobs."""

    stored: int
    place: Path = field(factory=lambda: Path(tempfile.mkdtemp(prefix="tackroom-bench-")))
    gateway: Gateway = field(init=False)
    admin: Caller = field(init=False)

    def open(self) -> None:
        """Make it."""
        config = Config(data=self.place / "data")
        self.gateway = open_gateway(config)
        self.gateway.access.issue_admin_token()
        self.admin = Caller(f"Bearer {config.admin_token.read_text().strip()}", "127.0.0.1")
        fill(self.gateway, self.stored)

    def close(self) -> None:
        """Take it away."""
        self.gateway.close()
        shutil.rmtree(self.place)


def lists(stored: int) -> dict[str, Ask]:
    """Return what is asked: conditions, order and offset."""
    running = AllOf((_is("settled", False), _is("cancelling", False), _is("status", ["Running", "Completed"], "in")))
    return {
        "all": ((), NEWEST, 0),
        "all, the last page": ((), NEWEST, stored - PAGE),
        "what runs": ((running,), NEWEST, 0),
        "what waits for a type": ((_is("status", "Queued"), _is("type", "type-3")), NEWEST, 0),
        "what could not finish": ((_is("settled", True), _is("status", "Aborted")), NEWEST, 0),
        "finished or running": ((AnyOf((_is("settled", True), running)),), NEWEST, 0),
        "of a system": ((_is("system", "board-3"),), NEWEST, 0),
        "ended in the last hour": ((_is("finished", FIRST + stored * STEP - 3600, "gte"),), NEWEST, 0),
        "by start": ((), (Order("started", descending=True),), 0),
        "by submission": ((), (Order("submitted"),), 0),
        "by a part of the name": ((_is("name", "LY 77", "icontains"),), NEWEST, 0),
        "by metadata": ((_is("metadata", "b76", "exact", "build", "id"),), NEWEST, 0),
        "by metadata of none": ((_is("metadata", "none", "exact", "build", "id"),), NEWEST, 0),
        "by a part of the document": ((_is("document", "no job has this", "contains"),), NEWEST, 0),
    }


#: reads all that was ever submitted
UNBOUNDED = ("by a part of the document",)


def _is(name: str, value: object, lookup: str = "exact", *path: str) -> Condition:
    return Condition(name, lookup, value, path)


def paged(stand: Stand, ask: Ask, caller: Caller) -> None:
    """Get a page."""
    where, order, offset = ask
    stand.gateway.listing.page(caller, where, order, offset=offset, limit=PAGE)


def counted(stand: Stand, ask: Ask, caller: Caller) -> None:
    """Get a count."""
    stand.gateway.listing.count(caller, ask[0])


def took(call: Callable[[], object]) -> float:
    """Return the median of how long a call takes, in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        call()
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


def main() -> int:
    """Measure, print the table, and tell by the exit status whether the bar is met."""
    stands = [Stand(number) for number in STORED]
    asked = [lists(number) for number in STORED]
    worst = 0.0
    try:
        for stand in stands:
            stand.open()
        print(f"{'lists over 100,000 jobs':<28}{'ms, a page of ' + str(PAGE):>24}{'ms, its count':>24}")
        print(f"{'(1,000 beside it)':<28}" + f"{'admin':>8}{'public':>8}{'1,000':>8}" * 2)
        for name in asked[0]:
            many, few = asked[1][name], asked[0][name]
            asks = [(stands[1], many, stands[1].admin), (stands[1], many, STRANGER), (stands[0], few, stands[0].admin)]
            pages = [took(partial(paged, stand, ask, caller)) for stand, ask, caller in asks]
            figures = [*pages, *(took(partial(counted, stand, ask, caller)) for stand, ask, caller in asks)]
            print(f"{name:<28}" + "".join(f"{figure:>8.1f}" for figure in figures))
            if name not in UNBOUNDED:
                worst = max(worst, *figures)
    finally:
        for stand in stands:
            stand.close()
    print(f"the slowest of those with a bar: {worst:.1f} ms, bar {BAR:.0f} ms")
    return 1 if worst > BAR else 0


if __name__ == "__main__":
    sys.exit(main())
