"""The system's clock is stepped while recipes run; processes stand still for a while."""

import itertools
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from acting import FORM, Acting
from faketime import SteppedClock
from lab import Answer, Lab, reachable_directory, running_lab
from stopping import stopped
from uploads import half_upload
from waiting import until

HOUR = 3600
DAY = 86400
NUMBERS = itertools.count()
STEPS = {"an hour back": -HOUR, "a day ahead": DAY}


@pytest.fixture(scope="module")
def clock() -> Iterator[SteppedClock]:
    """The clock of the lab."""
    place = reachable_directory()
    yield SteppedClock.at(place)
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def stepped_lab(clock: SteppedClock) -> Iterator[Lab]:
    """A Tackroom behind httpd that lives by that clock."""
    with running_lab("apache", **clock.environ) as made:
        yield made


@pytest.fixture
def lab(stepped_lab: Lab, clock: SteppedClock) -> Iterator[Lab]:
    """That lab, its clock right."""
    step(stepped_lab, clock, 0)
    yield stepped_lab
    step(stepped_lab, clock, 0)


@pytest.mark.parametrize("seconds", STEPS.values(), ids=STEPS)
def test_a_step_aborts_nothing_and_keeps_nothing_alive(lab: Lab, clock: SteppedClock, seconds: int) -> None:
    """Watchdog and time limit go on where they were; what is due in real seconds expires in seconds."""
    long = begin(lab, "long", max_seconds=300)
    watchdog(lab, long, 200)
    short = begin(lab, "short")
    began = time.monotonic()
    watchdog(lab, short, 2)
    clock.step(seconds)
    until(lambda: recipe_of(lab, short)["status"] == "Aborted", "the end of the short one", 40)
    assert time.monotonic() - began >= 1.9
    found = recipe_of(lab, long)
    assert found["status"] == "Running"
    assert 150 <= found["watchdog"] <= 200
    assert mark(lab)["step"] == pytest.approx(seconds, abs=1)
    long.log(0, "after.log", b"written after the step\n")
    long.status(0, "Completed")
    assert lab.settled(long.job)["verdict"] == "pass"
    # its logs take more for a minute after the abort, whatever the clock says
    assert put(lab, short, "late.log").status == 201
    numbers = [event["id"] for event in lab.call("GET", "/events?limit=10000").json["events"]]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("seconds", [HOUR, -HOUR], ids=["ahead", "back"])
def test_what_is_said_before_the_step_was_noticed_counts_once(lab: Lab, clock: SteppedClock, seconds: int) -> None:
    """While the timer stands still, a watchdog that is set, a claim and a wait mean seconds; and so afterwards."""
    one = begin(lab, "set-in-between")
    lab.post("/systems/", {"name": f"free{seconds}"})
    # the step before this one is dealt with whole: a timer that stops at its very end leaves readers an old clock
    until(lambda: mark(lab)["undo"] is None, "the end of the step before")
    with stopped(lab, "wsgi_app.cli timer"):
        clock.step(seconds)
        watchdog(lab, one, 100)
        assert 70 <= remaining(lab, one) <= 100
        two = Acting(lab, "one", system=f"free{seconds}").claim()
        assert 1700 < recipe_of(lab, two)["watchdog"] <= 1800
        known = mark(lab)["steps"]
    until(lambda: mark(lab)["steps"] == known + 1 and mark(lab)["undo"] is None, "the timer's word, committed")
    assert mark(lab)["step"] == pytest.approx(seconds, abs=1)
    assert 40 <= remaining(lab, one) <= 100
    assert 1700 < recipe_of(lab, two)["watchdog"] <= 1800
    one.status(0, "Completed")
    assert lab.settled(one.job)["verdict"] == "pass"


def test_the_clock_is_put_back_and_what_is_closed_stays_closed(lab: Lab, clock: SteppedClock) -> None:
    """Recipes that ended an hour ago by the new time, or are going to: no log of theirs takes a byte again."""
    ended = begin(lab, "ended")
    ended.log(0, "kept.log", b"all of it\n")
    ended.status(0, "Completed")
    lab.settled(ended.job)
    step(lab, clock, -HOUR)
    (timer,) = lab.pids("wsgi_app.cli timer")
    os.kill(timer, signal.SIGKILL)
    # the next one begins with the gates of all
    until(lambda: (pids := lab.pids("wsgi_app.cli timer")) and pids != [timer], "another timer")
    due = begin(lab, "due")
    watchdog(lab, due, 1)
    until(lambda: recipe_of(lab, due)["status"] == "Aborted", "a round of the timer")
    assert put(lab, ended, "kept.log", b"more\n").status == 409
    assert put(lab, ended, "new.log").status == 409


def test_the_clock_is_stepped_while_nothing_runs(lab: Lab, clock: SteppedClock) -> None:
    """A recipe's time goes on from where the clock was: the boot is the same, so it is known how long it was down."""
    one = begin(lab, "rebooting")
    watchdog(lab, one, 200)
    lab.stop()
    clock.step(DAY)
    lab.start()
    assert 100 <= remaining(lab, one) <= 200
    assert recipe_of(lab, one)["status"] == "Running"
    one.status(0, "Completed")
    assert lab.settled(one.job)["verdict"] == "pass"


