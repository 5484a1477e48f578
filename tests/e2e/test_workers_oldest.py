"""The protocol's checklist, 38: a slave of 0.8.4, by its names, types and ways, runs whole jobs like any worker."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from buildbotworker import OLDEST, VERSIONS, BuildbotWorker, buildbot_worker, worker_of
from lab import Lab, running_lab
from waiting import until

#: bytes that are no text, in every order that a wire could stumble over
BINARY = bytes(range(256)) * 300 + b"\r\n\0end without a line end"
SCRIPT = """#!/bin/sh
echo "in ${PWD##*/}, told $GREETING"
echo to the error stream >&2
cp "$SOURCE" "$TACKROOM_LOGS/kept.bin"
tackroom-report Pass /measured --score 7 --message "as it should be" --log "$SOURCE" || exit 90
tackroom-report Warn odd
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab that workers may come to."""
    with running_lab("none", TACKROOM_BUILDBOT_LISTEN="127.0.0.1:0") as made:
        yield made


@pytest.fixture
def slave(lab: Lab, tmp_path: Path) -> Iterator[BuildbotWorker]:
    """A slave of 0.8.4 that is connected, of a system of this test's own."""
    with worker_of(lab, tmp_path, tmp_path.name.replace("_", "-")[:60], OLDEST) as made:
        yield made


def words(file: Path) -> list[str]:
    """Return what a task has noted in a file."""
    return file.read_text().split() if file.exists() else []


def run(lab: Lab, system: str, *tasks: dict[str, Any]) -> Any:
    """Run a job on a system and return its recipe when it is settled."""
    job = lab.job(*tasks, system=system)
    return lab.settled(job["id"], 40)["recipe_sets"][0]["recipes"][0]


def log(lab: Lab, recipe: Any, task: int, name: str = "taskout.log") -> bytes:
    """Return a log of a recipe's task, by its place."""
    answer = lab.call("GET", f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][task]['id']}/logs/{name}")
    assert answer.status == 200, answer
    return answer.body


@dataclass
class Story:
    """All of a job that is to be the same on every worker."""

    tasks: list[tuple[str, str, str]]
    results: list[tuple[str, ...]]
    output: bytes
    failed: bytes
    kept: bytes


def story(lab: Lab, system: str, source: Path) -> Story:
    """Run a job of all kinds of tasks."""
    recipe = run(
        lab,
        system,
        {"name": "all", "script": SCRIPT, "params": {"GREETING": "h\u00e9llo", "SOURCE": str(source)}},
        {"name": "fails", "command": ["sh", "-c", "echo no; exit 3"]},
        {"name": "missing", "command": ["no-such-program"]},
        {"name": "killed", "command": ["sh", "-c", "kill -SEGV $$"]},
        {"name": "silent", "command": ["sleep", "60"], "params": {"TACKROOM_SILENT_SECONDS": "1"}},
        {"name": "long", "script": "while :; do echo x; sleep 0.1; done", "params": {"TACKROOM_MAX_SECONDS": "1"}},
    )
    results = lab.call("GET", f"/jobs/{recipe['job']}/results").json["results"]
    told = ("path", "result", "score", "message")
    return Story(
        [(task["name"], task["status"], task["result"]) for task in recipe["tasks"]],
        sorted(tuple(str(one[key]) for key in told) for one in results),
        log(lab, recipe, 0),
        log(lab, recipe, 1),
        log(lab, recipe, 0, "kept.bin"),
    )


def test_38_it_does_what_a_stock_worker_does(lab: Lab, slave: BuildbotWorker, tmp_path: Path) -> None:
    """Results, scores, messages and logs of a whole job are the same."""
    source = tmp_path / "source.bin"
    source.write_bytes(BINARY)
    found = lab.call("GET", f"/workers/{slave.name}").json
    assert (found["version"], found["state"]) == (OLDEST, "idle"), found
    old = story(lab, slave.name, source)
    with worker_of(lab, tmp_path, f"{slave.name[:50]}-stock", VERSIONS[0]) as stock:
        assert story(lab, stock.name, source) == old
    assert old.tasks == [
        ("all", "Completed", "Warn"),
        ("fails", "Completed", "Fail"),
        ("missing", "Aborted", "Warn"),
        ("killed", "Completed", "Fail"),
        ("silent", "Completed", "Warn"),
        ("long", "Completed", "Warn"),
    ]
    assert "in work, told h\u00e9llo\n".encode() in old.output
    assert b"to the error stream\n" in old.output
    assert old.failed == b"no\n"
    assert old.kept == BINARY
    assert ("measured", "Pass", "7", "as it should be") in [(one[0].strip("/"), *one[1:]) for one in old.results]
    assert [one[0] for one in old.results].count("timeout") == 2
    # nothing is left on it
    until(lambda: not list((slave.directory / "slot0").glob("t[0-9]*")), "it is clean")


