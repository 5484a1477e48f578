"""The status object: jobs-contest.md 5.1 to 5.3, and the rest of the checklist that needs no real harness."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import contestcli
import pytest
from attrs import evolve
from contestlab import cmd, descriptor, one_test, steps_of
from waiting import until

from wsgi_app.config import Config
from wsgi_app.protocols.contest.events import stamp

if TYPE_CHECKING:
    from tests.protocols.contest.conftest import Contest

ZERO = "0001-01-01T00:00:00Z"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d*[1-9])?Z")


def keys(value: Any) -> Iterator[tuple[str, ...]]:
    """Yield the keys of every object in a value, in their order."""
    if isinstance(value, dict):
        yield tuple(value)
    for below in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from keys(below)


def over(contest: "Contest", job: int) -> Any:
    """Return the status of a job once it is over."""

    def ended() -> Any:
        contest.pass_time()
        status = contest.status(job)
        return status if status["EndTime"] else None

    return until(ended, "the job's end")


def test_16_the_shape(contest: "Contest") -> None:
    """All names in their order, zero times, nulls and times as they are; the client can read it."""
    contest.add("T1")
    job = contest.start(descriptor(one_test("Test 1", ["T1"], cmd("one", "echo"), cmd("two", "echo"))))
    reserved = contest.status(job)
    (test,) = reserved["RunStatus"]["TestStatuses"]
    assert test["TargetStatuses"] is None
    assert [step["TargetStatuses"] for step in test["TestStepStatuses"]] == [None, None]
    recipe = contest.claim("T1")
    (test,) = contest.status(job)["RunStatus"]["TestStatuses"]
    (nowhere,) = test["TargetStatuses"]
    assert (nowhere["JobID"], nowhere["Target"], nowhere["InTime"], nowhere["Error"]) == (0, None, ZERO, "")
    contest.say(recipe, 0, "Running")
    status = contest.status(job)
    found = set(keys(status))
    place = ("JobID", "RunID", "TestName")
    step = (*place, "TestStepName", "TestStepLabel")
    assert found == {
        ("Name", "State", "StateErrMsg", "StartTime", "EndTime", "RunStatus", "RunStatuses", "JobReport"),
        ("JobID", "RunID", "StartTime", "TestStatuses"),
        (*place, "TestStepStatuses", "TargetStatuses"),
        (*step, "Events", "TargetStatuses"),
        (*step, "Target", "InTime", "OutTime", "Error", "Events"),
        ("ID",),
        ("SequenceID", "EmitTime", "Header", "Data"),
        (*place[:2], "TestName", "TestAttempt", "TestStepLabel"),
        ("Target", "EventName", "Payload"),
        ("Path", "Args", "Dir"),
        ("JobID", "RunReports", "FinalReports"),
    }
    assert (status["State"], status["StateErrMsg"], status["EndTime"]) == ("JobStateStarted", "", None)
    assert status["JobReport"] == {"JobID": job, "RunReports": None, "FinalReports": None}
    one, two = steps_of(status).values()
    assert (one["TestStepName"], one["Events"], two["TargetStatuses"]) == ("Cmd", None, None)
    (target,) = one["TargetStatuses"]
    assert (target["OutTime"], target["Error"]) == (ZERO, "")
    assert TIME.fullmatch(target["InTime"])
    assert TIME.fullmatch(status["StartTime"])
    assert contestcli.STATUS(status) == status


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (None, ZERO),
        (0.0, "1970-01-01T00:00:00Z"),
        (1.5, "1970-01-01T00:00:01.5Z"),
        (10.25001, "1970-01-01T00:00:10.25001Z"),
    ],
)
def test_16_times(time: float | None, text: str) -> None:
    """Times are RFC 3339 in UTC, without zeros at the end of a fraction, nor a fraction of nothing."""
    assert stamp(time) == text


def test_17_and_18_steps_targets_and_errors(contest: "Contest") -> None:
    """An error stands where it happened and as the target's last word; other targets go on."""
    contest.add("T1", "T2")
    job = contest.start(descriptor(one_test("Test 1", ["T1", "T2"], *(cmd(x, "echo", x) for x in "abc"))))
    contest.claim("T2")
    contest.run("T1", None, "no luck")
    contest.run("T2", None, None, None)
    status = over(contest, job)
    assert status["State"] == "JobStateCompleted"
    assert status["RunStatus"] == status["RunStatuses"][-1]
    steps = steps_of(status)
    reached = {x: {s["Target"]["ID"]: s["Error"] for s in steps[x]["TargetStatuses"]} for x in "abc"}
    assert reached == {"a": {"T1": "", "T2": ""}, "b": {"T1": "no luck", "T2": ""}, "c": {"T2": ""}}
    last = status["RunStatus"]["TestStatuses"][0]["TargetStatuses"]
    assert [(s["Target"]["ID"], s["TestStepLabel"], s["Error"]) for s in last] == [
        ("T1", "b", "no luck"),
        ("T2", "c", ""),
    ]
    for found in steps.values():
        for target in found["TargetStatuses"]:
            assert status["StartTime"] <= target["InTime"] <= target["OutTime"] <= status["EndTime"]


