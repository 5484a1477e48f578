"""scheduler.jobs.*: submitted, shown, listed, cancelled, repeated."""

import json
import threading
import tracemalloc
import xmlrpc.client
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from descriptor import changed
from lavarpc import LavaRPC
from lavatext import ONE, TWO
from waiting import until
from webtest import TestRequest

JSON = json.dumps({"name": "json", "recipe_sets": [{"recipes": [{"system": "T1", "tasks": [{"name": "t"}]}]}]})
XML = """<job><whiteboard>xml</whiteboard><recipeSet><recipe><hostRequires force="T1"/>
<task name="/t"/></recipe></recipeSet></job>"""


@pytest.fixture
def lab(rpc: LavaRPC) -> LavaRPC:
    """A lab with two systems of type `bench`, which nobody runs."""
    for name in ("T1", "T2"):
        rpc.add(name)
    return rpc


def test_submit(lab: LavaRPC) -> None:
    """Items 16, 19: a job of one device has a number; each submission is a job; its text is kept as it was."""
    first, second = (lab.call("scheduler.jobs.submit", ONE) for _ in range(2))
    assert isinstance(first, int)
    assert isinstance(second, int)
    assert first != second
    assert lab.call("scheduler.jobs.definition", first) == ONE
    shown = lab.call("scheduler.jobs.show", first)
    assert (shown["id"], shown["description"], shown["device_type"], shown["submitter"]) == (
        first,
        "smøke",
        "bench",
        "admin",
    )
    assert lab.call("results.get_testjob_metadata", first) == [{"build": "7"}]


def test_submit_for_two(lab: LavaRPC) -> None:
    """Item 12: a job of two devices has a list of two ids, `P.0` and `P.1`."""
    ids = lab.call("scheduler.jobs.submit", TWO)
    first = int(ids[0].split(".")[0])
    assert ids == [f"{first}.0", f"{first}.1"]
    assert [lab.call("scheduler.jobs.show", one)["id"] for one in ids] == ids
    assert lab.call("scheduler.jobs.show", first)["id"] == ids[0]
    assert lab.refused("scheduler.jobs.show", f"{first}.2")[0] == 404
    listed = lab.call("scheduler.jobs.list")
    assert [row["id"] for row in listed] == ids[::-1]


@pytest.mark.parametrize(("text", "name"), [(JSON, "json"), ("\n" + XML, "xml")])
def test_submit_other_documents(lab: LavaRPC, text: str, name: str) -> None:
    """Any document that we know is a job here, and is kept as it was."""
    job = lab.call("scheduler.jobs.submit", text)
    assert lab.call("scheduler.jobs.show", job)["description"] == name
    assert lab.call("scheduler.jobs.definition", job) == text


def test_submit_a_descriptor(lab: LavaRPC) -> None:
    """A ConTest descriptor is a job; one that gets no targets has no recipes, and goes by its own number."""
    text = json.dumps(changed({}))
    job = lab.call("scheduler.jobs.submit", text)
    assert lab.call("scheduler.jobs.show", job)["device"] == "T1"
    assert lab.call("scheduler.jobs.definition", job) == text
    without = lab.call("scheduler.jobs.submit", text)
    shown = lab.call("scheduler.jobs.show", without)
    assert set(shown) == set(lab.call("scheduler.jobs.show", job))
    assert (shown["id"], shown["state"], shown["device"]) == (without, "Finished", None)
    assert shown["verdict"] != "pass"
    assert lab.refused("scheduler.jobs.show", f"R:{without}")[0] == 404


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("job_name: [", 400, "line 2, column 1"),
        (ONE.replace("job_name: smøke\n", ""), 400, "job_name"),
        (ONE.replace("minutes: 5", "minutes: none"), 400, "timeouts.job.minutes"),
        (ONE.replace("device_type: bench", "device_type: nothing"), 404, "nothing"),
        ("{", 400, "line"),
        ("<job>", 400, "line 1"),
        ('{"recipe_sets": []}', 400, "recipe_sets"),
        ("", 400, ""),
    ],
)
def test_bad_submissions(lab: LavaRPC, text: str, code: int, words: str) -> None:
    """Item 17: what is no job is refused with place and reason, and nothing is stored; `validate` says the same."""
    found, said = lab.refused("scheduler.jobs.submit", text)
    assert found == code
    assert words in said
    assert lab.call("scheduler.jobs.list") == []
    told = lab.call("scheduler.jobs.validate", text)
    assert set(told) == {"path", "msg"}
    assert told["msg"] in said
    assert lab.refused("scheduler.validate_yaml", text)[0] == 400