def test_38_output_byte_for_byte(lab: Lab, slave: BuildbotWorker, tmp_path: Path) -> None:
    """What it prints is stored as it is: its bytes are no text to us."""
    source = tmp_path / "source.bin"
    source.write_bytes(BINARY * 30)
    recipe = run(lab, slave.name, {"name": "cat", "command": ["cat", str(source)]})
    assert recipe["tasks"][0]["status"] == "Completed"
    assert log(lab, recipe, 0) == BINARY * 30


def test_38_cancelled_within_five_seconds(lab: Lab, slave: BuildbotWorker, tmp_path: Path) -> None:
    """It knows no sigtermTime, so what runs is killed with its group, whatever it makes of signals."""
    note = tmp_path / "pids"
    command = f"trap '' TERM; sleep 600 & echo $$ $! > {note}.new; mv {note}.new {note}; wait; sleep 600"
    job = lab.job(
        {"name": "long", "command": ["sh", "-c", command]}, {"name": "next", "command": ["true"]}, system=slave.name
    )
    pids = until(lambda: words(note), "it runs")
    begun = time.monotonic()
    assert lab.call("POST", f"/jobs/{job['id']}/cancel").status == 204
    until(lambda: not any(alive(int(pid)) for pid in pids), "they are killed", 5)
    assert time.monotonic() - begun < 5
    until(lambda: lab.call("GET", f"/workers/{slave.name}").json["recipe"] is None, "the slave is free")
    tasks = lab.call("GET", f"/jobs/{job['id']}").json["recipe_sets"][0]["recipes"][0]["tasks"]
    assert [(task["name"], task["status"]) for task in tasks] == [("long", "Cancelled"), ("next", "Cancelled")]
    assert run(lab, slave.name, {"name": "after", "command": ["true"]})["tasks"][0]["result"] == "Pass"


def alive(pid: int) -> bool:
    """Whether there is such a process, and no mere remains of one."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    return False


def test_38_killed_it_is_back_for_the_next_task(lab: Lab, slave: BuildbotWorker, tmp_path: Path) -> None:
    """What ran is aborted once, and not started again."""
    note = tmp_path / "starts"
    command = f"echo $$ >> {note}; exec sleep 600"
    job = lab.job(
        {"name": "long", "command": ["sh", "-c", command]}, {"name": "next", "command": ["true"]}, system=slave.name
    )
    (pid,) = until(lambda: words(note), "it runs")
    slave.kill()
    os.kill(int(pid), 9)  # nobody else would
    until(lambda: not lab.call("GET", f"/workers/{slave.name}").json["online"], "it is missed")
    slave.begin()
    found = lab.settled(job["id"], 40)["recipe_sets"][0]["recipes"][0]
    assert [(task["status"], task["result"]) for task in found["tasks"]] == [("Aborted", "Warn"), ("Completed", "Pass")]
    assert note.read_text().split() == [pid]


def test_38_refused_its_process_ends(lab: Lab, slave: BuildbotWorker, tmp_path: Path) -> None:
    """As the release does; a name that is not known is refused alike."""
    for name in (slave.name, "nobody"):
        with buildbot_worker(OLDEST, tmp_path / f"of-{name}", lab.workers_port(), name, "wrong") as refused:
            assert refused.exited() == 0
            assert "unauthorized login" in refused.log()
    assert slave.runs


def test_35_38_told_to_exit(lab: Lab, slave: BuildbotWorker) -> None:
    """It goes when it is free."""
    assert lab.call("POST", f"/workers/{slave.name}/shutdown").status == 204
    assert slave.exited() == 0
    until(lambda: not lab.call("GET", f"/workers/{slave.name}").json["online"], "it is offline")