def test_19_events(contest: "Contest") -> None:
    """A command's events: what was run, as it was expanded, its end, and what it wrote; numbers are unique and stay."""
    contest.add("T1")
    step = cmd("one", "echo", "{{ .ID }}", "x", emit_stderr=["1"], dir=["/tmp"])
    later = cmd("two", "echo", '{{ StringVar "one.size" }}', emit_stdout=[False])
    job = contest.start(descriptor(one_test("Test 1", ["T1"], step, later)))
    recipe = contest.claim("T1")
    contest.say(recipe, 0, "Running")
    (started,) = steps_of(contest.status(job))["one"]["TargetStatuses"][0]["Events"]
    contest.upload(recipe, 0, "stdout.log", b"hello \xff<\n")
    contest.report(recipe, 0, "None", "42", "variable/size")
    contest.say(recipe, 0, "Completed")
    contest.say(recipe, 1, "Running")
    contest.say(recipe, 1, "Completed")
    status = over(contest, job)
    events = steps_of(status)["one"]["TargetStatuses"][0]["Events"]
    assert events[0] == started
    told = [(event["Data"]["EventName"], event["Data"]["Payload"]) for event in events]
    assert told == [
        ("CmdStart", {"Path": "echo", "Args": ["echo", "T1", "x"], "Dir": "/tmp"}),
        ("CmdEnd", None),
        ("CmdStdout", {"Msg": "hello \ufffd<\n"}),
        ("CmdStderr", {"Msg": ""}),
    ]
    header = {"JobID": job, "RunID": 1, "TestName": "Test 1", "TestAttempt": 0, "TestStepLabel": "one"}
    assert all(event["Header"] == header and event["Data"]["Target"] == {"ID": "T1"} for event in events)
    second = steps_of(status)["two"]["TargetStatuses"][0]["Events"]
    assert [event["Data"]["EventName"] for event in second] == ["CmdStart", "CmdEnd"]
    assert second[0]["Data"]["Payload"]["Args"] == ["echo", "42"]
    numbers = [event["SequenceID"] for event in (*events, *second)]
    assert len(set(numbers)) == len(numbers)
    assert all(0 < number < 1 << 53 for number in numbers)
    assert contest.status(job) == status


def test_19_a_command_is_told_as_it_ran(contest: "Contest") -> None:
    """Executable, arguments and directory are told as their templates came to; what did not run is not told."""
    contest.add("T1")
    steps = [
        cmd("one", "{{ ToLower .ID }}", "{{ .ID }}<", dir=["/{{ .ID }}"], emit_stdout=["T"]),
        cmd("two", '{{ StringVar "one.none" }}', "x"),
    ]
    job = contest.start(descriptor(one_test("Test 1", ["T1"], *steps)))
    recipe = contest.claim("T1")
    assert "t1 'T1<'" in recipe["tasks"][0]["script"]
    contest.say(recipe, 0, "Running")
    contest.say(recipe, 0, "Completed")
    contest.say(recipe, 1, "Running")
    one, two = steps_of(contest.status(job)).values()
    told = [event["Data"] for event in one["TargetStatuses"][0]["Events"]]
    assert told[0]["Payload"] == {"Path": "t1", "Args": ["t1", "T1<"], "Dir": "/T1"}
    assert [event["EventName"] for event in told] == ["CmdStart", "CmdEnd", "CmdStdout"]
    assert two["TargetStatuses"][0]["Events"] is None