def test_validate(lab: LavaRPC) -> None:
    """A job that could be submitted comes to nothing, and makes nothing; strictly, keys that nobody knows are wrong."""
    odd = ONE + "colour: red\n"
    assert lab.call("scheduler.jobs.validate", ONE) == {}
    assert lab.call("scheduler.jobs.validate", odd) == {}
    assert lab.call("scheduler.jobs.validate", odd, True)["path"] == "colour"
    assert lab.call("scheduler.validate_yaml", ONE) is True
    assert lab.call("scheduler.jobs.list") == []


def test_show(lab: LavaRPC) -> None:
    """Item 20: before its start a job has no device and no times, and then it has; all keys are always there."""
    job = lab.call("scheduler.jobs.submit", ONE)
    before = lab.call("scheduler.jobs.show", job)
    assert (before["state"], before["health"]) == ("Submitted", "Unknown")
    assert [before[key] for key in ("device", "start_time", "end_time", "failure_comment", "error_type")] == [None] * 5
    recipe = lab.claim("T1")
    lab.say(recipe, 0, "Running")
    running = lab.call("scheduler.jobs.show", job)
    assert (running["state"], running["health"], running["device"]) == ("Running", "Unknown", "T1")
    lab.say(recipe, 0, "Completed")
    assert lab.call("scheduler.jobs.show", job)["state"] == "Running"
    lab.settle()
    after = lab.call("scheduler.jobs.show", job)
    assert (after["state"], after["health"], after["verdict"]) == ("Finished", "Complete", "pass")
    assert set(before) == set(running) == set(after)
    assert all(isinstance(after[key], datetime) for key in ("submit_time", "start_time", "end_time"))
    assert (after["health_check"], after["pipeline"], after["visibility"], after["tags"]) == (False, True, "Public", [])


def test_ids(lab: LavaRPC) -> None:
    """Item 21: a job goes by any number that it has, as number or text; what means nothing is Fault 404."""
    job = lab.call("scheduler.jobs.submit", ONE)
    value = lab.web.get("/jobs/1", status="*")
    numbers = {"R": job, "J": job - 2, "RS": job - 1, "T": job + 1}
    assert value.json["recipe_sets"][0]["recipes"][0]["id"] == job
    asked = [job, str(job), f"{job}.0", *(f"{kind}:{number}" for kind, number in numbers.items()), *numbers.values()]
    assert {lab.call("scheduler.jobs.show", one)["id"] for one in asked} == {job}
    for garbage in (0, -1, 999, "", "x", "R:x", f"J:{job}", f"R:{job}.0", f"{job}.1", "9" * 40, "1e3", "٣", f"{job} "):
        assert lab.refused("scheduler.jobs.show", garbage)[0] == 404
        assert lab.refused("scheduler.jobs.logs", garbage)[0] == 404
        assert lab.refused("results.get_testjob_results_yaml", garbage)[0] == 404


