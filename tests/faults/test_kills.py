"""kill -9 of one process, and of all, in the middle of work."""

import contextlib
import hashlib
import http.client
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from lab import Lab
from waiting import until

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CHUNK = 65536


@pytest.mark.parametrize("lab", ["apache"], indirect=True)
def test_after_kill_9_of_the_indexer_in_mid_upload_every_log_is_indexed(lab: Lab) -> None:
    """Twelve systems upload in ranges; the indexer dies three times meanwhile; each log ends with the right digest."""
    systems = [f"system-{number}" for number in range(12)]
    jobs = [lab.job({"name": "one", "command": ["true"]}, system=name)["id"] for name in systems]
    claimed = [lab.claim(name) for name in systems]
    bodies = [os.urandom(CHUNK) * 20 for _ in systems]
    half = threading.Barrier(len(systems) + 1)

    def upload(recipe: dict[str, object], task: int, body: bytes, key: str) -> None:
        base = f"/recipes/{recipe['id']}/tasks/{task}"
        assert lab.call("POST", f"{base}/status", b"status=Running", FORM, key).status == 204
        for first in range(0, len(body), CHUNK):
            if first in (CHUNK * 5, CHUNK * 10, CHUNK * 15):
                half.wait(60)
            span = {"Content-Range": f"bytes {first}-{first + CHUNK - 1}/*"}
            assert lab.call("PUT", f"{base}/logs/big.log", body[first : first + CHUNK], span, key).status in (201, 204)
        assert lab.call("POST", f"{base}/status", b"status=Completed", FORM, key).status == 204

    threads = [
        threading.Thread(target=upload, args=(recipe, recipe["tasks"][0]["id"], body, recipe["key"]))
        for recipe, body in zip(claimed, bodies, strict=True)
    ]
    for thread in threads:
        thread.start()
    killed: list[int] = []
    for _ in range(3):
        half.wait(60)
        (victim,) = until(lambda: [pid for pid in lab.pids("wsgi_app.cli indexer") if pid not in killed], "an indexer")
        os.kill(victim, signal.SIGKILL)
        killed.append(victim)
    for thread in threads:
        thread.join()
    for job in jobs:
        assert lab.settled(job)["verdict"] == "pass"
    for recipe, body in zip(claimed, bodies, strict=True):
        (log,) = lab.call("GET", f"/recipes/{recipe['id']}/log-index").json["logs"]
        assert (log["state"], log["sha256"]) == ("finished", hashlib.sha256(body).hexdigest())


def test_after_kill_9_of_everything_the_job_goes_on(lab: Lab, tmp_path: Path) -> None:
    """All processes of the server and the harness die in mid-task; started again, the job ends with its whole log."""
    go_on = tmp_path / "go-on"
    script = f"for n in $(seq 1 2000); do echo line $n; done; while ! [ -e {go_on} ]; do sleep 0.1; done; echo end"
    job = lab.job({"name": "long", "script": script}, {"name": "next", "command": ["echo", "after"]})
    harness = start_harness(lab, tmp_path)
    first = job["recipe_sets"][0]["recipes"][0]["tasks"][0]["id"]
    recipe = job["recipe_sets"][0]["recipes"][0]["id"]
    log = f"/recipes/{recipe}/tasks/{first}/logs/taskout.log"
    until(lambda: b"line 2000\n" in lab.call("GET", log).body, "the output so far")

    assert lab.process is not None
    family = [*lab.pids(""), lab.process.pid, harness.pid]
    for pid in family:
        os.kill(pid, signal.SIGKILL)
    harness.wait()
    lab.process.wait()
    until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in family), "the end of all")

    lab.start()
    harness = start_harness(lab, tmp_path)
    go_on.touch()
    ended = lab.settled(job["id"], 60)
    assert harness.wait(30) == 0
    assert (ended["status"], ended["verdict"]) == ("Completed", "pass")
    lines = lab.call("GET", log).body.decode().splitlines()
    assert lines == [*(f"line {number}" for number in range(1, 2001)), "end"]
    results = lab.call("GET", f"/jobs/{job['id']}/results").json["results"]
    assert [(result["task"], result["result"]) for result in results] == [(first, "Pass"), (first + 1, "Pass")]


@pytest.mark.parametrize("lab", ["apache"], indirect=True)
@pytest.mark.parametrize("victim", ["apache2", "gunicorn", "wsgi_app.cli indexer", "wsgi_app.cli timer"])
def test_a_dead_child_is_restarted_and_said_so(lab: Lab, victim: str) -> None:
    """Whatever dies comes back, and calls are answered again."""
    first = until(lambda: lab.pids(victim), victim)[0]
    said = len(lab.said.read_text())
    os.kill(first, signal.SIGKILL)
    until(lambda: f"(pid {first}) ended with signal SIGKILL" in lab.said.read_text()[said:], "a word about it")
    until(lambda: (pids := lab.pids(victim)) and pids[0] != first, "its successor")
    until(lambda: answers(lab), "answers")


def test_a_new_worker_need_not_load_the_application(lab: Lab) -> None:
    """gunicorn's master has it, and a worker that takes a dead one's place inherits it: calls are answered at once."""
    master, *workers = until(lambda: pids if len(pids := lab.pids("gunicorn")) == 3 else [], "the workers")
    # a library of the application's, as the kernel knows who has loaded it
    assert "/lxml/etree" in Path(f"/proc/{master}/maps").read_text()
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    until(lambda: answers(lab), "answers")


def test_sigterm_ends_all_within_ten_seconds_with_callers_waiting(make_lab: Callable[..., Lab]) -> None:
    """A waiting claim and an upload in flight do not hold it up; the exit status is 0 and no process is left."""
    lab = make_lab("apache")
    lab.job({"name": "one", "command": ["true"]}, system="busy")
    lab.post("/systems/", {"name": "idle"})
    waiting = threading.Thread(target=lambda: ignore_end(lambda: lab.call("POST", "/systems/idle/claim?wait=50")))
    waiting.start()
    until(lambda: lab.call("GET", "/systems/idle").json["state"] == "idle", "the waiting claim")
    family = lab.pids("")
    assert lab.stop() == 0
    waiting.join(10)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family), "the end of all")


@pytest.mark.parametrize("lab", ["apache"], indirect=True)
def test_a_second_serve_on_the_same_data_refuses(lab: Lab) -> None:
    """It says which data, and the first goes on."""
    done = lab.command("serve", "--data", str(lab.data), "--listen", "127.0.0.1:1", check=False)
    assert done.returncode == 1
    assert f"another 'tackroom serve' uses {lab.data}" in done.stderr
    assert answers(lab)


def answers(lab: Lab) -> bool:
    """Whether calls are answered."""
    try:
        return lab.call("GET", "/readyz").status == 200
    except (OSError, http.client.HTTPException):
        return False


def ignore_end(call: Callable[[], object]) -> None:
    """Make a call whose connection may be cut."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        call()


def start_harness(lab: Lab, state: Path) -> "subprocess.Popen[bytes]":
    """Start our harness for one recipe."""
    words = ["run", "--url", lab.url, "--system", "demo", "--once", "--state", str(state / "harness")]
    return subprocess.Popen(
        [sys.executable, "-m", "wsgi_app.harnesses.local", *words],
        env={**lab.environment(), "TACKROOM_TOKEN": lab.token},
        stderr=subprocess.DEVNULL,
    )
