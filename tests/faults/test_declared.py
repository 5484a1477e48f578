"""Declared logs in a whole Tackroom, behind httpd and embedded, and with processes that die in between."""

import contextlib
import hashlib
import http.client
import json
import os
import signal
from typing import Any

import pytest
from attrs import frozen
from lab import Answer, Lab
from uploads import half_upload
from waiting import until

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
TAP = b"TAP version 13\n1..2\nok 1 - a\nnot ok 2 - b\n" + b"# words\n" * 3000
CHUNK = 8192


@frozen
class Run:
    """A recipe whose only task runs, seen by its harness."""

    lab: Lab
    job: int
    recipe: int
    task: int
    key: str

    def path(self, name: str) -> str:
        """The path of a log of the task."""
        return f"/recipes/{self.recipe}/tasks/{self.task}/logs/{name}"

    def declare(self, name: str, **value: Any) -> Answer:
        """Declare a log of the task."""
        return self.lab.call("POST", self.path(name), json.dumps(value).encode(), JSON, self.key)

    def put(self, name: str, content: bytes, first: int = 0) -> int:
        """Upload bytes in ranges, from `first` on; the status of the last."""
        status = 0
        for start in range(first, len(content), CHUNK):
            part = content[start : start + CHUNK]
            span = {"Content-Range": f"bytes {start}-{start + len(part) - 1}/*"}
            status = self.lab.call("PUT", self.path(name), part, span, self.key).status
        return status

    def log(self, name: str) -> Any:
        """What is known of a log of the task; None while it is not registered."""
        found = self.lab.call("GET", f"/recipes/{self.recipe}/log-index?limit=1000").json["logs"]
        return next((log for log in found if log["path"] == f"tasks/{self.task}/logs/{name}"), None)

    def say(self, status: str) -> None:
        """Set the task's status."""
        path = f"/recipes/{self.recipe}/tasks/{self.task}/status"
        assert self.lab.call("POST", path, f"status={status}".encode(), FORM, self.key).status == 204


def begin(lab: Lab, system: str) -> Run:
    """Submit a job for a system, claim it and let its task run."""
    job = lab.job({"name": "one", "command": ["true"]}, system=system)
    recipe = lab.claim(system)
    run = Run(lab, job["id"], recipe["id"], recipe["tasks"][0]["id"], recipe["key"])
    run.say("Running")
    return run


def digest(content: bytes) -> str:
    """The SHA-256 of the content."""
    return hashlib.sha256(content).hexdigest()


def finished(run: Run, name: str) -> Any:
    """Wait until a log is finished, and return it."""

    def ready() -> Any:
        log = run.log(name)
        return log if log is not None and log["state"] == "finished" else None

    return until(ready, f"{name} finished")


def test_end_to_end(lab: Lab) -> None:
    """Declared and uploaded in ranges: sealed with its results while the task runs, PUT is 409, and so it stays."""
    run = begin(lab, "whole")
    assert run.declare("report.tap", size=len(TAP), sha256=digest(TAP)).status == 201
    assert run.declare("report.tap", size=len(TAP), sha256=digest(TAP)).status == 200
    assert run.put("report.tap", TAP) == 204
    log = finished(run, "report.tap")
    assert (log["sha256"], log["format"], log["declared"]["size"]) == (digest(TAP), "tap", len(TAP))
    recipe = lab.call("GET", f"/recipes/{run.recipe}/", headers={"Accept": "application/json"}).json
    assert (recipe["status"], recipe["result"], recipe["tasks"][0]["result"]) == ("Running", "Fail", "Fail")
    found = lab.call("GET", f"/recipes/{run.recipe}/results").json["results"]
    assert [(result["path"], result["line"]) for result in found] == [("/a", 3), ("/b", 4)]
    assert run.put("report.tap", TAP) == 409
    assert lab.call("PUT", run.path("report.tap"), b"other", key=run.key).status == 409
    assert run.declare("report.tap", size=len(TAP), sha256=digest(TAP)).status == 200
    assert run.declare("report.tap", size=5).status == 409
    assert run.put("other.log", b"goes on") == 201
    run.say("Completed")
    job = lab.settled(run.job)
    assert job["verdict"] == "fail"
    assert job["recipe_sets"][0]["recipes"][0]["damaged"] == 0
    assert lab.call("GET", run.path("report.tap")).body == TAP
    events = lab.call("GET", "/events?topic=log&limit=1000").json["events"]
    mine = [event["data"] for event in events if event["data"]["recipe"] == run.recipe]
    assert [data["state"] for data in mine if data["path"].endswith("report.tap")] == ["growing", "growing", "finished"]


