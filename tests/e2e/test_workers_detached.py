"""A worker whose tasks survive lost connections: what runs goes on, and all output comes, whoever dies beside it."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from buildbotworker import BuildbotWorker, worker_of
from lab import Lab, free_port, running_lab
from waiting import until

TICKS = "echo x >> $STARTS; i=0; while [ ! -e $GO ]; do i=$((i+1)); echo tick $i; sleep 0.2; done; exit 3"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab that workers may come to."""
    with running_lab("none", TACKROOM_BUILDBOT_LISTEN=f"127.0.0.1:{free_port()}") as lab:
        yield lab


@pytest.fixture
def worker(lab: Lab, tmp_path: Path) -> Iterator[BuildbotWorker]:
    """A worker that is connected."""
    with worker_of(lab, tmp_path, tmp_path.name.replace("_", "-"), detach=True) as made:
        yield made
        (tmp_path / "go").touch()


def ticking(lab: Lab, name: str, place: Path) -> tuple[int, Any]:
    """Begin a job that ticks until `go` is there; return it and the path of its output."""
    script = f"STARTS={place}/starts GO={place}/go; {TICKS}"
    job = lab.job({"name": "ticks", "script": script}, {"name": "next", "command": ["true"]}, system=name)
    recipe = lab.call("GET", f"/jobs/{job['id']}").json["recipe_sets"][0]["recipes"][0]
    output = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}/logs/taskout.log"
    until(lambda: ticks(lab, output), "it ticks")
    return job["id"], output


def ticks(lab: Lab, output: str) -> list[str]:
    """What has come of the output."""
    answer = lab.call("GET", output)
    return answer.body.decode().splitlines() if answer.status == 200 else []


@pytest.mark.parametrize("part", ["gateway", "worker"])
def test_it_goes_on(lab: Lab, worker: BuildbotWorker, tmp_path: Path, part: str) -> None:
    """Started once, nothing of the output missing or twice, and its own exit status."""
    job, output = ticking(lab, worker.name, tmp_path)
    if part == "gateway":
        kill_gateway(lab)
    else:
        worker.kill()
        worker.begin()
    had = len(ticks(lab, output))
    until(lambda: len(ticks(lab, output)) > had + 3, "it goes on", 30)
    (tmp_path / "go").touch()
    found = lab.settled(job, 30)
    tasks = found["recipe_sets"][0]["recipes"][0]["tasks"]
    assert [(task["status"], task["result"]) for task in tasks] == [("Completed", "Fail"), ("Completed", "Pass")]
    lines = ticks(lab, output)
    assert lines == [f"tick {number}" for number in range(1, len(lines) + 1)]
    assert (tmp_path / "starts").read_text() == "x\n"


def test_tools_work_after_a_restart(lab: Lab, worker: BuildbotWorker, tmp_path: Path) -> None:
    """What it reports before and after counts once, so it gets no result of ours."""
    script = (
        f"tackroom-report Pass before\nuntil [ -e {tmp_path}/go ]; do sleep 0.2; done\ntackroom-report Pass after\n"
    )
    job = lab.job({"name": "reports", "script": f"{script}echo $TACKROOM_URL"}, system=worker.name)

    def results() -> list[str]:
        return [one["path"] for one in lab.call("GET", f"/jobs/{job['id']}/results").json["results"]]

    until(lambda: results() == ["before"], "it reports")
    until(lambda: reported(lab), "the report is on record")
    kill_gateway(lab)
    (tmp_path / "go").touch()
    found = lab.settled(job["id"], 30)
    assert results() == ["before", "after"]
    recipe = found["recipe_sets"][0]["recipes"][0]
    output = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}/logs/taskout.log"
    assert lab.call("GET", output).body.decode() == f"{lab.url}\n"


def reported(lab: Lab) -> bool:
    """Whether the gateway has noted that a task has reported."""
    states = (lab.data / "workers" / "recipes").glob("*/state.json")
    return any((json.loads(state.read_text())["run"] or {}).get("reported") for state in states)


def kill_gateway(lab: Lab) -> None:
    """Kill the gateway; `serve` starts another."""
    os.kill(json.loads((lab.data / "run" / "workers.json").read_text())["pid"], signal.SIGKILL)


def gone(group: int) -> bool:
    """Whether nothing is left of a process group."""
    with suppress(ProcessLookupError):
        os.killpg(group, 0)
        return False
    return True


def group_of(worker: BuildbotWorker) -> int:
    """Return the process group of what runs there."""
    (session,) = (worker.directory / "slot0").glob("t*/side/session")
    return int(session.read_text().split()[0])


def test_cancelled_it_is_killed(lab: Lab, worker: BuildbotWorker, tmp_path: Path) -> None:
    """Its whole session ends within some seconds."""
    job, _ = ticking(lab, worker.name, tmp_path)
    group = group_of(worker)
    assert lab.call("POST", f"/jobs/{job}/cancel").status in (200, 202, 204)
    until(lambda: gone(group), "it is killed", 8)
    until(lambda: lab.call("GET", f"/workers/{worker.name}").json["recipe"] is None, "the worker is free")


@pytest.mark.parametrize("there", [True, False])
def test_removed(lab: Lab, worker: BuildbotWorker, tmp_path: Path, there: bool) -> None:
    """A worker that is removed ends its recipe, also when it is away; what ran on one that is there is killed."""
    job, _ = ticking(lab, worker.name, tmp_path)
    group = group_of(worker)
    if not there:
        worker.kill()
        until(lambda: not lab.call("GET", f"/workers/{worker.name}").json["online"], "it is missed")
    assert lab.call("DELETE", f"/workers/{worker.name}").status == 204
    found = lab.settled(job, 25)
    assert found["status"] == "Aborted"
    assert "removed" in found["recipe_sets"][0]["recipes"][0]["reason"]
    if there:
        until(lambda: gone(group), "it is killed", 8)
    until(lambda: not list((lab.data / "workers" / "recipes").iterdir()), "nothing in hand")
    # on a worker that is away it goes on by itself; not beyond this test
    (tmp_path / "go").touch()
    until(lambda: gone(group), "its end")
