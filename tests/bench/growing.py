"""How cost grows with what is stored, with what waits and runs, with the logs and results of a recipe, and with a log.

Every call of every protocol, and the rounds of timer and indexer, in milliseconds of this process's processor time
(medians, all sizes side by side). What does not depend on the size is to cost the same; of what returns or does more
with it, the cost of one thing. Jobs and their states in ConTest's words are in `stored`, lists by condition in `lists`.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import routine
from attrs import field, frozen
from growth import Growth
from onelog import followed, with_log
from scale import Scale
from sqlalchemy import Connection, insert, literal_column, select, update
from stand import Stand, Work, begun, copy_jobs, leave_out, multiply

from wsgi_app.core.drift import AT_ONCE
from wsgi_app.indexer import reconcile
from wsgi_app.states import LogState, SystemHealth
from wsgi_app.store.schema import logs, recipes, results, systems

#: so much dearer may a call become
BAR = 1.25
CHUNK = b"[   12.345678] usb 1-1: new high-speed USB device number 2 using xhci_hcd\n" * 50


@frozen
class Axis:
    """What grows: its sizes, how many rounds are measured, how a stand is made, and one round over it."""

    what: str
    sizes: tuple[int, ...]
    rounds: int
    prepare: Callable[[Stand], tuple[Work, ...]]
    round: Callable[..., None]
    settings: Mapping[str, Any] = field(factory=dict)


def measure(scale: Scale) -> Iterator[Growth]:
    """Yield what each call costs over each size of each axis."""
    rounds, few = scale.of(15, 2), scale.of(7, 2)
    sizes = scale.of((10, 1_000, 100_000), (10, 100))
    yield from grown(Axis("recipes stored", sizes, rounds, stored, one_job))
    yield from grown(Axis("recipes waiting", scale.of((10, 1_000, 10_000), (10, 100)), few, waiting, dispatched))
    yield from grown(Axis("recipes running", scale.of((10, 100, 1_000), (10, 50)), few, running, attended))
    limits = {"max_logs": 0, "max_results": 1_000_000}
    sizes = scale.of((1, 100, 7_500), (1, 100))
    yield from grown(Axis("logs of a recipe", sizes, rounds, with_logs, written, limits))
    sizes = scale.of((10, 1_000, 7_500), (10, 100))
    yield from grown(Axis("results of a recipe", sizes, rounds, with_results, told, limits))
    limits = {"max_log": 1 << 40, "max_recipe_bytes": 0}
    sizes = scale.of((1, 32, 1_024, 10_240), (1, 4))
    yield from grown(Axis("MiB of one log", sizes, few, with_log, followed, limits))


def grown(axis: Axis) -> Iterator[Growth]:
    """Measure over all sizes side by side: what disturbs the machine disturbs all of them."""
    with ExitStack() as stack:
        stands: list[Stand] = []
        for size in axis.sizes:
            stands.append(Stand(size, axis.settings))
            stack.callback(stands[-1].close)
        prepared = [axis.prepare(stand) for stand in stands]
        for _ in range(axis.rounds + 1):
            for stand, works in zip(stands, prepared, strict=True):
                axis.round(stand, *works)
        for what in stands[0].took:
            each = " for each" if what in stands[0].units else ""
            values = tuple(stand.cost(what) for stand in stands)
            yield Growth(f"{what}{each}", "ms", axis.sizes, values, BAR, sized=axis.what)


def finish(stand: Stand, work: Work) -> None:
    """Let a recipe end, and do the indexer's part: its logs count as read."""
    stand.status(work, "Completed")

    def read(tx: Connection) -> None:
        known = {"state": LogState.FINISHED, "lines": 50, "sha256": "of it", "format": "console"}
        tx.execute(update(logs).where(logs.c.recipe == work.recipe).values(known))

    stand.store(read)
    stand.gateway.recipes.settle(work.recipe)


def stored(stand: Stand) -> tuple[Work, ...]:
    """Store so many recipes that are done, each with ten results and two logs."""
    work = begun(stand)
    for _ in range(10):
        stand.report(work)
    for name in ("taskout.log", "more.log"):
        stand.put(work, name, 0, CHUNK)
    finish(stand, work)

    def write(tx: Connection) -> None:
        # they ended yesterday: what ended a moment ago is looked after for a while
        day = 86400
        tx.execute(update(recipes).values(finished=recipes.c.finished - day, closes=recipes.c.closes - day))
        copy_jobs(tx, work.job, stand.size - 1)

    stand.store(write)
    return (work,)


