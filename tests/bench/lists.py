"""Lists over 100,000 jobs / over 1,000: what pages and counts cost.

Core in this process, without HTTP: compared are the medians for an administrator, and for a
stranger, who sees what is public.
"""

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from attrs import define, field
from figure import Figure
from growth import Growth
from scale import Scale
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


def took(call: Callable[[], object], rounds: int) -> float:
    """Return the median of how long a call takes, in milliseconds."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        call()
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


def measure(scale: Scale) -> Iterator[Figure | Growth]:
    """Measure each list, as administrator over both numbers of jobs, and as a stranger over the larger."""
    sizes, rounds = scale.of((STORED, ROUNDS), ((100, 1_000), 1))
    few, many = (Stand(number) for number in sizes)
    worst = 0.0
    try:
        few.open()
        many.open()
        asked = lists(many.stored)
        for name, ask in lists(few.stored).items():
            for what, call in (("a page", paged), ("its count", counted)):
                small = took(partial(call, few, ask, few.admin), rounds)
                large = took(partial(call, many, asked[name], many.admin), rounds)
                public = took(partial(call, many, asked[name], STRANGER), rounds)
                yield Growth(f"{name}, {what}", "ms", sizes, (small, large), sized="jobs stored")
                yield Figure(f"{name}, {what}, for a stranger", public, more=False, unit="ms")
                if name not in UNBOUNDED:
                    worst = max(worst, large, public)
    finally:
        for stand in (few, many):
            stand.close()
    yield Figure("the slowest list that has a bar", worst, bar=BAR, more=False, unit="ms")
