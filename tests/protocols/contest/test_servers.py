"""The door of whole servers, with httpd and without: section 9's bytes, the stock client, and starts in flight."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import contestcli
import pytest
import raw
from contestlab import CLIENT, cmd, descriptor, documents, one_test
from lab import Answer, Lab, running_lab
from waiting import until

FORM = "application/x-www-form-urlencoded"
LIST_BODY = b"requestor=contestcli-http&states=JobStateStarted%2CJobStatePaused&tags=foo%2Cbar"
START_BODY = (
    b"jobDesc=%7B%0A++++%22JobName%22%3A+%22j%22%2C%0A++++%22RunInterval%22%3A+%221s%22%2C%0A++++%22Runs%22%3A+1"
    b"%2C%0A++++%22Version%22%3A+%221.0%22%0A%7D&requestor=contestcli-http"
)


@pytest.fixture(scope="module", params=["none", "apache"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab with two workers that takes jobs of anybody."""
    settings = {"SERVER_ID": "lab1", "WORKERS": "2", "EVENT_TIMEOUT": "30", "ANONYMOUS_SUBMIT": "1"}
    with running_lab(request.param, **{f"TACKROOM_{name}": value for name, value in settings.items()}) as lab:
        yield lab


def post(lab: Lab, verb: str, **fields: str) -> Answer:
    """Make a call as admin."""
    return lab.call("POST", f"/contest/{verb}", urlencode(fields).encode(), {"Content-Type": FORM})


def numbers(lab: Lab, **fields: str) -> list[int]:
    """Return the jobs of the lab."""
    found: list[int] = post(lab, "list", requestor="admin", **fields).json["Data"]["JobIDs"]
    return found


def stock(verb: str, body: bytes, port: int) -> bytes:
    """Return a request as it was seen on the wire."""
    head = f"POST /contest/{verb} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: Go-http-client/1.1\r\n"
    head += f"Content-Length: {len(body)}\r\nContent-Type: {FORM}\r\nAccept-Encoding: gzip\r\n\r\n"
    return head.encode() + body


