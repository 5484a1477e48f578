"""What a report of 1,000 and of 100,000 results costs in each format: CPU seconds, and how far memory grows meanwhile.

Core in this process, without a server around it; a quarter of the results fail, each with its
lines of the console log. Compared with reading the results and writing nothing.
"""

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.queues import Queue
from pathlib import Path

from corelab import CoreLab, core_lab
from figure import Figure
from growth import Growth
from scale import Scale

from wsgi_app.core.cases import Sheet
from wsgi_app.model import LogAddress, ParsedResult
from wsgi_app.protocols.lava.reports import csvrows, jsonlines, junit, tap, yamlrows
from wsgi_app.protocols.lava.reports.excerpts import Excerpts
from wsgi_app.protocols.lava.suites import cases
from wsgi_app.states import ResultValue
from wsgi_app.store import results as store

SIZES = (1_000, 100_000)
#: MiB by which memory may grow while a report is written, whatever its length
BAR = 16
VALUES = (ResultValue.PASS, ResultValue.FAIL, ResultValue.SKIP, ResultValue.WARN)

FORMATS: dict[str, Callable[[Sheet], Iterator[str]]] = {
    "nothing": lambda sheet: ("" for _ in cases(sheet)),
    "csv": lambda sheet: csvrows.write(cases(sheet)),
    "yaml": lambda sheet: yamlrows.write(cases(sheet)),
    "json lines": lambda sheet: jsonlines.write(cases(sheet)),
    "tap": lambda sheet: tap.write(cases(sheet), Excerpts(sheet)),
    "junit": lambda sheet: junit.write(cases(sheet), Excerpts(sheet), name="bench"),
}


def fill(lab: CoreLab, size: int) -> int:
    """Make a recipe with so many results in a console log, one a line; return its id."""
    recipe = lab.start()
    task = recipe.tasks[0].id
    path = f"tasks/{task}/logs/taskout.log"
    lab.write(recipe, path, b"".join(b"%d: what a test says on its console\n" % line for line in range(size)))
    lab.gateway.logs.grew({(recipe.id, path): 1})
    lab.finish(recipe)
    found = (
        ParsedResult(f"/set/case-{line}", VALUES[line % 4], line, "a message" if line % 5 == 0 else None)
        for line in range(1, size + 1)
    )
    with lab.gateway._ground.change() as change:
        store.replace_parsed(change.tx, LogAddress(recipe.id, task, None, "taskout.log"), found, change.now)
    return recipe.id


def resident() -> float:
    """Return this process's memory in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1048576


def write(sheet: Sheet, make: Callable[[Sheet], Iterator[str]]) -> tuple[float, float, float]:
    """Write a report; return CPU seconds, megabytes, and by how many MiB memory grew."""
    before, began = resident(), time.process_time()
    most, size = before, 0
    for count, block in enumerate(make(sheet)):
        size += len(block)
        if count % 50 == 0:
            most = max(most, resident())
    return time.process_time() - began, size / 1e6, most - before


def prepare(place: str, sizes: tuple[int, ...], told: "Queue[list[int]]") -> None:
    """Make the recipes, in a process whose memory is not measured, and tell their ids."""
    with core_lab(Path(place)) as lab:
        told.put([fill(lab, size) for size in sizes])


def measure(scale: Scale) -> Iterator[Figure | Growth]:
    """Write each format in both sizes."""
    sizes, grown = scale.of(SIZES, (100, 1_000)), 0.0
    apart = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as place:
        told: Queue[list[int]] = apart.Queue()
        other = apart.Process(target=prepare, args=(place, sizes, told))
        other.start()
        recipes = told.get()
        other.join()
        with core_lab(Path(place)) as lab:
            sheets = [lab.gateway.cases.read(lab.admin, [recipe]) for recipe in recipes]
            for name, make in FORMATS.items():
                written = [write(sheet, make) for sheet in sheets]
                grown = max(grown, *(growth for _, _, growth in written))
                yield Growth(f"report: {name}", "s", sizes, tuple(cpu for cpu, _, _ in written), sized="results")
                yield Figure(f"report of {sizes[-1]:,} results: {name}", written[-1][1], more=False, unit="MB")
    yield Figure("a report: memory grows by", grown, bar=BAR, more=False, unit="MiB")
