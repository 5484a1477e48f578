"""The kernel watches no more directories, or loses events: every log is indexed all the same."""

import itertools
import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from acting import Acting
from lab import Lab, reachable_directory
from stopping import stopped
from userlimits import UserLimits, within
from waiting import until

#: fs.inotify.max_queued_events, at most
QUEUE = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
PLENTY = 100_000
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A Tackroom with limits of its own."""
    made = Lab(reachable_directory() / "data", "none", within=within())
    try:
        made.start()
        # its commands need no limits of their own
        made.within = ()
        yield made
    finally:
        made.end()
        shutil.rmtree(made.data.parent)


@pytest.fixture
def limits(lab: Lab) -> Iterator[UserLimits]:
    """Those limits, high again afterwards."""
    assert lab.process is not None
    made = UserLimits(lab.process.pid)
    yield made
    made.set("max_inotify_watches", PLENTY)
    made.set("max_inotify_instances", PLENTY)


def test_watches_run_out_and_come_back(lab: Lab, limits: UserLimits) -> None:
    """The indexer searches the disk, and says why; it watches again by itself as soon as it may."""
    before = recipe_with_logs(lab)
    limits.set("max_inotify_watches", 1)
    meanwhile = recipe_with_logs(lab)
    blind_for(lab, "fs.inotify.max_user_watches")
    finish(lab, before)
    finish(lab, meanwhile)
    seeing = recipe_with_logs(lab)
    knows(lab, seeing)
    limits.set("max_inotify_watches", PLENTY)
    assert sees(lab)["watches"] > 5
    finish(lab, seeing)


def test_instances_run_out_and_come_back(lab: Lab, limits: UserLimits) -> None:
    """An indexer that begins without any watch does its work, and says why; it watches by itself as soon as it may."""
    limits.set("max_inotify_instances", 0)
    (pid,) = lab.pids("wsgi_app.cli indexer")
    os.kill(pid, signal.SIGKILL)
    meanwhile = recipe_with_logs(lab)
    blind_for(lab, "fs.inotify.max_user_instances")
    finish(lab, meanwhile)
    seeing = recipe_with_logs(lab)
    limits.set("max_inotify_instances", PLENTY)
    sees(lab)
    finish(lab, seeing)


def test_the_kernels_queue_overflows(lab: Lab, limits: UserLimits) -> None:
    """More happens than the kernel remembers for a stopped indexer: it counts that, and finds all on the disk."""
    limits.set("max_inotify_watches", PLENTY)
    sees(lab)
    acting = recipe_with_logs(lab)
    knows(lab, acting)
    before = status(lab)["overflows"]
    with stopped(lab, "wsgi_app.cli indexer"):
        flood(lab, acting)
        for number in range(5):
            acting.log(0, f"lost-{number}.log", b"nobody was told\n")
    until(lambda: status(lab)["overflows"] > before, "a word about the overflow")
    # while its owner runs nothing but events tells of a log: they were lost, so the disk was searched
    until(lambda: {f"lost-{number}.log" for number in range(5)} <= set(grown(lab, acting)), "what nobody was told of")
    counted = re.search(r"^tackroom_inotify_overflows_total (\S+)$", lab.call("GET", "/metrics").body.decode(), re.M)
    assert counted is not None
    assert float(counted[1]) > before
    finish(lab, acting, logs=8)


def recipe_with_logs(lab: Lab) -> Acting:
    """Run a recipe that has written some logs, in directories of their own."""
    acting = Acting(lab, "one", system=f"system-{next(NUMBERS)}").claim()
    acting.status(0, "Running")
    for name in ("plain.log", "deep/er/one.log", "deep/er/two.log"):
        acting.log(0, name, b"not ok 1 - %s\n" % name.encode())
    return acting


def finish(lab: Lab, acting: Acting, logs: int = 3) -> None:
    """End a recipe; all its logs are read, and its verdict says so."""
    acting.log(0, "last.log", b"the end\n")
    acting.status(0, "Completed")
    assert lab.settled(acting.job)["verdict"] == "fail"
    found = lab.call("GET", f"/recipes/{acting.recipe}/log-index").json["logs"]
    assert [log["state"] for log in found] == ["finished"] * (logs + 1)
    events = lab.call("GET", "/events?topic=log&limit=10000").json["events"]
    told = [one["data"]["path"] for one in events if one["data"]["recipe"] == acting.recipe]
    finished = [one["data"]["path"] for one in events if one["data"]["state"] == "finished"]
    assert sorted(set(told)) == sorted(log["path"] for log in found)
    assert len(finished) == len(set(finished))


def blind_for(lab: Lab, reason: str) -> None:
    """Wait until the indexer says that it cannot watch, and for what reason; Tackroom is ready all the same."""
    until(lambda: reason in (status(lab)["blind"] or ""), "a word about it")
    answer = lab.call("GET", "/readyz", headers={"Accept": "application/json"})
    assert (answer.status, answer.json["ready"]) == (200, True)
    assert reason in lab.call("GET", "/readyz").body.decode()
    done = lab.command("doctor", check=False)
    assert reason in done.stdout + done.stderr


def knows(lab: Lab, acting: Acting) -> None:
    """Wait until the indexer has told of a recipe's logs: it watches their directories by then, as far as it may."""
    until(lambda: {"plain.log", "deep/er/one.log", "deep/er/two.log"} <= set(grown(lab, acting)), "word of the logs")


def sees(lab: Lab) -> Any:
    """Wait until the indexer watches everything that it knows by now, and return what it says of itself then."""
    asked = time.monotonic()
    # its last word may be a second old, and of the time before all that has just been done
    said = until(lambda: (s := status(lab))["blind"] is None and s["monotonic"] > asked and s, "sight", 40)
    assert b"note indexer" not in lab.call("GET", "/readyz").body
    return said


def status(lab: Lab) -> Any:
    """Return what the indexer said of itself last; `monotonic` is when."""
    return json.loads((lab.data / "run" / "indexer.json").read_text())


def grown(lab: Lab, acting: Acting) -> list[str]:
    """Return the names of the task's logs of which it is known that something is in them."""
    logs = lab.call("GET", f"/recipes/{acting.recipe}/log-index").json["logs"]
    return [log["path"].split("/logs/")[1] for log in logs if log["size"] > 0]


def flood(lab: Lab, acting: Acting) -> None:
    """Let more happen in a recipe's directory than the kernel's queue holds; files of such names are no logs."""
    directory = lab.data / "logs" / "recipes" / str(acting.recipe) / "tasks" / str(acting.tasks[0]) / "logs"
    names = [directory / ".odd", directory / ".even"]
    for number in range(QUEUE + 100):
        os.close(os.open(names[number % 2], os.O_WRONLY | os.O_CREAT))
    for name in names:
        name.unlink()