@pytest.mark.parametrize("seconds", [HOUR, -HOUR], ids=["ahead", "back"])
def test_who_waits_waits_for_real_seconds(lab: Lab, clock: SteppedClock, seconds: int) -> None:
    """Calls that wait for a job, a recipe and a peer end when their seconds are over, neither before nor after."""
    one = begin(lab, "waited-for")
    system = f"waits{seconds}"
    lab.post("/systems/", {"name": system})
    took: dict[str, float] = {}

    def wait(method: str, path: str) -> None:
        began = time.monotonic()
        lab.call(method, path)
        took[path] = time.monotonic() - began

    calls = [
        ("GET", f"/jobs/{one.job}/wait?timeout=1"),
        ("POST", f"/systems/{system}/claim?wait=1"),
    ]
    threads = [threading.Thread(target=wait, args=call) for call in calls]
    for thread in threads:
        thread.start()
    until(lambda: lab.call("GET", f"/systems/{system}").json["state"] == "idle", "the waiting claim")
    clock.step(seconds)
    for thread in threads:
        thread.join(20)
    assert len(took) == len(calls)
    assert all(0.9 <= seconds <= 15 for seconds in took.values()), took
    one.status(0, "Completed")


def test_a_key_is_remembered_over_a_step_of_a_day(lab: Lab, clock: SteppedClock) -> None:
    """A retried call makes no second job, though a day seems to lie between the two."""
    lab.post("/systems/", {"name": "remembers"})
    job = {"recipe_sets": [{"recipes": [{"system": "remembers", "tasks": [{"name": "one"}]}]}]}
    headers = {"Content-Type": "application/json", "Idempotency-Key": "the same"}
    first = lab.call("POST", "/jobs/", json.dumps(job).encode(), headers)
    step(lab, clock, DAY + HOUR)
    again = lab.call("POST", "/jobs/", json.dumps(job).encode(), headers)
    assert (first.status, first.json["id"]) == (again.status, again.json["id"])


@pytest.mark.parametrize("seconds", [HOUR, -HOUR], ids=["ahead", "back"])
def test_an_upload_under_way_loses_nothing(lab: Lab, clock: SteppedClock, seconds: int) -> None:
    """It goes on, or its harness is told to come again (503); the log is indexed whole."""
    one = begin(lab, "uploads")
    path = f"/recipes/{one.recipe}/tasks/{one.tasks[0]}/logs/taskout.log"
    body = os.urandom(400_000)
    with half_upload(lab, path, one.key, len(body), f"bytes 0-{len(body) - 1}/*") as upload:
        upload.send(body[:300_000])
        until(lambda: (lab.data / "logs" / path.strip("/")).stat().st_size > 0, "the first bytes on disk")
        clock.step(seconds)
        upload.send(body[300_000:])
        status = upload.status()
    # httpd counts the seconds of a body by the system's clock
    assert status in (204, 503)
    if status == 503:
        assert lab.call("PUT", path, body, {"Content-Range": f"bytes 0-{len(body) - 1}/*"}, one.key).status == 204
    one.status(0, "Completed")
    assert lab.settled(one.job)["verdict"] == "pass"
    (log,) = lab.call("GET", f"/recipes/{one.recipe}/log-index").json["logs"]
    assert (log["state"], log["size"]) == ("finished", len(body))


def test_processes_that_stood_still_make_up_for_it(lab: Lab) -> None:
    """Timer and indexer are stopped past a watchdog, as by a suspended machine; both go on where they were."""
    due = begin(lab, "due-meanwhile")
    done = begin(lab, "done-meanwhile")
    with stopped(lab, "wsgi_app.cli timer"), stopped(lab, "wsgi_app.cli indexer"):
        watchdog(lab, due, 1)
        done.log(0, "meanwhile.log", b"nobody looks\n")
        done.status(0, "Completed")
        until(lambda: remaining(lab, due) < -2, "the watchdog's time")
        assert recipe_of(lab, due)["status"] == "Running"
    until(lambda: recipe_of(lab, due)["status"] == "Aborted", "the abort")
    assert lab.settled(done.job)["verdict"] == "pass"


def begin(lab: Lab, system: str, **recipe: Any) -> Acting:
    """Run a recipe's only task on a system whose name begins so."""
    made = Acting(lab, "one", system=f"{system}-{next(NUMBERS)}", **recipe).claim()
    made.status(0, "Running")
    return made


def watchdog(lab: Lab, acting: Acting, seconds: int) -> None:
    """Set a recipe's watchdog."""
    answer = lab.call("POST", f"/recipes/{acting.recipe}/watchdog", b"seconds=%d" % seconds, FORM, acting.key)
    assert answer.status == 204, answer


def remaining(lab: Lab, acting: Acting) -> int:
    """Return the seconds until a recipe is aborted."""
    return int(lab.call("GET", f"/recipes/{acting.recipe}/watchdog").json["seconds"])


def recipe_of(lab: Lab, acting: Acting) -> Any:
    """Return a recipe as it is now."""
    return lab.call("GET", f"/recipes/{acting.recipe}/", headers={"Accept": "application/json"}).json


def put(lab: Lab, acting: Acting, name: str, body: bytes = b"text\n") -> Answer:
    """Write a log of the task, whole, as its harness."""
    return lab.call("PUT", f"/recipes/{acting.recipe}/tasks/{acting.tasks[0]}/logs/{name}", body, key=acting.key)


def mark(lab: Lab) -> Any:
    """Return how the clock stood when all times fitted it."""
    return json.loads((lab.data / "run" / "clock.json").read_text())


def step(lab: Lab, clock: SteppedClock, seconds: int) -> None:
    """Step the clock, and wait until that has been dealt with."""
    clock.step(seconds)
    epoch = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    until(lambda: abs(mark(lab)["epoch"] - epoch - seconds) < 1, "a word about the step")
