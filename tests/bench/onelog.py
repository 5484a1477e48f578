"""A log of some MiB to some GiB: while it grows, and when it has been read."""

from functools import partial
from pathlib import Path

from stand import Stand, Work, begun

from wsgi_app.indexer import index

LINE = b"[   12.345678] usb 1-1: new high-speed USB device number 2 using xhci_hcd, as a console says it\n"
BLOCK = LINE * ((1 << 20) // len(LINE))
#: lines that a reader does not have yet
NEW = 20


def with_log(stand: Stand) -> tuple[Work, Work]:
    """Make a log of so many MiB: of a recipe that runs, and as the same file of one that is done."""
    done = begun(stand)
    path = _file(stand, done)
    with path.open("wb") as file:
        for _ in range(stand.size):
            file.write(BLOCK)
    found = stand.measure("a MiB is indexed", partial(index.read, path, path.name, 100_000), stand.size)
    stand.gateway.logs.grew({(done.recipe, done.console): found.size})
    stand.status(done, "Completed")
    stand.gateway.logs.indexed(done.recipe, done.console, found)
    stand.gateway.recipes.settle(done.recipe)
    work = begun(stand)
    growing = _file(stand, work)
    growing.unlink(missing_ok=True)
    growing.hardlink_to(path)
    stand.gateway.logs.grew({(work.recipe, work.console): found.size})
    stand.measure("a MiB is read by the first who asks", partial(_lines, stand, work, found.lines), stand.size)
    return work, done


def followed(stand: Stand, work: Work, done: Work) -> None:
    """What is done with it by its harness, by who follows it, and by who looks at it afterwards."""
    size = _file(stand, work).stat().st_size
    # what was read is listed, what has come since is not
    at_first = stand.size * len(BLOCK) // len(LINE)
    stand.measure("PUT of a further range", partial(stand.put, work, "taskout.log", size, LINE * NEW))
    stand.measure("indexer: it grew", partial(stand.gateway.logs.grew, {(work.recipe, work.console): size}))
    for recipe, state, lines in ((work, "grows", size // len(LINE) + NEW), (done, "done", at_first)):
        tail = partial(stand.call, "GET", f"{recipe.path}/logs/taskout.log", range="bytes=-4000")
        stand.measure(f"{state}: its end as bytes", tail)
        stand.measure(f"{state}: REST, the last lines", partial(_lines, stand, recipe, lines))
        stand.measure(f"{state}: REST, lines in its midst", partial(_lines, stand, recipe, lines // 3 * 2))
        asked = partial(stand.rpc, "scheduler.jobs.logs", str(recipe.recipe), lines - NEW)
        stand.measure(f"{state}: XML-RPC, the last lines", asked)
        stand.measure(f"{state}: GET recipe", partial(stand.call, "GET", f"/recipes/{recipe.recipe}/"))
        stand.measure(f"{state}: GET log-index", partial(stand.call, "GET", f"/recipes/{recipe.recipe}/log-index"))
        stand.measure(f"{state}: GET /jobs/J", partial(stand.call, "GET", f"/jobs/{recipe.job}"))


def _file(stand: Stand, work: Work) -> Path:
    return stand.gateway.config.logs / str(work.recipe) / work.console


def _lines(stand: Stand, work: Work, before: int) -> None:
    """Ask for some lines before that one."""
    start = max(0, before - NEW)
    stand.call("GET", f"/api/v0.2/jobs/{work.recipe}/logs/?start={start}&end={start + NEW}")
