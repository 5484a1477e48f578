"""LAVA tests on our harness against a whole Tackroom: results, several systems that meet, and a test that gives up."""

from __future__ import annotations

import os
import signal
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, running_lab
from waiting import until

from tests.harnesses.conftest import ROOT, Harness
from wsgi_app.documents.lavajob.definition import read_definition
from wsgi_app.documents.lavajob.shell import RunFacts, script_of


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A running Tackroom."""
    with running_lab("none", TACKROOM_QUIET_SECONDS="0.1") as made:
        yield made


Run = Callable[..., Any]


@pytest.fixture
def run(lab: Lab, tmp_path: Path) -> Iterator[Run]:
    """Run recipes of one set, each with a role and the scripts of its tasks, on systems of their own, to the end."""
    running: list[Harness] = []

    def start(*recipes: tuple[str, Sequence[str]]) -> Any:
        made: list[dict[str, Any]] = []
        for role, scripts in recipes:
            name = f"{role}-{uuid.uuid4().hex[:6]}"
            lab.post("/systems/", {"name": name})
            (tmp_path / f"{name}.key").write_text(lab.post(f"/systems/{name}/key", {})["key"])
            tasks = [{"name": f"t{number}", "script": script} for number, script in enumerate(scripts)]
            made.append({"system": name, "role": role, "tasks": tasks})
        job = lab.post("/jobs/", {"recipe_sets": [{"recipes": made}]})
        for recipe in made:
            command = [sys.executable, "-m", "wsgi_app.harnesses.local", "run", "--once", "--url", lab.url]
            command += ["--system", recipe["system"], "--state", str(tmp_path / recipe["system"])]
            command += ["--token-file", str(tmp_path / f"{recipe['system']}.key")]
            log = tmp_path / f"{recipe['system']}.txt"
            running.append(Harness(command, {**os.environ, "PYTHONPATH": str(ROOT)}, log))
        return lab.settled(job["id"], 60)

    yield start
    for harness in running:
        if harness.process.poll() is None:
            harness.kill(signal.SIGINT)


def script(number: int, *steps: str, **facts: Any) -> str:
    """The script of a test."""
    return script_of(read_definition({"run": {"steps": [*steps]}}, ()), RunFacts(name="t", test_no=number, **facts))


def said(lab: Lab, recipe: Any, task: int = 0) -> list[str]:
    """What a task has printed, without traces and signals."""
    answer = lab.call("GET", f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][task]['id']}/logs/taskout.log")
    assert answer.status == 200, answer
    lines = answer.body.decode().splitlines()
    return [line for line in lines if not line.startswith(("+", "<LAVA_SIGNAL"))]


def results(lab: Lab, recipe: Any) -> set[tuple[str, str]]:
    """The results of a recipe: path and value."""
    found = lab.call("GET", f"/recipes/{recipe['id']}/results?limit=1000").json["results"]
    return {(one["path"], one["result"]) for one in found}


def group(role: str, cache: Path) -> dict[str, Any]:
    """What a test of one server and two clients knows of its group."""
    return {
        "role": role,
        "roles": {"server": 1, "client": 2},
        "parameters": {"LAVA_MULTI_NODE_CACHE": str(cache)},
    }


def test_three_systems(lab: Lab, run: Run, tmp_path: Path) -> None:
    """They know one another; messages, sent before or while somebody waits, reach all others; the barrier holds."""
    server = script(
        0,
        "lava-send ready port=5001 'name=a b'",
        "lava-wait-all hello client; sort $LAVA_MULTI_NODE_CACHE",
        "lava-group server; lava-sync over",
        **group("server", tmp_path / "server.txt"),
    )
    clients = [
        script(
            0,
            f'lava-send hello "who={name}"',
            "lava-wait ready; cat $LAVA_MULTI_NODE_CACHE",
            "lava-wait hello; cat $LAVA_MULTI_NODE_CACHE | wc -l",
            "lava-group | sort; lava-sync over",
            **group("client", tmp_path / f"{name}.txt"),
        )
        for name in ("x", "y")
    ]
    job = run(("server", [server]), ("client", [clients[0]]), ("client", [clients[1]]))
    assert (job["status"], job["verdict"]) == ("Completed", "pass")
    recipes = job["recipe_sets"][0]["recipes"]
    names = [recipe["system"] for recipe in recipes]
    assert said(lab, recipes[0]) == [*sorted([f"{names[1]}:who=x", f"{names[2]}:who=y"]), names[0]]
    everyone = sorted([f"{names[0]}\tserver", f"{names[1]}\tclient", f"{names[2]}\tclient"])
    for recipe in recipes[1:]:
        assert said(lab, recipe) == ["port=5001", "name=a b", "1", *everyone]
        calls = {("/0_t/multinode-" + call, "Pass") for call in ("send-hello", "wait-ready", "wait-hello", "sync-over")}
        assert calls <= results(lab, recipe)


def test_two_systems_one_of_which_gives_up(lab: Lab, run: Run, tmp_path: Path) -> None:
    """A raise in the last task aborts the recipe with its message; whoever waits for it fails, and goes on."""
    first = [
        script(0, "lava-test-case one --result fail", "false", **group("server", tmp_path / "server.txt")),
        script(1, "sh -c 'lava-test-raise it is hopeless; sleep 60; echo never'; echo never"),
    ]
    waits = [
        script(0, "lava-wait never; echo never", **group("client", tmp_path / "client.txt")),
        script(1, "lava-test-case after --result pass --measurement 5 --units s"),
    ]
    job = run(("server", first), ("client", waits))
    one, two = job["recipe_sets"][0]["recipes"]
    assert (one["status"], one["reason"]) == ("Aborted", "it is hopeless")
    assert [task["status"] for task in one["tasks"]] == ["Completed", "Aborted"]
    assert {("/0_t/lava-test-shell", "Fail"), ("/1_t/lava-test-raise", "Fail")} <= results(lab, one)
    assert two["status"] == "Completed"
    assert {("/0_t/multinode-wait-never", "Fail"), ("/1_t/after", "Pass")} <= results(lab, two)
    assert "never" not in [*said(lab, one, 1), *said(lab, two)]
    assert any("has ended (Aborted) without reaching" in line for line in said(lab, two))
    assert not list(tmp_path.rglob("lava-??????"))
    until(lambda: not _left(), "nothing is left", 5)


def _left() -> list[str]:
    """The commands of the raised test that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_text()
        except (OSError, UnicodeDecodeError):
            continue
        if "it is hopeless; sleep 60" in command:
            found.append(command)
    return found
