"""What is asked of a Tackroom all day, by harnesses, readers, timer and indexer: each measured over a stand."""

from collections.abc import Callable
from functools import partial

from stand import FORM, Stand, Work

from wsgi_app.core.drift import AT_ONCE


def harness(stand: Stand, work: Work, units: int = 0) -> None:
    """What a harness calls again and again; `units`: what its recipe's document shows."""
    stand.measure("POST result", partial(stand.report, work))
    stand.measure(
        "POST watchdog", partial(stand.call, "POST", f"/recipes/{work.recipe}/watchdog", b"seconds=900", FORM)
    )
    document = partial(stand.call, "GET", f"/recipes/{work.recipe}/", accept="application/xml")
    stand.measure("GET recipe, changed", document, units)
    stand.measure("GET recipe, again", document)
    stand.measure("POST status, repeated", partial(stand.status, work, "Running"))


def readers(stand: Stand, work: Work) -> None:
    """What readers ask for: of one job, and lists."""
    job, recipe, task = work.job, work.recipe, work.task
    newest = stand.gateway.events.latest()
    for what, url in {
        "/jobs/": "/jobs/?limit=10",
        "/jobs/J": f"/jobs/{job}",
        "/jobs/J/summary": f"/jobs/{job}/summary",
        "/jobs/J/results": f"/jobs/{job}/results",
        "/recipes/R/results": f"/recipes/{recipe}/results",
        "/recipes/R/log-index": f"/recipes/{recipe}/log-index",
        "/recipes/R/tasks/T/logs/": f"/recipes/{recipe}/tasks/{task}/logs/",
        "a log": f"/recipes/{recipe}/tasks/{task}/logs/taskout.log",
        "/queue": "/queue?limit=10",
        "/systems/": "/systems/?limit=10",
        "/events, the newest": f"/events?after={newest - 5}",
        "/metrics": "/metrics",
        "REST jobs": "/api/v0.2/jobs/?limit=10",
        "REST job": f"/api/v0.2/jobs/{recipe}/",
        "REST suites": f"/api/v0.2/jobs/{recipe}/suites/",
        "REST tests": f"/api/v0.2/jobs/{recipe}/tests/?limit=10",
        "REST logs, the last": f"/api/v0.2/jobs/{recipe}/logs/?start=40",
        "REST devices": "/api/v0.2/devices/",
    }.items():
        stand.measure(f"GET {what}", partial(stand.call, "GET", url))
    for method, *params in (
        ("scheduler.jobs.list", None, None, 0, 10),
        ("scheduler.jobs.queue", [], 0, 10),
        ("scheduler.all_jobs",),
        ("scheduler.jobs.show", str(recipe)),
        ("scheduler.job_state", str(recipe)),
        ("scheduler.jobs.logs", str(recipe), 40),
        ("results.get_testjob_suites_list_yaml", str(recipe)),
    ):
        stand.measure(method, partial(stand.rpc, method, *params))
    # without a server there are no others whose signs of life it could see: what counts is what looking costs
    stand.measure("GET /readyz", stand.gateway.readiness.look)


def services(stand: Stand, work: Work, units: int = 0) -> None:
    """What timer and indexer do, round after round; `units`: recipes that they look at."""
    gateway = stand.gateway
    newest = gateway.events.latest()
    duties: dict[str, Callable[[], object]] = {
        "timer: closing logs": gateway.recipes.close_logs,
        "timer: campaigns": gateway.campaigns.advance,
        "timer: assigning": gateway.systems.assign_waiting,
        "indexer: what has changed": partial(gateway.logs.survey, newest - 3),
        "indexer: a log grew": partial(
            gateway.logs.grew, {(work.recipe, work.console): 1_000_000 + next(stand.numbers)}
        ),
    }
    for what, duty in duties.items():
        stand.measure(what, duty)
    duties = {
        "timer: watchdogs": gateway.watchdogs.expire,
        "timer: the gate made anew": gateway.gate_image.rebuild,
        "indexer: all that is unsettled": gateway.logs.survey,
    }
    for what, duty in duties.items():
        stand.measure(what, duty, units)
    # it looks at some each time
    stand.measure("timer: a look at the gate", gateway.drift.mend, min(units, AT_ONCE))