def one_job(stand: Stand, done: Work) -> None:
    """One recipe from its submission to its end, with those who look on, and at one that is done."""
    job = stand.measure("POST /jobs/", stand.submit)
    work = stand.measure("claim", partial(stand.claim, job))
    stand.measure("POST status Running", partial(stand.status, work, "Running"))
    stand.measure("PUT of a first range", partial(stand.put, work, "taskout.log", 0, CHUNK))
    stand.measure("PUT of a new log", partial(stand.put, work, "more.log", 0, CHUNK))
    stand.measure("PUT of a further range", partial(stand.put, work, "taskout.log", len(CHUNK), CHUNK))
    routine.harness(stand, work)
    routine.readers(stand, done)
    routine.services(stand, work)
    stand.measure("POST status Completed, and settled", partial(finish, stand, work))
    again = stand.measure("POST /jobs/J/retry", partial(stand.call, "POST", f"/jobs/{work.job}/retry")).json
    stand.measure("POST /jobs/J/cancel", partial(stand.call, "POST", f"/jobs/{again['id']}/cancel"))
    stand.gateway.recipes.settle(again["recipe_sets"][0]["recipes"][0]["id"])


def waiting(stand: Stand) -> tuple[Work, ...]:
    """Let so many recipes wait for a system that does not come."""
    work = begun(stand)
    for name in ("away", "other", "free"):
        stand.add_system(name)
    job = stand.submit("away")["id"]
    stand.store(partial(copy_jobs, job=job, times=stand.size - 1))
    return (work,)


def dispatched(stand: Stand, work: Work) -> None:
    """What is done beside a queue: one more recipe comes and goes, and a system asks in vain."""
    stand.measure("claim in vain", partial(stand.call, "POST", "/systems/free/claim?wait=0"))
    stand.measure("timer: assigning, a system is free", stand.gateway.systems.assign_waiting)
    job = stand.measure("POST /jobs/", partial(stand.submit, "other"))
    new = stand.measure("claim", partial(stand.claim, job, "other"))
    stand.status(new, "Running")
    routine.harness(stand, new)
    routine.services(stand, new)
    stand.measure("POST status Completed, and settled", partial(finish, stand, new))
    stand.measure("GET /queue", partial(stand.call, "GET", "/queue?limit=5"))
    stand.measure("scheduler.jobs.queue", partial(stand.rpc, "scheduler.jobs.queue", [], 0, 5))
    stand.measure("GET /metrics", partial(stand.call, "GET", "/metrics"))


def running(stand: Stand) -> tuple[Work, ...]:
    """Let so many recipes run, each on its system."""
    work = begun(stand)
    stand.put(work, "taskout.log", 0, CHUNK)

    def write(tx: Connection) -> None:
        copy_jobs(tx, work.job, stand.size - 1)
        others = list(tx.execute(select(recipes.c.id).where(recipes.c.id > work.recipe)).scalars())
        tx.execute(update(recipes).where(recipes.c.id > work.recipe).values(system=literal_column("'board-' || id")))
        made = {"tags": [], "health": SystemHealth.GOOD}
        tx.execute(
            insert(systems),
            [{"name": f"board-{one}", "recipe": one, "last_recipe": one, **made} for one in others],
        )

    stand.store(write)
    stand.add_system("other")
    return (work,)


def attended(stand: Stand, work: Work) -> None:
    """What is done beside those that run."""
    routine.harness(stand, work)
    routine.services(stand, work, stand.size)
    job = stand.measure("POST /jobs/", partial(stand.submit, "other"))
    new = stand.measure("claim", partial(stand.claim, job, "other"))
    stand.status(new, "Running")
    stand.measure("PUT of a first range", partial(stand.put, new, "taskout.log", 0, CHUNK))
    stand.measure("POST status Completed, and settled", partial(finish, stand, new))
    stand.measure("GET /systems/", partial(stand.call, "GET", "/systems/?limit=10"))
    stand.measure("GET /metrics", partial(stand.call, "GET", "/metrics"))
    stand.measure("GET /readyz", stand.gateway.readiness.look, min(stand.size, AT_ONCE))


