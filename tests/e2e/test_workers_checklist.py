"""The protocol's checklist with a whole lab: 24 (removed while it works), 39 (what is stored survives), 40 (paths)."""

import hashlib
import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from buildbotworker import BuildbotWorker, worker_of
from lab import Lab, free_port, running_lab
from waiting import until

LONG = "n" * 255
#: what a task may call its files, and what of it may not be a log's name
GOOD = ("plain.txt", "with space", "h\u00e9llo", "sub/deeper/file", LONG, "%2e%2e%2fx", "semi;colon&x=1?y#z")
#: names for `tackroom-report --name` that look like ways out, and what they become below the task
HARMLESS = {"/etc/x": "etc/x", "a//b": "a/b", "": "make.py"}
BAD = (".hidden", "line\nend", "back\\slash", "..", "sub/.hidden", "tab\there")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab that workers come to, at a port that stays when the gateway is started anew."""
    with running_lab("none", TACKROOM_BUILDBOT_LISTEN=f"127.0.0.1:{free_port()}") as made:
        yield made


@pytest.fixture
def worker(lab: Lab, tmp_path: Path) -> Iterator[BuildbotWorker]:
    """A stock worker that is there, of a system of this test's own."""
    with worker_of(lab, tmp_path, tmp_path.name.replace("_", "-")[:60]) as made:
        yield made


def recipe_of(lab: Lab, job: int) -> Any:
    """Return the recipe of a job."""
    return lab.call("GET", f"/jobs/{job}").json["recipe_sets"][0]["recipes"][0]


def statuses(recipe: Any) -> list[str]:
    """Return the statuses of a recipe's tasks."""
    return [task["status"] for task in recipe["tasks"]]