def test_several_together(lab: LavaRPC) -> None:
    """An id that means several shows them together: the least progressed state, the worst health, all their tags."""
    lab.call("scheduler.jobs.submit", TWO)
    job = "J:1"
    assert lab.call("scheduler.jobs.show", job)["state"] == "Submitted"
    lab.claim("T1")
    first, second = lab.claim("T2"), lab.claim("T1")
    first, second = sorted((first, second), key=lambda recipe: int(recipe["id"]))
    lab.say(second, 0, "Running")
    assert [row["state"] for row in lab.call("scheduler.jobs.list")] == ["Running", "Scheduled"]
    shown = lab.call("scheduler.jobs.show", job)
    assert (shown["id"], shown["state"], shown["device"]) == (job, "Scheduled", None)
    lab.say(second, 0, "Completed")
    lab.say(first, 0, "Running")
    lab.say(first, 0, "Aborted")
    lab.settle()
    shown = lab.call("scheduler.jobs.show", job)
    assert (shown["state"], shown["health"], shown["device_type"]) == ("Finished", "Incomplete", "bench")
    assert shown["error_type"] == "Test"
    assert shown["error_msg"] == shown["failure_comment"] != ""
    (incomplete,) = lab.call("scheduler.jobs.list", None, "INCOMPLETE", 0, 25, 0, True)
    assert (incomplete["error_type"], incomplete["actual_device"]) == ("Test", first["system"])


@pytest.mark.parametrize("name", ["submit", "cancel", "resubmit", "validate"])
def test_nobody_in_particular(lab: LavaRPC, name: str) -> None:
    """Item 10: whoever has no token changes nothing: Fault 401."""
    job = lab.call("scheduler.jobs.submit", ONE)
    given = ONE if name in ("submit", "validate") else job
    assert lab.refused(f"scheduler.jobs.{name}", given, user=None)[0] == 401
    assert len(lab.call("scheduler.jobs.list", user=None)) == 1
    assert lab.call("scheduler.jobs.show", job, user=None)["state"] == "Submitted"


def test_others(lab: LavaRPC) -> None:
    """Item 10: another user's job is not cancelled: Fault 403; a private one is not even seen."""
    jane = lab.user("jane")
    job = lab.call("scheduler.jobs.submit", ONE)
    assert lab.refused("scheduler.jobs.cancel", job, user=jane)[0] == 403
    assert lab.call("scheduler.jobs.show", job)["state"] == "Submitted"
    hidden = lab.call("scheduler.jobs.submit", ONE.replace("visibility: public", "visibility: personal"))
    assert lab.call("scheduler.jobs.show", hidden)["visibility"] == "Personal"
    for name in ("show", "logs", "definition", "resubmit"):
        assert lab.refused(f"scheduler.jobs.{name}", hidden, user=jane)[0] == 403
    for name in ("show", "logs", "logs_count"):
        assert lab.refused(f"scheduler.jobs.{name}", hidden, user=None)[0] == 401
    for user in (jane, None):
        assert [row["id"] for row in lab.call("scheduler.jobs.list", user=user)] == [job]
        assert [row["id"] for row in lab.call("scheduler.jobs.queue", user=user)] == [job]


def test_cancel(lab: LavaRPC) -> None:
    """Item 23: what runs is Canceling, then Canceled; again it does nothing; one part cancels all of its set."""
    ids = lab.call("scheduler.jobs.submit", TWO)
    first = lab.claim("T1") or lab.claim("T2")
    lab.say(first, 0, "Running")
    assert lab.call("scheduler.jobs.cancel", ids[1]) is None
    assert {row["state"] for row in lab.call("scheduler.jobs.list", "CANCELING")} == {"Canceling"}
    for row in lab.call("scheduler.jobs.list"):
        lab.application.gateway.recipes.settle(lab.call("scheduler.job_details", row["id"])["id"], late=True)
    assert {(row["state"], row["health"]) for row in lab.call("scheduler.jobs.list")} == {("Finished", "Canceled")}
    assert lab.call("scheduler.jobs.cancel", ids[0]) is None
    done = lab.call("scheduler.jobs.submit", ONE)
    lab.run("T1")
    lab.call("scheduler.jobs.cancel", done)
    assert lab.call("scheduler.jobs.show", done)["health"] == "Complete"