def test_what_is_not_as_declared_is_damaged(lab: Lab) -> None:
    """A wrong digest, and a log that never came: events, the recipe's count, and the reason of the verdict."""
    run = begin(lab, "damaged")
    assert run.put("wrong.tap", TAP) in (201, 204)
    assert run.declare("wrong.tap", size=len(TAP), sha256="0" * 64).status == 200
    assert run.declare("never.log", size=3).status == 201
    until(lambda: run.log("wrong.tap")["sha256"] == digest(TAP), "a look at the log")
    assert run.log("wrong.tap")["state"] == "growing"
    run.say("Completed")
    job = lab.settled(run.job)
    recipe = job["recipe_sets"][0]["recipes"][0]
    assert (recipe["damaged"], recipe["result"], recipe["late"]) == (2, "Fail", False)
    assert "2 damaged logs" in job["reason"]
    assert {name: run.log(name)["state"] for name in ("wrong.tap", "never.log")} == {
        "wrong.tap": "damaged",
        "never.log": "damaged",
    }
    events = lab.call("GET", "/events?topic=log&limit=1000").json["events"]
    told = [event["data"]["path"] for event in events if event["data"]["state"] == "damaged"]
    assert {f"tasks/{run.task}/logs/{name}" for name in ("wrong.tap", "never.log")} <= set(told)


def test_sent_again_before_the_end_it_is_mended(lab: Lab) -> None:
    """What is not as declared may be replaced as a whole, and is sealed then."""
    run = begin(lab, "mended")
    run.declare("report.tap", size=len(TAP), sha256=digest(TAP))
    run.put("report.tap", TAP.replace(b"not ok", b"ok    "))
    until(lambda: run.log("report.tap")["sha256"], "a look at the log")
    assert lab.call("PUT", run.path("report.tap"), TAP, key=run.key).status == 204
    finished(run, "report.tap")
    assert run.put("report.tap", TAP) == 409


def test_an_upload_that_is_under_way_holds_up_the_seal(lab: Lab) -> None:
    """All bytes are there, but a PUT has the log open: it is sealed when that has ended, as it is then."""
    run = begin(lab, "busy")
    assert run.put("report.tap", TAP[:-10]) == 204
    whole = f"bytes {len(TAP) - 10}-{len(TAP) - 1}/*"
    with half_upload(lab, run.path("report.tap"), run.key, 10, whole) as upload:
        upload.send(TAP[-10:-5])
        assert run.put("twin.tap", TAP) == 204
        for name in ("twin.tap", "report.tap"):
            assert run.declare(name, size=len(TAP), sha256=digest(TAP)).status == 200
        finished(run, "twin.tap")
        assert run.log("report.tap")["state"] == "growing"
        upload.send(TAP[-5:])
        assert upload.status() == 204
    finished(run, "report.tap")


@pytest.mark.parametrize("lab", ["apache"], indirect=True)
@pytest.mark.parametrize("victims", ["indexer", "gunicorn"])
def test_a_kill_between_upload_and_seal(lab: Lab, victims: str) -> None:
    """kill -9 of the indexer, or of the web, once all bytes are there: every log is sealed and right all the same."""
    run = begin(lab, f"killed-{victims}")
    contents = {f"{number}.bin": os.urandom(50_000) for number in range(12)}
    for name, content in contents.items():
        assert run.declare(name, size=len(content), sha256=digest(content)).status == 201
        assert run.put(name, content) == 204
    for pid in lab.pids(victims):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def answers() -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return lab.call("GET", "/readyz").status == 200
        return False

    until(answers, "an answer")
    for name, content in contents.items():
        assert finished(run, name)["sha256"] == digest(content)
        assert run.put(name, content) == 409
    run.say("Completed")
    assert lab.settled(run.job)["verdict"] == "pass"


@pytest.mark.parametrize("lab", ["apache"], indirect=True)
def test_status_and_rebuild(lab: Lab) -> None:
    """The command tells how far the indexer is, reads settled logs again and says what changed; then nothing does."""
    run = begin(lab, "again")
    assert run.put("report.tap", TAP) == 204
    assert run.declare("gone.log", size=3).status == 201
    assert run.put("wrong.log", b"abc") == 201
    assert run.declare("wrong.log", size=4).status == 200
    run.say("Completed")
    job = lab.settled(run.job)
    status = json.loads(lab.command("index", "status", "--json").stdout)
    assert (status["running"], status["unsettled"], status["oldest_unsettled"], status["late"]) == (True, 0, None, 0)
    assert status["logs"]["damaged"] >= 2
    assert "indexer: runs" in lab.command("index", "status").stdout

    before = lab.call("GET", f"/recipes/{run.recipe}/results").json["results"]
    assert "0 of them changed" in lab.command("index", "rebuild", str(run.recipe)).stdout
    assert lab.call("GET", f"/recipes/{run.recipe}/results").json["results"] == before

    file = lab.data / "logs" / run.path("report.tap").lstrip("/")
    file.write_bytes(TAP.replace(b"not ok", b"ok    "))
    done = lab.command("index", "rebuild", str(run.recipe))
    assert f"recipe {run.recipe}: tasks/{run.task}/logs/report.tap: sha256" in done.stdout
    assert "1 of them changed" in done.stdout
    found = lab.call("GET", f"/recipes/{run.recipe}/results").json["results"]
    assert [result["result"] for result in found] == ["Pass", "Pass"]
    assert {run.log(name)["state"] for name in ("wrong.log", "gone.log")} == {"damaged"}
    again = lab.call("GET", f"/jobs/{run.job}").json
    assert (again["verdict"], again["result"]) == (job["verdict"], job["result"]) == ("fail", "Fail")
    assert "0 of them changed" in lab.command("index", "rebuild").stdout
    assert lab.command("index", "rebuild", "999999", check=False).returncode == 1
