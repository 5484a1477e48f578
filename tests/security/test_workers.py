"""Workers: who answers for them, who is let in, and what is told of their passwords."""

import hashlib
import json
import sqlite3
from contextlib import closing

import pytest
from cast import JSON, Cast, job_of
from lab import Lab

CHALLENGE = bytes(range(16))


def login(lab: Lab, gateway: dict[str, str], name: str, password: str) -> tuple[int, bytes]:
    """Answer a challenge as a worker of that name and password; return what the gateway is told."""
    key = hashlib.md5(password.encode(), usedforsecurity=False).digest()
    response = hashlib.md5(key + CHALLENGE, usedforsecurity=False).hexdigest()
    value = {"name": name, "challenge": CHALLENGE.hex(), "response": response}
    answer = lab.call("POST", "/workers/login", json.dumps(value).encode(), {**JSON, **gateway})
    return answer.status, answer.body


@pytest.fixture(scope="module")
def gateway(lab: Lab) -> dict[str, str]:
    """What the gateway of the lab's workers sends."""
    file = lab.data / "workers.token"
    assert file.stat().st_mode & 0o777 == 0o600
    return {"Authorization": f"Bearer {file.read_text().strip()}"}


def test_a_gateway_answers_for_workers_only(lab: Lab, cast: Cast, gateway: dict[str, str]) -> None:
    """It gets the recipes of workers that are connected; of a system that is no worker, and of users, it gets none."""
    worker, system = cast.name("worker"), cast.system()
    lab.post("/workers/", {"name": worker})
    bob = cast.token("bob", "read", "submit")
    jobs = [cast.ask("POST", "/jobs/", job_of(name, "private"), {**JSON, **bob}).json for name in (worker, system)]
    present = [{"name": name, "heard": 0} for name in (worker, system)]
    call = {"gateway": "00112233aabbccdd", "sequence": 1, "workers": present}
    orders = cast.ask("POST", "/workers/roll-call", json.dumps(call).encode(), {**JSON, **gateway}).json
    assert [start["job"] for start in orders["start"]] == [jobs[0]["id"]]
    assert orders["drop"] == [system]
    for job in jobs:
        assert lab.call("GET", f"/jobs/{job['id']}", headers=gateway).status == 403
        assert lab.call("POST", f"/jobs/{job['id']}/cancel", headers=gateway).status == 403
    assert lab.call("POST", f"/systems/{system}/claim", headers=gateway).status == 403
    assert lab.call("POST", "/jobs/", job_of(system), {**JSON, **gateway}).status == 403
    assert lab.call("POST", f"/workers/{worker}/password", headers=gateway).status == 403
    assert lab.call("POST", "/tokens/", b'{"name": "more", "scopes": ["read"]}', {**JSON, **gateway}).status == 403
    listed = lab.call("GET", "/jobs/?limit=1000", headers=gateway).json["jobs"]
    assert not {job["id"] for job in jobs} & {job["id"] for job in listed}


def test_nobody_is_told_which_workers_there_are(lab: Lab, cast: Cast, gateway: dict[str, str]) -> None:
    """A wrong password and a name that there is not are answered alike; so is a system that is no worker."""
    worker, system = cast.name("worker"), cast.system()
    password = lab.post("/workers/", {"name": worker})["password"]
    assert login(lab, gateway, worker, password)[0] == 200
    wrong = login(lab, gateway, worker, password[:-1])
    assert wrong[0] == 403
    for name in (system, cast.name("nobody"), worker.upper(), worker + " ", "'; --"):
        assert login(lab, gateway, name, password) == wrong, name
    assert login(lab, gateway, worker, "") == wrong


def test_a_password_is_told_once(lab: Lab, cast: Cast, gateway: dict[str, str]) -> None:
    """No other answer and no event has it or what is stored of it; the database has its MD5 alone."""
    worker = cast.name("worker")
    password = lab.post("/workers/", {"name": worker})["password"]
    stored = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()
    login(lab, gateway, worker, password)
    for path in (f"/workers/{worker}", "/workers/?limit=1000", f"/systems/{worker}", "/events?limit=1000&topic=system"):
        body = lab.call("GET", path).body
        assert password.encode() not in body
        assert stored.encode() not in body
    with closing(sqlite3.connect(f"file:{lab.data / 'tackroom.db'}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT * FROM workers WHERE name = ?", [worker]).fetchall()
    assert stored in rows[0]
    assert password not in str(rows)
