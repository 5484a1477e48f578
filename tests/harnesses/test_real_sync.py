"""Harnesses on two systems against a whole Tackroom: sync, deaths, restarts, cancel."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, running_lab
from waiting import until

from tests.harnesses.conftest import ROOT, Harness

HTTPD = shutil.which("apache2", path=os.environ.get("PATH", "") + ":/usr/sbin")
Machine = Callable[[str], Harness]


@pytest.fixture(scope="module", params=["none", "apache"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A running Tackroom, without and with httpd."""
    if request.param == "apache" and HTTPD is None:
        pytest.skip("no httpd here")
    with running_lab(request.param) as made:
        yield made


@pytest.fixture
def hosts(lab: Lab) -> list[str]:
    """Two new systems."""
    names = [f"host-{letter}-{uuid.uuid4().hex[:6]}" for letter in "ab"]
    for name in names:
        lab.post("/systems/", {"name": name})
    return names


@pytest.fixture
def machine(lab: Lab, tmp_path: Path) -> Iterator[Machine]:
    """Begin the harness of a system; again, when it was killed."""
    running: list[Harness] = []

    def start(name: str) -> Harness:
        key = tmp_path / f"{name}.key"
        if not key.exists():
            key.write_text(lab.post(f"/systems/{name}/key", {})["key"])
        command = [sys.executable, "-m", "wsgi_app.harnesses.local", "run", "--url", lab.url, "--system", name]
        command += ["--state", str(tmp_path / name), "--token-file", str(key)]
        harness = Harness(command, {**os.environ, "PYTHONPATH": str(ROOT)}, tmp_path / f"{name}.txt")
        running.append(harness)
        return harness

    yield start
    for harness in running:
        if harness.process.poll() is None:
            harness.interrupt()


def submit(lab: Lab, hosts: list[str], server: str, client: str) -> list[Any]:
    """Submit a job of one set, a server on the first host and a client on the second; return the recipes."""
    recipes = [
        {"system": hosts[0], "role": "SERVERS", "tasks": [{"name": "server", "script": server}]},
        {"system": hosts[1], "role": "CLIENTS", "tasks": [{"name": "client", "script": client}]},
    ]
    found: list[Any] = lab.post("/jobs/", {"recipe_sets": [{"recipes": recipes}]})["recipe_sets"][0]["recipes"]
    return found


def output(lab: Lab, recipe: Any) -> str:
    """What the recipe's first task wrote."""
    answer = lab.call("GET", f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}/logs/taskout.log")
    return answer.body.decode() if answer.status == 200 else ""


def waits(lab: Lab, recipe: Any, state: str) -> bool:
    """Whether the controller knows that the recipe waits for the state."""
    states = lab.call("GET", f"/recipes/{recipe['id']}/sync/").json["states"]
    return any(
        one["state"] == state and two["recipe"] == recipe["id"] and two["waiting"]
        for one in states
        for two in one["recipes"]
    )


def test_two_machines_meet(lab: Lab, hosts: list[str], machine: Machine) -> None:
    """A server tells its port, a client reads it and says that it is done; both know each other by their roles."""
    server = """
    tackroom-sync set "up ü" --say '{"port": 5001}' && tackroom-sync wait done --role CLIENTS; echo "exit $?"
    echo "$SERVERS|$CLIENTS|$RECIPE_MEMBERS|$STANDALONE"
    """
    client = """
    tackroom-sync wait "up ü" --role SERVERS; echo "exit $?"
    tackroom-sync wait done --timeout 0.5; echo "exit $?"
    tackroom-sync wait done --role NOBODY; echo "exit $?"
    tackroom-sync set done --say '"ok"' && tackroom-sync wait done --any; echo "exit $?"
    """
    first, second = submit(lab, hosts, server, client)
    machine(hosts[0]), machine(hosts[1])
    job = lab.settled(first["job"], 60)
    assert job["status"] == "Completed"
    said = {str(second["id"]): "ok"}
    lines = output(lab, first).splitlines()
    assert json.loads(lines[0]) == said
    server_host, client_host = hosts
    assert lines[1:] == [
        "exit 0",
        f"{server_host}|{client_host}|{client_host} {server_host}|{server_host} {client_host}",
    ]
    text = output(lab, second)
    assert json.loads(text.splitlines()[0]) == {str(first["id"]): {"port": 5001}}
    assert [line for line in text.splitlines() if line.startswith("exit")] == ["exit 0", "exit 1", "exit 2", "exit 0"]
    assert f"not there: recipe {first['id']} ({hosts[0]})" in text


