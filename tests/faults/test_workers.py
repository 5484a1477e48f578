"""kill -9 of the gateway, the web and the worker in every phase: no task is run twice, and none is Running for ever."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from buildbotworker import BuildbotWorker, worker_of
from lab import Lab, free_port, running_lab
from waiting import until

TASKS = ("first", "second", "third")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab that workers come to, at a port that stays when the gateway is started anew."""
    with running_lab("apache", TACKROOM_BUILDBOT_LISTEN=f"127.0.0.1:{free_port()}") as made:
        yield made


@pytest.fixture
def worker(lab: Lab, tmp_path: Path) -> Iterator[BuildbotWorker]:
    """A stock worker that is there, of a system of this test's own."""
    with worker_of(lab, tmp_path, tmp_path.name.replace("_", "-")[:60]) as one:
        yield one


def kill_gateway(lab: Lab, worker: BuildbotWorker) -> None:
    """The gateway dies; `serve` starts another."""
    (pid,) = lab.pids("wsgi_app.cli workers")
    os.kill(pid, signal.SIGKILL)


def kill_web(lab: Lab, worker: BuildbotWorker) -> None:
    """All of gunicorn dies; `serve` starts another."""
    for pid in lab.pids("gunicorn"):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_worker(lab: Lab, worker: BuildbotWorker) -> None:
    """The worker dies, and comes back as a machine does that is switched on again."""
    worker.kill()
    worker.begin()


VICTIMS = {"gateway": kill_gateway, "web": kill_web, "worker": kill_worker}


def submit(lab: Lab, worker: BuildbotWorker, place: Path) -> int:
    """Submit three tasks, each of which notes its start, and goes on until a file of its name is there."""
    tasks = [
        {
            "name": name,
            "script": f"echo {name} >>{place}/starts\nuntil [ -e {place}/{name} ]; do sleep 0.05; done\necho over\n",
        }
        for name in TASKS
    ]
    job: int = lab.job(*tasks, system=worker.name)["id"]
    return job


def starts(place: Path) -> Counter[str]:
    """How often each task was started."""
    with suppress(FileNotFoundError):
        return Counter((place / "starts").read_text().split())
    return Counter()


def tasks_of(lab: Lab, job: int) -> list[Any]:
    """The tasks of a job's recipe."""
    found = lab.call("GET", f"/jobs/{job}")
    return found.json["recipe_sets"][0]["recipes"][0]["tasks"] if found.status == 200 else []


def ended(lab: Lab, job: int) -> Any:
    """The job when it is settled; calls are answered by 503 while the web is away."""

    def settled() -> Any:
        with suppress(OSError, ValueError, KeyError):
            found = lab.call("GET", f"/jobs/{job}").json
            return found["settled"] and found
        return None

    return until(settled, "the job", 90)


@pytest.mark.parametrize("victim", list(VICTIMS))
def test_while_a_task_runs(lab: Lab, worker: BuildbotWorker, tmp_path: Path, victim: str) -> None:
    """The task is aborted once where its connection was lost, and goes on where it was not; the others are run."""
    job = submit(lab, worker, tmp_path)
    (tmp_path / "first").touch()
    until(lambda: starts(tmp_path)["second"], "the second task runs", 30)
    VICTIMS[victim](lab, worker)
    # an orphan of a worker that was killed goes on until then
    (tmp_path / "third").touch()
    if victim == "web":
        (tmp_path / "second").touch()
    ended(lab, job)
    (tmp_path / "second").touch()
    assert starts(tmp_path) == Counter(TASKS)
    statuses = [task["status"] for task in tasks_of(lab, job)]
    assert statuses == ["Completed", "Completed" if victim == "web" else "Aborted", "Completed"]
    results = lab.call("GET", f"/jobs/{job}/results").json["results"]
    assert Counter(one["path"] for one in results)["exit_code"] == (3 if victim == "web" else 2), results


@pytest.mark.parametrize("victim", list(VICTIMS))
def test_between_tasks(lab: Lab, worker: BuildbotWorker, tmp_path: Path, victim: str) -> None:
    """Wherever between two tasks it strikes, each is started at most once, and each has an end."""
    job = submit(lab, worker, tmp_path)
    until(lambda: starts(tmp_path)["first"], "the first task runs", 30)
    for name in TASKS:
        (tmp_path / name).touch()
    VICTIMS[victim](lab, worker)
    ended(lab, job)
    assert all(number == 1 for number in starts(tmp_path).values())
    found = tasks_of(lab, job)
    assert all(task["status"] in ("Completed", "Aborted") for task in found), found
    assert all(starts(tmp_path)[task["name"]] == 1 for task in found if task["status"] == "Completed"), found


@pytest.mark.parametrize("victim", list(VICTIMS))
def test_before_the_start(lab: Lab, worker: BuildbotWorker, tmp_path: Path, victim: str) -> None:
    """It strikes with the submission: the recipe is run all the same, or its tasks are told as aborted."""
    for name in TASKS:
        (tmp_path / name).touch()
    job = submit(lab, worker, tmp_path)
    VICTIMS[victim](lab, worker)
    ended(lab, job)
    assert all(number == 1 for number in starts(tmp_path).values())
    found = tasks_of(lab, job)
    assert all(task["status"] in ("Completed", "Aborted") for task in found), found
    until(lambda: lab.call("GET", f"/systems/{worker.name}").json["state"] != "running", "the system is free", 30)


def test_worker_that_does_not_come_back(lab: Lab, worker: BuildbotWorker, tmp_path: Path) -> None:
    """Its task is aborted within a second, and its recipe has at most five minutes left."""
    job = submit(lab, worker, tmp_path)
    until(lambda: starts(tmp_path)["first"], "the first task runs", 30)
    worker.kill()
    until(lambda: tasks_of(lab, job)[0]["status"] == "Aborted", "the task is aborted", 10)
    recipe = lab.call("GET", f"/jobs/{job}").json["recipe_sets"][0]["recipes"][0]

    def left() -> bool:
        said = lab.call("GET", f"/recipes/{recipe['id']}/", headers={"Accept": "application/json"}).json
        return said["watchdog"] is not None and said["watchdog"] <= 300

    until(left, "the watchdog is set", 10)
    assert lab.call("POST", f"/jobs/{job}/cancel").status == 204
    for name in TASKS:
        (tmp_path / name).touch()
    assert ended(lab, job)["status"] in ("Cancelled", "Aborted")


def test_strikes_are_real(lab: Lab, worker: BuildbotWorker) -> None:
    """There is one gateway, and more than one process of gunicorn: what the others kill is there."""
    check: Callable[[], bool] = lambda: len(lab.pids("wsgi_app.cli workers")) == 1 and len(lab.pids("gunicorn")) > 1  # noqa: E731
    assert until(check, "the processes are there", 30)