def test_19_markup_in_payloads(contest: "Contest") -> None:
    """Payloads of events have escapes for markup, as upstream's steps write them; nothing else of a status has."""
    contest.add("T1")
    tricky = '"Payload":"<&>"} \\'
    job = contest.start(descriptor(one_test("<&>", ["T1"], cmd("one", tricky, "{")), JobName=tricky))
    recipe = contest.claim("T1")
    contest.say(recipe, 0, "Running")
    contest.upload(recipe, 0, "stdout.log", b'"<}\\\\"' * 8000)
    contest.say(recipe, 0, "Completed")
    body = contest.post("status", requestor="admin", jobID=str(job)).body.decode()
    escaped = '\\"Payload\\":\\"\\u003c\\u0026\\u003e\\"} \\\\'
    assert f'"Payload":{{"Path":"{escaped}","Args":["{escaped}","{{"],"Dir":""}}' in body
    assert '"Payload":{"Msg":"' + '\\"\\u003c}\\\\\\\\\\"' * 8000 + '"}' in body
    assert '{"Status":{"Name":"\\"Payload\\":\\"<&>\\"} \\\\",' in body
    assert body.count('"TestName":"<&>"') > 4


#: target success: the expression, how many of three targets come through, what is said of it
EXPRESSIONS = [
    (">=50%", 2, True, "passes success criteria: 66.67% >= 50.00%"),
    ("=100%", 0, False, "does not pass success criteria: 0.00% is not = 100.00%"),
    (">80", 1, False, "does not pass success criteria: 1.00 is not > 80.00"),
    ("<=2", 2, True, "passes success criteria: 2.00 <= 2.00"),
    ("<50%", 1, True, "passes success criteria: 33.33% < 50.00%"),
]


@pytest.mark.parametrize(("expression", "passing", "success", "said"), EXPRESSIONS)
def test_25_target_success(contest: "Contest", expression: str, passing: int, success: bool, said: str) -> None:
    """Five operators, absolute and in percent, a sentence per test; noop is always content."""
    systems = ("T1", "T2", "T3")
    contest.add(*systems)
    job = contest.start(descriptor(one_test("Test 1", systems, cmd("one", "true")), expression=expression))
    assert [contest.claim(system) is None for system in systems] == [True, True, False]
    for number, system in enumerate(systems):
        contest.run(system, None if number < passing else "no")
    report = over(contest, job)["JobReport"]
    ((found,),) = report["RunReports"]
    assert list(found) == ["JobID", "RunID", "ReporterName", "ReportTime", "Success", "Data"]
    assert (found["RunID"], found["ReporterName"], found["Success"]) == (1, "TargetSuccess", success)
    assert found["Data"] == [f"Test Test 1 {said}"]
    (final,) = report["FinalReports"]
    assert list(final) == ["JobID", "ReporterName", "ReportTime", "Success", "Data"]
    assert (final["Success"], final["Data"]) == (True, "I did nothing at the end, all good")


def test_28_all_targets_or_none(contest: "Contest") -> None:
    """A target that another job holds keeps a job from all of its targets, until the holder stops."""
    contest.add("T1", "T2")
    holder = contest.start(descriptor(one_test("Test 1", ["T1"], cmd("one", "true"))))
    busy = contest.start(descriptor(one_test("Test 1", ["T2", "T1"], cmd("one", "true"))))
    status = contest.status(busy)
    (failed,) = status["RunStatus"]["TestStatuses"][0]["TargetStatuses"]
    assert failed["Target"] is None
    assert failed["InTime"] == failed["OutTime"] == failed["Events"][0]["EmitTime"]
    assert str(holder) in failed["Error"]
    (event,) = failed["Events"]
    assert event["Data"] == {"Target": None, "EventName": "TargetAcquireErr", "Payload": {"Error": failed["Error"]}}
    assert status["State"] == "JobStateCompleted"
    assert status["JobReport"]["RunReports"][0][0]["Success"] is False
    # T2 was not kept
    other = contest.start(descriptor(one_test("Test 1", ["T2"], cmd("one", "true"))))
    contest.run("T2", None)
    assert over(contest, other)["JobReport"]["RunReports"][0][0]["Success"] is True
    contest.call("stop", jobID=str(holder))
    again = contest.start(descriptor(one_test("Test 1", ["T2", "T1"], cmd("one", "true"))))
    contest.claim("T1")
    contest.run("T2", None)
    contest.run("T1", None)
    assert over(contest, again)["JobReport"]["RunReports"][0][0]["Success"] is True