def alive(pid: int) -> bool:
    """Whether there is such a process, and no mere remains of one."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    return False


def test_24_removed_while_it_works(lab: Lab, worker: BuildbotWorker, tmp_path: Path) -> None:
    """`tackroom worker remove`: what runs is killed, its task is over in seconds, and nothing stays Running."""
    note = tmp_path / "pid"
    long = {"name": "long", "command": ["sh", "-c", f"echo $$ > {note}; exec sleep 600"]}
    job = lab.job(long, {"name": "next", "command": ["true"]}, system=worker.name)["id"]
    pid = int(until(lambda: note.exists() and note.read_text(), "it runs"))
    lab.command("worker", "remove", worker.name)
    until(lambda: not alive(pid), "the command is killed", 10)
    until(lambda: "Running" not in statuses(recipe_of(lab, job)), "no task runs", 15)
    found = lab.settled(job, 20)
    assert found["status"] == "Aborted", found
    assert lab.call("GET", f"/workers/{worker.name}").status == 404
    until(lambda: not list((lab.data / "workers" / "recipes").iterdir()), "nothing is in hand", 20)
    # its program is not let in any more
    worker.says("unauthorized login", 30)


def test_24_removed_while_it_is_away(lab: Lab, worker: BuildbotWorker, tmp_path: Path) -> None:
    """Nobody waits for one that will never come back: its recipe ends within seconds, too."""
    note = tmp_path / "pid"
    job = lab.job({"name": "long", "command": ["sh", "-c", f"echo $$ > {note}; exec sleep 600"]}, system=worker.name)
    pid = int(until(lambda: note.exists() and note.read_text(), "it runs"))
    worker.kill()
    os.kill(pid, signal.SIGKILL)  # nobody else would
    until(lambda: not lab.call("GET", f"/workers/{worker.name}").json["online"], "it is missed")
    assert lab.call("DELETE", f"/workers/{worker.name}").status == 204
    assert lab.settled(job["id"], 30)["status"] == "Aborted"
    until(lambda: not list((lab.data / "workers" / "recipes").iterdir()), "nothing is in hand", 20)


def test_39_what_was_kept_of_a_stream_survives(lab: Lab, worker: BuildbotWorker, tmp_path: Path) -> None:
    """The gateway is killed while a task talks: what is stored is a prefix of what was said, and indexed."""
    script = "i=0; while :; do i=$((i+1)); echo line number $i; done"
    job = lab.job({"name": "talks", "script": script}, system=worker.name)["id"]
    recipe = recipe_of(lab, job)
    log = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}/logs/taskout.log"

    def kept() -> bytes:
        answer = lab.call("GET", log)
        return answer.body if answer.status == 200 else b""

    before = until(lambda: text if len(text := kept()) > 200_000 else b"", "much of its output", 30)
    os.kill(json.loads((lab.data / "run" / "workers.json").read_text())["pid"], signal.SIGKILL)
    found = lab.settled(job, 40)
    assert statuses(found["recipe_sets"][0]["recipes"][0]) == ["Aborted"]
    after = kept()
    assert after.startswith(before)
    said = "".join(f"line number {number}\n" for number in range(1, after.count(b"\n") + 2)).encode()
    assert said.startswith(after)

    def indexed() -> Any:
        logs = lab.call("GET", f"/recipes/{recipe['id']}/log-index?limit=100").json["logs"]
        return [one for one in logs if one["path"].endswith("/taskout.log") and one["state"] == "finished"]

    (entry,) = until(indexed, "it is indexed", 20)
    assert (entry["size"], entry["sha256"]) == (len(after), hashlib.sha256(after).hexdigest())


def test_40_names_of_logs_stay_below_their_task(lab: Lab, worker: BuildbotWorker, tmp_path: Path) -> None:
    """What a task leaves in $TACKROOM_LOGS becomes a log of this name, or none at all; nothing is written elsewhere."""
    make = tmp_path / "make.py"
    make.write_text(
        "import os, pathlib\n"
        "here = pathlib.Path(os.environ['TACKROOM_LOGS'])\n"
        f"for name in {GOOD + BAD!r}:\n"
        "    if name != '..':\n"
        "        (here / name).parent.mkdir(parents=True, exist_ok=True)\n"
        "        (here / name).write_text(name)\n"
        "(here / 'link').symlink_to('/etc/passwd')\n"
        "(here / 'directory').symlink_to('/etc')\n"
        "(here / 'broken').symlink_to('nowhere')\n"
        "os.mkfifo(here / 'fifo')\n"
        "open(os.fsencode(here) + b'/no\\xfftext', 'w').close()\n"
    )
    named = "\n".join(
        f"tackroom-report --log \"$SOURCE\" --name '{name}' && echo taken{len(name)}"
        for name in (*BAD, "../x", "sub/../../x", "n" * 300, "x/" * 600 + "x", *HARMLESS)
    )
    task = {"name": "names", "script": f"python3 {make}\n{named}\nexit 0\n", "params": {"SOURCE": str(make)}}
    found = lab.settled(lab.job(task, system=worker.name)["id"], 60)
    recipe = found["recipe_sets"][0]["recipes"][0]
    assert statuses(recipe) == ["Completed"], found
    home = lab.data / "logs" / "recipes" / str(recipe["id"]) / "tasks" / str(recipe["tasks"][0]["id"]) / "logs"
    made = {str(one.relative_to(home)) for one in home.rglob("*") if not one.is_dir()}
    assert made - {"no?text"} == {"taskout.log", "harness.log", *GOOD, *HARMLESS.values()}
    assert all((home / name).read_text() == name and not (home / name).is_symlink() for name in GOOD)
    output = (home / "taskout.log").read_text()
    assert sorted(re.findall(r"^taken(\d+)$", output, re.MULTILINE)) == sorted(str(len(name)) for name in HARMLESS)


def test_40_names_of_tasks_are_no_paths(lab: Lab, worker: BuildbotWorker, tmp_path: Path) -> None:
    """Whatever a task is called, its directories are numbers; a name that cannot be is refused with the job."""
    names = ["../x", "/etc/passwd", "..", "$(touch pwned)", "`touch pwned`", "a b; touch pwned", "a\nb", LONG]
    tasks = [{"name": name, "script": 'pwd; echo "$TACKROOM_TASK_NAME"\n'} for name in names]
    before = {one.name for one in worker.directory.iterdir()}
    found = lab.settled(lab.job(*tasks, system=worker.name)["id"], 60)
    recipe = found["recipe_sets"][0]["recipes"][0]
    assert [(task["name"], task["status"]) for task in recipe["tasks"]] == [(name, "Completed") for name in names]
    for task in recipe["tasks"]:
        said = lab.call("GET", f"/recipes/{recipe['id']}/tasks/{task['id']}/logs/taskout.log").body.decode()
        assert said.splitlines()[0] == str((worker.directory / f"slot0/t{task['id']}/work").resolve())
    assert {one.name for one in worker.directory.iterdir()} - before <= {"slot0", "side0", "twistd.log"}
    assert not list(worker.directory.rglob("pwned"))
    recipe = {"system": worker.name, "tasks": [{"name": "a\0b", "command": ["true"]}]}
    body = json.dumps({"recipe_sets": [{"recipes": [recipe]}]}).encode()
    assert lab.call("POST", "/jobs/", body, {"Content-Type": "application/json"}).status == 400