def with_logs(stand: Stand) -> tuple[Work, ...]:
    """Let a recipe that runs have so many logs."""
    work = begun(stand)
    stand.put(work, "taskout.log", 0, CHUNK)
    stand.gateway.logs.grew({(work.recipe, work.console): len(CHUNK)})
    of_task = stand.gateway.config.logs / str(work.recipe) / f"tasks/{work.task}/logs"
    for number in range(1, stand.size):
        os.link(of_task / "taskout.log", of_task / f"log-{number}")
    path = f"'tasks/{work.task}/logs/log-' || n"
    stand.store(partial(multiply, table=logs, where=logs.c.recipe == work.recipe, times=stand.size - 1, path=path))
    return (work,)


def written(stand: Stand, work: Work) -> None:
    """What is done with one of the logs, and with all."""
    new = f"new-{next(stand.numbers)}"
    stand.measure("PUT of a new log", partial(stand.put, work, new, 0, CHUNK))
    stand.measure("PUT of a further range", partial(stand.put, work, "taskout.log", len(CHUNK), CHUNK))
    routine.harness(stand, work, units=stand.size)
    routine.services(stand, work)
    root, below = stand.gateway.config.logs, f"/recipes/{work.recipe}"
    stand.measure("GET log-index, first page", partial(stand.call, "GET", f"{below}/log-index?limit=1"))
    behind = f"{below}/log-index?limit=1&after=tasks/{work.task}/logs/log-9"
    stand.measure("GET log-index, last page", partial(stand.call, "GET", behind))
    stand.measure("GET tasks/T/logs/", partial(stand.call, "GET", f"{work.path}/logs/"), stand.size)
    stand.measure("GET a log", partial(stand.call, "GET", f"{work.path}/logs/taskout.log", range="bytes=-100"))
    stand.measure("indexer: the disk is walked", lambda: list(reconcile.logs(root, work.recipe)), stand.size)
    stand.measure("GET /jobs/J", partial(stand.call, "GET", f"/jobs/{work.job}"))
    stand.measure("GET /jobs/J/summary", partial(stand.call, "GET", f"/jobs/{work.job}/summary"))
    stand.measure("GET REST logs, the last", partial(stand.call, "GET", f"/api/v0.2/jobs/{work.recipe}/logs/?start=40"))
    stand.measure("GET /metrics", partial(stand.call, "GET", "/metrics"))


def with_results(stand: Stand) -> tuple[Work, ...]:
    """Let a recipe that runs have so many results."""
    work = begun(stand)
    stand.put(work, "taskout.log", 0, CHUNK)
    stand.report(work)

    def write(tx: Connection) -> None:
        times = stand.size - 1
        multiply(tx, results, results.c.recipe == work.recipe, times, id="id + n", path="'/check/' || n")
        leave_out(tx, times)

    stand.store(write)
    return (work,)


def told(stand: Stand, work: Work) -> None:
    """What is done with one of the results, with some, and with all."""
    recipe, job = work.recipe, work.job
    new = f"new-{next(stand.numbers)}"
    stand.measure("PUT of a new log", partial(stand.put, work, new, 0, CHUNK))
    routine.harness(stand, work, units=stand.size)
    routine.services(stand, work)
    last = stand.report(work) - 2
    for what, url in {
        "results, first page": f"/recipes/{recipe}/results?limit=5",
        "results, last page": f"/recipes/{recipe}/results?limit=5&after={last}",
        "job's results, first page": f"/jobs/{job}/results?limit=5",
        "job's results, last page": f"/jobs/{job}/results?limit=5&after={last}",
        "job": f"/jobs/{job}",
        "REST job": f"/api/v0.2/jobs/{recipe}/",
        "REST tests, first page": f"/api/v0.2/jobs/{recipe}/tests/?limit=5",
        "events": f"/events?after={stand.gateway.events.latest() - 5}",
        "metrics": "/metrics",
    }.items():
        stand.measure(f"GET {what}", partial(stand.call, "GET", url))
    for what, url in {
        "summary": f"/jobs/{job}/summary",
        "all results": f"/recipes/{recipe}/results?limit={min(stand.size, 1000)}",
        "REST suites": f"/api/v0.2/jobs/{recipe}/suites/",
        "REST yaml": f"/api/v0.2/jobs/{recipe}/yaml/",
        "REST junit": f"/api/v0.2/jobs/{recipe}/junit/",
        "REST tap13": f"/api/v0.2/jobs/{recipe}/tap13/",
    }.items():
        stand.measure(
            f"GET {what}", partial(stand.call, "GET", url), min(stand.size, 1000) if "all" in what else stand.size
        )
    method = "results.get_testjob_results_yaml"
    stand.measure(method, partial(stand.rpc, method, str(recipe)), stand.size)