def csv_test(file: str, least: int, most: int, **more: object) -> dict[str, object]:
    """Return a test on targets of a CSV file."""
    wanted = {"FileURI": file, "MinNumberDevices": least, "MaxNumberDevices": most, **more}
    changed = {"TargetManagerName": "CSVFileTargetManager", "TargetManagerAcquireParameters": wanted}
    return {**one_test("Test 1", [], cmd("one", "true")), **changed}


def test_32_targets_of_a_file(contest: "Contest", config: Config) -> None:
    """CSV rows by prefix, between the least and the most; what is wrong with the file is told at run time."""
    contest.add("a1", "a2", "b1")
    folder = config.descriptors
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hosts.csv").write_text("a1,web1.example,10.0.0.1,\na2,web2.example,,\nb1,db1.example,,\n")
    (folder / "bad.csv").write_text("a1,web1.example\n")
    job = contest.start(descriptor(csv_test("hosts.csv", 1, 1, HostPrefixes=["WEB", "web"])))
    contest.claim("a1")
    (target,) = contest.status(job)["RunStatus"]["TestStatuses"][0]["TargetStatuses"] or [{}]
    assert target
    for wanted in (csv_test("hosts.csv", 9, 9), csv_test("bad.csv", 1, 1), csv_test("none.csv", 1, 1)):
        (failed,) = contest.status(contest.start(descriptor(wanted)))["RunStatus"]["TestStatuses"][0]["TargetStatuses"]
        assert failed["Error"]
        assert failed["Target"] is None


def test_35_times(contest: "Contest") -> None:
    """A job ends when it ends, and has begun when it began; a tiny release timeout hurts nobody."""
    contest.add("T1")
    wanted = descriptor(one_test("Test 1", ["T1"], cmd("one", "true")), TargetManagerReleaseTimeout="1ns", Runs=2)
    job = contest.start(wanted)
    begun = contest.status(job)["StartTime"]
    contest.run("T1", None)
    until(lambda: len(contest.status(job)["RunStatuses"]) == 2, "the second run")
    second = contest.status(job)
    assert second["StartTime"] == begun <= second["RunStatuses"][0]["StartTime"] < second["RunStatuses"][1]["StartTime"]
    assert [run["RunID"] for run in (second["RunStatus"], *second["RunStatuses"])] == [2, 1, 2]
    contest.run("T1", None)
    status = over(contest, job)
    assert status["StartTime"] == begun
    out = status["RunStatus"]["TestStatuses"][0]["TargetStatuses"][0]["OutTime"]
    assert datetime.fromisoformat(status["EndTime"]) >= datetime.fromisoformat(out)


def test_20_a_stopped_job(contest: "Contest") -> None:
    """A target that was in a step has not come out of it; there are no reports, and the job ends as cancelled."""
    contest.add("T1")
    job = contest.start(descriptor(one_test("Test 1", ["T1"], cmd("one", "sleep", "9"), cmd("two", "true"))))
    recipe = contest.claim("T1")
    contest.say(recipe, 0, "Running")
    assert contest.call("stop", jobID=str(job))["Error"] is None
    status = over(contest, job)
    assert (status["State"], status["StateErrMsg"]) == ("JobStateCancelled", "")
    (target,) = status["RunStatus"]["TestStatuses"][0]["TargetStatuses"]
    assert (target["TestStepLabel"], target["OutTime"], target["Error"]) == ("one", ZERO, "")
    assert status["JobReport"]["RunReports"] is status["JobReport"]["FinalReports"] is None


def test_30_a_lost_target(make_contest: Callable[[Config], "Contest"], config: Config) -> None:
    """A target whose harness has gone fails the job, with a word of it in the step; the server goes on."""
    contest = make_contest(evolve(config, watchdog_seconds=1, grace_seconds=0))
    contest.add("T1")
    job = contest.start(descriptor(one_test("Test 1", ["T1"], cmd("one", "true"))))
    recipe = contest.claim("T1")
    contest.say(recipe, 0, "Running")
    status = over(contest, job)
    assert status["State"] == "JobStateFailed"
    assert status["StateErrMsg"]
    step = steps_of(status)["one"]
    (event,) = step["Events"]
    assert (event["Data"]["EventName"], event["Data"]["Target"]) == ("TestError", None)
    assert event["Data"]["Payload"] in status["StateErrMsg"]
    assert step["TargetStatuses"][0]["Error"] == event["Data"]["Payload"]
    assert json.loads(contest.post("version").body)["Error"] is None