def test_the_stock_requests_byte_for_byte(lab: Lab) -> None:
    """What was seen on the wire is answered as upstream does; the model of the client sends the same."""
    url = f"http://127.0.0.1:{lab.port}/contest/"
    assert len(LIST_BODY) == 80
    assert contestcli.request_bytes(url + "list", LIST_BODY) == stock("list", LIST_BODY, lab.port)
    flags = contestcli.Flags.parse(
        ["list", "--states=JobStateStarted", "--states", "JobStatePaused", "--tags", "foo,bar"]
    )
    assert contestcli.encoded(contestcli.params(flags, "list")) == LIST_BODY
    listed = raw.send(lab, stock("list", LIST_BODY, lab.port))
    assert (listed.status, listed.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert listed.body == b'{"ServerID":"lab1","Type":"ResponseTypeList","Data":{"JobIDs":[]},"Error":null}\n'
    started = raw.send(lab, stock("start", START_BODY, lab.port))
    assert started.status == 200
    assert started.body.startswith(b'{"ServerID":"lab1","Type":"ResponseTypeStart","Data":{"JobID":0},"Error":"')
    assert b"need at least one TestDescriptor in the JobDescriptor" in started.body


@pytest.mark.parametrize("encoding", ["length", "chunked"])
def test_a_body_that_is_too_long(lab: Lab, encoding: str) -> None:
    """11 MB of descriptor look absent, however they are sent, and the client gets to know it."""
    body = b"requestor=admin&jobDesc=" + b"x" * 11_000_000
    head = f"POST /contest/start HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {FORM}\r\n".encode()
    if encoding == "length":
        request = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    else:
        request = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    answer = raw.send(lab, request)
    assert (answer.status, answer.body) == (400, b'{"Msg":"Missing job description"}')


def test_a_long_body(lab: Lab) -> None:
    """A descriptor of 3 MB is read whole."""
    job = descriptor(one_test("Test 1", [], cmd("step1", "true")), Filler="<>&" * 1_000_000, JobName="long")
    answer = post(lab, "validate", requestor="admin", jobDesc=json.dumps(job)).json
    assert (answer["Data"]["JobName"], answer["Error"]) == ("long", None)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PROPFIND", "BREW"])
def test_05_methods(lab: Lab, method: str) -> None:
    """Whatever the method, it is a 400 that the client can read."""
    answer = raw.ask(lab, method, "/contest/version")
    assert answer.status == 400
    assert answer.body == (b"" if method == "HEAD" else b'{"Msg":"Only POST requests are supported"}')


def client(lab: Lab, *words: str, stdin: str = "", credentials: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run the model of the stock client."""
    user = f"admin:{lab.token}@" if credentials else ""
    return subprocess.run(
        [sys.executable, str(CLIENT), "-a", f"http://{user}127.0.0.1:{lab.port}/contest", *words],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "CONTESTCLI_POLL": "0.1"},
    )


def said(lab: Lab, *words: str, stdin: str = "") -> list[Any]:
    """Return what the client printed as admin."""
    done = client(lab, "-r", "admin", *words, stdin=stdin)
    assert done.returncode == 0, done
    return documents(done.stdout)


def test_the_client(lab: Lab) -> None:
    """Every verb by the command: what it prints, and what it exits with."""
    assert said(lab, "version") == [{"ServerID": "lab1", "Data": {"Version": 5}, "Err": None}]
    (unknown,) = said(lab, "status", "999999")
    assert unknown["Data"] == {"Status": None}
    assert unknown["Err"]
    assert said(lab, "retry", "999999")[0]["Data"] == {"JobID": 999999, "NewJobID": 0}
    # a test without targets is over at once, so that waiting ends; its run is no success
    job = json.dumps(descriptor(one_test("Test 1", [], cmd("step1", "true")), Tags=["client"]))
    started, ended = said(lab, "-w", "start", stdin=job)
    number = started["Data"]["JobID"]
    assert ended["Data"]["Status"]["State"] == "JobStateCompleted"
    assert ended["Data"]["Status"]["JobReport"]["RunReports"][0][0]["Success"] is False
    assert said(lab, "list", "--tags=client")[0]["Data"] == {"JobIDs": [number]}
    (repeated,) = said(lab, "retry", str(number))
    assert repeated["Data"]["JobID"] == number < repeated["Data"]["NewJobID"]
    assert said(lab, "stop", str(number))[0]["Err"] == f"could not stop job: unknown job ID: {number}"
    assert said(lab, "-r", "bob", "list")[0]["Err"] == 'List failed: requestor "bob" is not the token\'s user "admin"'


def test_the_client_as_it_is(lab: Lab) -> None:
    """Without credentials and with its own requestor it may do what anybody may; its own mistakes are status 1."""
    job = json.dumps(descriptor(one_test("Test 1", [], cmd("step1", "true")), Tags=["anybody"]))
    done = client(lab, "start", stdin=job, credentials=False)
    assert documents(done.stdout)[0]["Err"] is None, done
    assert numbers(lab, tags="anybody") == [documents(done.stdout)[0]["Data"]["JobID"]]
    for words in (
        [],
        ["nope"],
        ["status"],
        ["status", "0"],
        ["status", "x"],
        ["list", "--states", "Nope"],
        ["--bogus"],
    ):
        assert client(lab, *words, credentials=False).returncode == 1, words
    assert client(lab, "--help", credentials=False).returncode == 0


@contextmanager
def held(lab: Lab) -> Iterator[None]:
    """Keep the lab's database from being written."""
    with closing(sqlite3.connect(lab.data / "tackroom.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def in_flight(lab: Lab) -> list[int]:
    """Return the processes that have a start in flight, one for each start; none while one of them begins or ends."""
    directory = lab.data / "run" / "flights"
    files = {file.stat().st_ino for file in directory.glob("*")}
    locks = [line.split() for line in Path("/proc/locks").read_text().splitlines() if " FLOCK " in line]
    held = [(int(lock[-3].rpartition(":")[2]), int(lock[-4])) for lock in locks]
    if directory.exists() and directory.stat().st_ino in {inode for inode, _ in held}:
        return []
    return [pid for inode, pid in held if inode in files]


def siblings(worker: int) -> list[int]:
    """Return the other workers of a worker's server."""
    master = int(Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[1])
    workers = map(int, Path(f"/proc/{master}/task/{master}/children").read_text().split())
    return [pid for pid in workers if pid != worker]


def test_10_identical_starts_make_one_job(lab: Lab) -> None:
    """Whichever workers have them, starts in flight that are identical make one job, and a later one makes another."""
    job = json.dumps(descriptor(one_test("Test 1", [], cmd("step1", "true")), Tags=["twins"]))

    def start() -> int:
        answer = post(lab, "start", requestor="admin", jobDesc=job).json
        assert answer["Error"] is None, answer
        return int(answer["Data"]["JobID"])

    with ThreadPoolExecutor(4) as pool:
        with held(lab):
            calls = [pool.submit(start)]
            (worker,) = until(lambda: in_flight(lab), "a start in flight")
            # the next one goes to the other worker
            os.kill(worker, signal.SIGSTOP)
            calls.append(pool.submit(start))
            try:
                until(lambda: len(set(in_flight(lab))) == 2, "a start in flight in another worker")
            finally:
                os.kill(worker, signal.SIGCONT)
            calls += [pool.submit(start) for _ in range(2)]
            until(lambda: len(in_flight(lab)) == 4, "all starts in flight")
        made = {call.result(60) for call in calls}
    assert len(made) == 1
    assert numbers(lab, tags="twins") == sorted(made)
    later = start()
    assert later not in made
    assert numbers(lab, tags="twins") == sorted({*made, later})
    assert in_flight(lab) == []


def test_10_a_worker_that_is_killed_in_flight(lab: Lab) -> None:
    """The start of a worker that is killed is begun once more by its caller, and makes one job."""
    job = json.dumps(descriptor(one_test("Test 1", [], cmd("step1", "true")), Tags=["killed"]))
    lost = threading.Event()

    def start() -> None:
        try:
            lost_answer = post(lab, "start", requestor="admin", jobDesc=job)
            assert lost_answer.status == 502
        except (HTTPException, OSError):
            # embedded: the connection is the worker's
            pass
        lost.set()

    with held(lab):
        caller = threading.Thread(target=start)
        caller.start()
        (worker,) = until(lambda: in_flight(lab), "a start in flight")
        (other,) = siblings(worker)
        os.kill(worker, signal.SIGKILL)
        assert lost.wait(30)
        caller.join()
    (left,) = (lab.data / "run" / "flights").glob("*")
    token = left.read_text()
    answers: list[Answer] = []

    def started() -> bool:
        answers.append(post(lab, "start", requestor="admin", jobDesc=job))
        return answers[-1].status == 200

    until(started, "a job")
    assert numbers(lab, tags="killed") == [answers[-1].json["Data"]["JobID"]]
    assert not left.exists()
    assert re.fullmatch("[A-Za-z0-9_-]{32}", token)
    # leave two workers behind: the new one answers when the other cannot
    os.kill(other, signal.SIGSTOP)
    try:
        assert post(lab, "version").status == 200
    finally:
        os.kill(other, signal.SIGCONT)


def test_work_does_not_keep_a_server_from_ending() -> None:
    """A server ends though a start that nobody waits for any more is still at work; without httpd, for speed."""
    with running_lab("none", TACKROOM_WORKERS="1", TACKROOM_EVENT_TIMEOUT="0.2") as lab, held(lab):
        job = json.dumps(descriptor(one_test("Test 1", [], cmd("step1", "true"))))
        answer = post(lab, "start", requestor="admin", jobDesc=job)
        assert answer.json == {"Msg": "Start failed: time out waiting for response after 200ms"}
        assert len(in_flight(lab)) == 1
        before = time.monotonic()
        assert lab.stop() == 0
        # the database lets a call wait for 20 s
        assert time.monotonic() - before < 10