def test_resubmit(lab: LavaRPC) -> None:
    """Item 24: once more is a new id with the same text; the first one stays as it is."""
    job = lab.call("scheduler.jobs.submit", ONE)
    lab.run("T1")
    again = lab.call("scheduler.jobs.resubmit", str(job))
    assert again != job
    assert lab.call("scheduler.jobs.definition", again) == ONE
    assert lab.call("scheduler.jobs.show", job)["health"] == "Complete"
    ids = lab.call("scheduler.jobs.submit", TWO)
    assert len(lab.call("scheduler.resubmit_job", ids[0])) == 2


def test_list(lab: LavaRPC) -> None:
    """Item 25: newest first; limits, starts and filters; a word that is no state is Fault 400."""
    jobs = [lab.call("scheduler.jobs.submit", JSON) for _ in range(3)]
    lab.run("T1")

    def numbers(*arguments: Any) -> list[int]:
        return [row["id"] for row in lab.call("scheduler.jobs.list", *arguments)]

    assert numbers() == numbers(None, None, 0, 5000) == numbers(None, None, -5, 25, None) == jobs[::-1]
    assert numbers(None, None, 1, 1) == [jobs[1]]
    assert numbers(None, None, 7) == numbers(None, None, 0, 0) == numbers(None, None, 0, -3) == []
    assert numbers("SUBMITTED") == jobs[:0:-1]
    assert numbers("FINISHED") == numbers(None, "COMPLETE") == numbers("Finished", "Complete", 0, 25, 5) == [jobs[0]]
    assert numbers(None, "UNKNOWN") == jobs[:0:-1]
    assert [numbers(state) for state in ("SCHEDULING", "SCHEDULED", "RUNNING", "CANCELING")] == [[]] * 4
    assert numbers("RUNNING", None, 0, 100, None, False, 60) == numbers(None, None, 0, 25, None, False, 60) == []
    assert lab.refused("scheduler.jobs.list", "SLEEPING") == (400, "Invalid state 'SLEEPING'")
    assert lab.refused("scheduler.jobs.list", None, "ILL") == (400, "Invalid health 'ILL'")
    for row in lab.call("scheduler.jobs.list", None, None, 0, 25, 0, True):
        assert json.dumps(row)
        assert row["end_time"] is None or row["end_time"].endswith("+00:00")


def test_queue(lab: LavaRPC) -> None:
    """Item 26: what waits for a device, the first to get one first; of some types, if they are named."""
    low = lab.call("scheduler.jobs.submit", ONE + "priority: low\n")
    first, second = (lab.call("scheduler.jobs.submit", ONE) for _ in range(2))
    rows = lab.call("scheduler.jobs.queue")
    assert [row["id"] for row in rows] == [first, second, low]
    assert set(rows[0]) == {"id", "description", "requested_device_type", "submitter"}
    assert lab.call("scheduler.jobs.queue", ["bench", "other"], 1, 1) == rows[1:2]
    assert lab.call("scheduler.jobs.queue", ["other"]) == []
    assert lab.refused("scheduler.jobs.queue", [1])[0] == 400
    lab.run("T1")
    assert [row["id"] for row in lab.call("scheduler.jobs.queue")] == [second, low]


def test_configuration(lab: LavaRPC) -> None:
    """Item 27: before a job has a device there is none: Fault 404; then five texts, the first of which is its own."""
    job = lab.call("scheduler.jobs.submit", ONE)
    code, why = lab.refused("scheduler.jobs.configuration", job)
    assert (code, why.startswith("the job has not started yet")) == (404, True)
    lab.run("T1")
    definition, device, *others = lab.call("scheduler.jobs.configuration", job)
    assert definition == ONE
    assert "hostname: T1" in device
    assert others == [None, None, None]