def test_a_peer_dies(lab: Lab, hosts: list[str], machine: Machine) -> None:
    """When the other recipe is aborted, the wait for it ends at once with 3 and its name."""
    first, second = submit(lab, hosts, "exec sleep 600", "tackroom-sync wait up; echo exit $?")
    machine(hosts[0]), machine(hosts[1])
    until(lambda: waits(lab, second, "up"), "the wait")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert lab.call("POST", f"/recipes/{first['id']}/status", b"status=Aborted&message=dead", form).status == 204
    began = time.monotonic()
    until(lambda: "exit" in output(lab, second), "the end of the wait")
    assert time.monotonic() - began < 5
    assert f"recipe {first['id']} ({hosts[0]}) has ended (Aborted) without reaching up\nexit 3\n" in output(lab, second)


def test_a_peer_hangs(lab: Lab, hosts: list[str], machine: Machine) -> None:
    """A recipe that only waits is aborted with the other, whose machine says no more, though its harness lives."""
    first, second = submit(lab, hosts, "exec sleep 600", "tackroom-sync wait up")
    hung = machine(hosts[0])
    machine(hosts[1])
    until(lambda: waits(lab, second, "up") and _running(lab, first["job"]), "the wait")
    until(lambda: _began(lab, first), "the other recipe")
    hung.kill()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert lab.call("POST", f"/recipes/{first['id']}/watchdog", b"seconds=0", form).status == 204
    until(lambda: lab.call("GET", f"/jobs/{first['job']}").json["status"] == "Aborted", "the end of both")
    again = machine(hosts[0])
    until(lambda: f"recipe {first['id']}: it is not ours any more" in again.words(), "the end of what it had left")


def _began(lab: Lab, recipe: Any) -> bool:
    answer = lab.call("GET", f"/recipes/{recipe['id']}/", headers={"Accept": "application/json"})
    return bool(answer.json["tasks"][0]["status"] == "Running")


def test_harness_is_killed_during_a_wait(lab: Lab, hosts: list[str], machine: Machine) -> None:
    """The task's wait goes on when its harness was killed and begins anew."""
    first, second = submit(
        lab, hosts, "sleep 3; tackroom-sync set up", "tackroom-sync wait up --role SERVERS; echo exit $?"
    )
    machine(hosts[0])
    harness = machine(hosts[1])
    until(lambda: waits(lab, second, "up"), "the wait")
    harness.kill()
    until(lambda: lab.call("GET", f"/recipes/{first['id']}/").status == 200 and _there(lab, first), "the server")
    machine(hosts[1])
    assert lab.settled(first["job"], 60)["status"] == "Completed"
    assert output(lab, second) == f'{{"{first["id"]}": null}}\nexit 0\n'


def _there(lab: Lab, recipe: Any) -> bool:
    states = lab.call("GET", f"/recipes/{recipe['id']}/sync/").json["states"]
    return any(two["there"] for one in states for two in one["recipes"])


def test_controller_is_restarted_during_a_wait(lab: Lab, hosts: list[str], machine: Machine, tmp_path: Path) -> None:
    """The task's wait goes on when the controller comes back, and so does what it had been told before."""
    go = tmp_path / "go"
    server = f"tackroom-sync set up --say 1; while [ ! -e {go} ]; do sleep 0.1; done; tackroom-sync set more"
    first, second = submit(
        lab, hosts, server, "tackroom-sync wait more --role SERVERS; tackroom-sync wait up --any; echo $?"
    )
    machine(hosts[0]), machine(hosts[1])
    until(lambda: waits(lab, second, "more") and _there(lab, first), "the wait")
    lab.stop()
    lab.start()
    go.touch()
    assert lab.settled(first["job"], 60)["status"] == "Completed"
    assert output(lab, second) == f'{{"{first["id"]}": null}}\n{{"{first["id"]}": 1}}\n0\n'


def test_cancel(lab: Lab, hosts: list[str], machine: Machine) -> None:
    """Within five seconds of a cancel the task is killed, its last words are there, and the next recipe runs."""
    script = "trap 'echo bye; exit' TERM; echo begun; while :; do sleep 0.1; done"
    job = lab.job({"name": "one", "script": script}, system=hosts[0])
    recipe = job["recipe_sets"][0]["recipes"][0]
    following = lab.job({"name": "two", "command": ["sleep", "600"]}, system=hosts[0])
    machine(hosts[0])
    until(lambda: "begun" in output(lab, recipe), "the task")
    began = time.monotonic()
    assert lab.call("POST", f"/jobs/{job['id']}/cancel", b"").status == 204
    until(lambda: _running(lab, following["id"]), "the next recipe")
    took = time.monotonic() - began
    assert took < 5
    assert output(lab, recipe).startswith("begun\n")
    assert output(lab, recipe).endswith("bye\n")
    log = lab.call("GET", f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}/logs/harness.log").body
    assert b"the controller has ended recipe" in log
    assert lab.settled(job["id"])["verdict"] == "cancelled"


def _running(lab: Lab, job: int) -> bool:
    return bool(lab.call("GET", f"/jobs/{job}").json["status"] == "Running")
