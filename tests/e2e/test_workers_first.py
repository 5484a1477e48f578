"""A system with nothing but a stock buildbot-worker runs a job; and what happens when parts die."""

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from buildbotworker import VERSIONS, BuildbotWorker, worker_of
from lab import Lab, free_port, running_lab
from waiting import until

ROOT = Path(__file__).parents[2]
FIRST_JOB = ROOT / "docs" / "examples" / "first-job.xml"
NAME = "board-1"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab that workers may come to."""
    # a port that stays when the gateway starts anew
    with running_lab("none", TACKROOM_BUILDBOT_LISTEN=f"127.0.0.1:{free_port()}") as lab:
        yield lab


@pytest.fixture(params=VERSIONS)
def worker(request: pytest.FixtureRequest, lab: Lab) -> Iterator[BuildbotWorker]:
    """A worker of either version that is connected; it and its system's claim on us are gone afterwards."""
    place = Path(tempfile.mkdtemp(prefix="tackroom-worker-", dir="/tmp"))
    try:
        with worker_of(lab, place, NAME, request.param) as made:
            yield made
            made.kill()
        assert lab.call("DELETE", f"/workers/{NAME}").status == 204
    finally:
        shutil.rmtree(place, ignore_errors=True)


def state(lab: Lab) -> Any:
    """Return what the lab says of the worker."""
    return lab.call("GET", f"/workers/{NAME}").json


def tasks(lab: Lab, job: Any) -> list[tuple[str, str, str]]:
    """Return name, status and result of a job's tasks."""
    found = lab.call("GET", f"/jobs/{job['id']}").json["recipe_sets"][0]["recipes"][0]["tasks"]
    return [(task["name"], task["status"], task["result"]) for task in found]


def sleeper(directory: Path) -> dict[str, Any]:
    """Return a task that notes that it was started, and how it can be seen to live, and then sleeps for long."""
    return {"name": "long", "command": ["sh", "-c", f"echo $$ >> {directory}/started; exec sleep 600"]}


def begun(directory: Path) -> Callable[[], list[int]]:
    """Return a look at the process ids that a `sleeper` has noted."""

    def look() -> list[int]:
        with suppress(FileNotFoundError):
            return [int(pid) for pid in (directory / "started").read_text().split()]
        return []

    return look


def alive(pid: int) -> bool:
    """Whether a process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_runs_the_first_job(lab: Lab, worker: BuildbotWorker, tmp_path: Path) -> None:
    """Its result, its logs and its tools are as with any harness, a log of 72 MiB included."""
    document = tmp_path / "job.xml"
    document.write_text(FIRST_JOB.read_text().replace('force="demo"', f'force="{NAME}"'))
    job = int(lab.command("job", "submit", str(document)).stdout)
    found = lab.settled(job, 50)
    assert (found["status"], found["verdict"]) == ("Completed", "pass"), found
    assert found["reason"] == "nothing failed: 6 Pass, 1 Skip, 1 Warn"
    recipe = found["recipe_sets"][0]["recipes"][0]
    logs = lab.data / "logs" / "recipes" / str(recipe["id"])
    assert next(logs.rglob("console.log")).stat().st_size == 75497580
    (hello,) = (log for log in logs.rglob("taskout.log") if f"tasks/{recipe['tasks'][0]['id']}/" in str(log))
    assert hello.read_text() == "hello from the demo system\n"
    until(lambda: state(lab)["recipe"] is None and state(lab)["state"] == "idle", "the worker is free")
    # nothing of it stays, neither there nor here
    until(lambda: not [left for left in (worker.directory / "slot0").iterdir() if left.name.startswith("t")], "clean")
    until(lambda: not list((lab.data / "workers" / "recipes").iterdir()), "nothing in hand")


def test_cancelled_it_is_killed_at_once(lab: Lab, worker: BuildbotWorker) -> None:
    """What runs ends within five seconds, and the worker is free again."""
    job = lab.job(sleeper(worker.directory), {"name": "next", "command": ["true"]}, system=NAME)
    (pid,) = until(begun(worker.directory), "it runs")
    assert lab.call("POST", f"/jobs/{job['id']}/cancel").status in (200, 202, 204)
    until(lambda: not alive(pid), "it is killed", 5)
    until(lambda: state(lab)["recipe"] is None, "the worker is free")
    assert tasks(lab, job) == [("long", "Cancelled", "New"), ("next", "Cancelled", "New")]


@pytest.mark.parametrize("part", ["gateway", "worker"])
def test_what_ran_when_one_was_killed_is_aborted_once(lab: Lab, worker: BuildbotWorker, part: str) -> None:
    """The task is not started again; the next one runs as soon as both are there."""
    job = lab.job(sleeper(worker.directory), {"name": "next", "command": ["echo", "on"]}, system=NAME)
    (pid,) = until(begun(worker.directory), "it runs")
    if part == "gateway":
        os.kill(json.loads((lab.data / "run" / "workers.json").read_text())["pid"], signal.SIGKILL)
    else:
        worker.kill()
        # nobody is left who would: no worker outlives what it started this way
        os.kill(pid, signal.SIGKILL)
        until(lambda: not state(lab)["online"], "it is missed")
        worker.begin()
    lab.settled(job["id"], 40)
    assert tasks(lab, job) == [("long", "Aborted", "Warn"), ("next", "Completed", "Pass")]
    assert begun(worker.directory)() == [pid]
    until(lambda: not alive(pid), "it is killed")


def test_it_is_told_to_exit_when_it_is_free(lab: Lab, worker: BuildbotWorker) -> None:
    """Asked for while it works: the recipe ends first."""
    go = worker.directory / "go"
    wait = {"name": "wait", "command": ["sh", "-c", f"echo $$ >> {go.parent}/started; until [ -e {go} ]; do :; done"]}
    job = lab.job(wait, system=NAME)
    until(begun(worker.directory), "it runs")
    assert lab.call("POST", f"/workers/{NAME}/shutdown").status == 204
    assert worker.runs
    go.touch()
    assert worker.exited() == 0
    assert tasks(lab, job) == [("wait", "Completed", "Pass")]
    until(lambda: not state(lab)["online"], "it is offline")