def test_logs(lab: LavaRPC) -> None:
    """The log has its records and says when they are all; whoever asks beyond its end gets nothing."""
    job = lab.call("scheduler.jobs.submit", ONE)
    assert lab.call("scheduler.jobs.logs", job) == [False, b""]
    recipe = lab.claim("T1")
    lab.say(recipe, 0, "Running")
    lab.upload(recipe, 0, b"hello\nhalf")
    finished, text = lab.call("scheduler.jobs.logs", str(job), 0, None)
    assert not finished
    assert [line.split(b'"msg": ')[1] for line in text.splitlines()] == [
        b'"start: 1 smoke (timeout 00:05:00)"}',
        b'"hello"}',
    ]
    assert lab.call("scheduler.jobs.logs_count", job) == 2
    assert lab.call("scheduler.jobs.logs", job, 1, 2) == [False, text.splitlines(keepends=True)[1]]
    assert lab.call("scheduler.jobs.logs", job, 7) == [False, b""]
    assert lab.call("scheduler.job_output", job, 10) == text[10:]


def test_a_long_log_goes_out_piece_by_piece(lab: LavaRPC) -> None:
    """Of a log of 64 MiB no more is held than a few blocks while its answer goes out."""
    job = lab.call("scheduler.jobs.submit", ONE)
    recipe = lab.claim("T1")
    lab.say(recipe, 0, "Running")
    task = recipe["tasks"][0]["id"]
    log = lab.application.gateway.config.logs / f"{recipe['id']}/tasks/{task}/logs/taskout.log"
    with log.open("ab") as file:
        for _ in range(512):
            file.write(b"x" * 131_071 + b"\n")
    body = xmlrpc.client.dumps((job,), "scheduler.jobs.logs").encode()
    environ = TestRequest.blank("/RPC2", method="POST", body=body, headers=lab.headers()).environ
    tracemalloc.start()
    try:
        size = sum(len(block) for block in lab.application(environ, lambda *_: None))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 64 << 20
    assert peak < 8 << 20


@pytest.fixture
def at_once(lab: LavaRPC) -> Callable[[bytes, int], list[Any]]:
    """Make the same call several times at a time, while the database lets nobody write until all are at it."""

    def made(body: bytes, times: int) -> list[Any]:
        answers: list[Any] = []
        threads = [
            threading.Thread(target=lambda: answers.append(xmlrpc.client.loads(lab.post(body).body)[0][0]))
            for _ in range(times)
        ]
        with lab.application.gateway._ground.db.write():
            for thread in threads:
                thread.start()
            flights = lab.application.gateway.config.run / "flights"
            _held(flights, times)
        for thread in threads:
            thread.join()
        return answers

    return made


def _held(flights: Any, times: int) -> None:
    """Wait until so many fly with the one token there."""

    def flying() -> bool:
        files = list(flights.glob("*")) if flights.exists() else []
        if len(files) != 1:
            return False
        inode = str(files[0].stat().st_ino)
        locks = Path("/proc/locks").read_text().splitlines()
        return sum(f":{inode} " in line for line in locks) >= times

    until(flying, "all at once")


def test_identical_calls_at_once(lab: LavaRPC, at_once: Callable[[bytes, int], list[Any]]) -> None:
    """Item 14: the same call made again while the first is at work is the same job; afterwards it is another."""
    body = xmlrpc.client.dumps((ONE,), "scheduler.jobs.submit").encode()
    answers = at_once(body, 3)
    assert len(set(answers)) == 1
    assert len(lab.call("scheduler.jobs.list")) == 1
    assert lab.call("scheduler.jobs.submit", ONE) not in answers
    again = at_once(xmlrpc.client.dumps((str(answers[0]),), "scheduler.jobs.resubmit").encode(), 3)
    assert len(set(again)) == 1
    assert len(lab.call("scheduler.jobs.list")) == 3
