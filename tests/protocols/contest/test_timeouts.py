"""The event timeout: handing over and answering, each within it, while the work goes on (jobs-contest.md 1.5)."""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from contestlab import cmd, descriptor, one_test
from waiting import until

from wsgi_app.config import Config, load
from wsgi_app.errors import Invalid
from wsgi_app.protocols.contest.channel import MOST_AT_WORK

if TYPE_CHECKING:
    from tests.protocols.contest.conftest import Contest


def wanted(number: int = 0) -> str:
    """Return a descriptor; those of different numbers differ."""
    return json.dumps(descriptor(one_test("Test 1", ["T1"], cmd("step1", "true")), JobName=f"job{number}"))


@contextmanager
def busy(config: Config) -> Iterator[None]:
    """Keep the database from being written."""
    with closing(sqlite3.connect(config.database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_09_and_10_a_start_that_times_out_is_found_by_list(
    make_contest: Callable[[Config], "Contest"], config: Config
) -> None:
    """The caller is told so after the timeout, the job starts all the same, and is listed; nothing else waits."""
    contest = make_contest(evolve(config, event_timeout=0.2))
    with busy(config):
        answer = contest.post("start", requestor="admin", jobDesc=wanted())
        assert answer.status_int == 400
        assert answer.body == b'{"Msg":"Start failed: time out waiting for response after 200ms"}'
        assert contest.list() == []
        assert any(thread.name == "contest start" and thread.daemon for thread in threading.enumerate())
    (job,) = until(contest.list, "the job")
    assert contest.status(job)["Name"] == "job0"


def test_09_one_nanosecond(make_contest: Callable[[Config], "Contest"], config: Config) -> None:
    """However short the timeout is, a call is handed over, and what it asks for is done."""
    contest = make_contest(evolve(config, event_timeout=1e-9))
    with busy(config):
        answer = contest.post("start", requestor="admin", jobDesc=wanted())
    assert answer.body == b'{"Msg":"Start failed: time out waiting for response after 1ns"}'
    assert until(lambda: contest.web.get("/jobs/", status=200).json["jobs"], "the job")[0]["name"] == "job0"


def test_09_a_call_that_cannot_be_handed_over(make_contest: Callable[[Config], "Contest"], config: Config) -> None:
    """So many calls are at work at a time; one more is told that it was not handed over, and nothing comes of it."""
    contest = make_contest(evolve(config, event_timeout=0.3))
    contest.post("start", requestor="admin", jobDesc=wanted(99))
    until(contest.list, "a job that is there before")
    with busy(config):
        callers = [
            threading.Thread(target=contest.post, args=("start",), kwargs={"requestor": "admin", "jobDesc": wanted(n)})
            for n in range(MOST_AT_WORK)
        ]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        late = contest.post("stop", requestor="admin", jobID="1")
        assert late.status_int == 400
        assert late.body == b'{"Msg":"Stop failed: sending event timed out after 300ms"}'
        # this one needs no thread
        assert contest.post("version").status_int == 200
    assert len(until(lambda: (found := contest.list())[MOST_AT_WORK:] and found, "the jobs")) == MOST_AT_WORK + 1


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), 151.0])
def test_09_the_timeout_has_bounds(seconds: float) -> None:
    """No server starts with a timeout of nothing, or with one that its front would not wait for."""
    with pytest.raises(Invalid, match="event_timeout"):
        load({"TACKROOM_EVENT_TIMEOUT": str(seconds), "TACKROOM_DATA": "/nonexistent"})
