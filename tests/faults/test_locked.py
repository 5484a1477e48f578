"""The database locked by another process, for longer than anybody waits: clear answers in time, and nothing is lost."""

import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial

import pytest
from acting import FORM, Acting
from lab import Answer, Lab, running_lab
from waiting import until

BODY = b"line\n" * 1000
#: seconds that it is locked
HELD = 30
#: what a call waits at most, and some more for a machine that is busy
PATIENCE = 20 + 10
#: what does not wait for the lock: less than whoever does
QUICK = 15


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A Tackroom behind httpd."""
    with running_lab("apache") as made:
        yield made


@contextmanager
def locked(lab: Lab) -> Iterator[float]:
    """Hold the database's writer lock, as a careless script would; say since when, by the monotonic clock."""
    with closing(sqlite3.connect(lab.data / "tackroom.db", isolation_level=None, timeout=10)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield time.monotonic()
        connection.execute("ROLLBACK")


def timed(call: Callable[[], Answer]) -> tuple[Answer, float]:
    """Make a call, and say how long it took."""
    began = time.monotonic()
    return call(), time.monotonic() - began


def test_a_locked_database_is_said_in_time_and_loses_nothing(lab: Lab) -> None:
    """Writers get 503 in time or wait; readers and uploads go on; watchdogs expire when the lock is gone."""
    actor = Acting(lab, "one", "two", system="held").claim()
    actor.status(0, "Running")
    actor.log(0, "old.log", BODY)
    lost = Acting(lab, "one", system="lost").claim()
    lost.status(0, "Running")
    task = f"/recipes/{actor.recipe}/tasks/{actor.tasks[0]}"
    key = actor.key
    assert lab.call("POST", f"/recipes/{lost.recipe}/watchdog", b"seconds=3", FORM, lost.key).status == 204

    def post(path: str, body: bytes) -> Callable[[], Answer]:
        return lambda: lab.call("POST", path, body, FORM, key)

    writers = {
        "result": post(f"{task}/results/", b"result=Pass&path=/refused"),
        "watchdog": post(f"/recipes/{actor.recipe}/watchdog", b"seconds=900"),
        "new log": lambda: lab.call("PUT", f"{task}/logs/new.log", BODY, None, key),
        "claim": lambda: lab.call("POST", "/systems/held/claim?wait=60"),
    }
    waiters = {
        "job": lambda: lab.call("GET", f"/jobs/{lost.job}/wait?timeout=22"),
        "sync": lambda: lab.call("GET", f"/recipes/{actor.recipe}/sync/there?timeout=22", None, {}, key),
    }
    with ThreadPoolExecutor(12) as pool:
        with locked(lab) as since:
            waiting = {name: pool.submit(timed, call) for name, call in waiters.items()}
            refused = {name: pool.submit(timed, call) for name, call in writers.items()}
            unready, took = timed(lambda: lab.call("GET", "/readyz"))
            assert (unready.status, b"database: " in unready.body) == (503, True), unready
            assert took < QUICK
            for path in (f"/recipes/{actor.recipe}/", f"/jobs/{actor.job}", "/events?limit=1", "/livez"):
                answer, took = timed(partial(lab.call, "GET", path))
                assert (answer.status, took < QUICK) == (200, True), (path, answer, took)
            uploads = [timed(partial(chunk, lab, task, key, number)) for number in range(200)]
            assert {answer.status for answer, _ in uploads} == {204}
            assert statistics.median(took for _, took in uploads) < 1
            assert lab.call("GET", f"{task}/logs/old.log").body == b"x" * 200 + BODY[200:]
            for name, future in refused.items():
                answer, took = future.result(PATIENCE)
                assert (answer.status, took < PATIENCE) == (503, True), (name, answer, took)
                assert answer.headers["Retry-After"] == "2"
            until(lambda: time.monotonic() > since + HELD, "the time", HELD)
            late = pool.submit(timed, post(f"{task}/results/", b"result=Pass&path=/waited"))
            until(late.running, "the late call")
        # it did not have to come again
        answer, took = late.result(PATIENCE)
        assert (answer.status, took < PATIENCE) == (201, True)
        until(lambda: lab.call("GET", "/readyz").status == 200, "readiness")
        ended, _ = waiting["job"].result(30)
        assert ended.status == 200
        assert waiting["sync"].result(30)[0].status in (200, 503)
    # the watchdog went by while nobody could say so
    until(lambda: lab.call("GET", f"/jobs/{lost.job}").json["status"] == "Aborted", "the watchdog")
    assert lab.call("PUT", f"{task}/logs/new.log", BODY, None, key).status == 201
    actor.result(0, "Pass", "/again")
    actor.status(0, "Completed")
    actor.run(1, ("Pass", "/"))
    assert lab.settled(actor.job)["result"] == "Pass"
    paths = [result["path"] for result in lab.call("GET", f"/recipes/{actor.recipe}/results").json["results"]]
    assert sorted(paths) == ["/", "/again", "/waited"]
    assert "Traceback" not in lab.said.read_text()


def chunk(lab: Lab, task: str, key: str, number: int) -> Answer:
    """Write one byte of a log that is there."""
    return lab.call("PUT", f"{task}/logs/old.log", b"x", {"Content-Range": f"bytes {number}-{number}/*"}, key)
