"""Jobs that the stock client submits and reads, run by our harness on T1 and T2. Checklist by number."""

import socket
import threading
from collections import Counter
from pathlib import Path

import pytest
from contestlab import Site, cmd, descriptor, one_test, said, shell, steps_of
from waiting import until

#: section 3.3 of the reference, as it stands there
MINIMAL = {
    "JobName": "j1",
    "Version": "1.0",
    "Tags": ["t1", "t2"],
    "Runs": 1,
    "RunInterval": "0s",
    "TestDescriptors": [
        {
            "TargetManagerName": "TargetList",
            "TargetManagerAcquireParameters": {
                "Targets": [{"ID": "T1", "FQDN": "host1.example.org", "PrimaryIPv4": "10.0.0.1"}]
            },
            "TargetManagerReleaseParameters": {},
            "TestFetcherName": "literal",
            "TestFetcherFetchParameters": {
                "TestName": "Test 1",
                "Steps": [
                    {
                        "name": "cmd",
                        "label": "step1",
                        "parameters": {
                            "executable": ["echo"],
                            "args": ["hello {{ .ID }} {{ ToUpper .FQDN }}"],
                            "emit_stdout": [True],
                        },
                    }
                ],
            },
        }
    ],
    "Reporting": {
        "RunReporters": [{"Name": "TargetSuccess", "Parameters": {"SuccessExpression": "=100%"}}],
        "FinalReporters": [{"Name": "noop"}],
    },
}


def test_36_the_minimal_descriptor_runs_on_t1(site: Site) -> None:
    """`contestcli -w start` prints two documents; the step said hello in T1's own words, and both reports are there."""
    started, ended = site.client("-w", "start", stdin=MINIMAL)
    job, status = started["Data"]["JobID"], ended["Data"]["Status"]
    assert (ended["Err"], status["Name"], status["State"], status["StateErrMsg"]) == (
        None,
        "j1",
        "JobStateCompleted",
        "",
    )
    step = steps_of(status)["step1"]
    assert step["TestStepName"] == "Cmd"
    assert said(step) == {"T1": "hello T1 HOST1.EXAMPLE.ORG\n"}
    (target,) = step["TargetStatuses"]
    assert target["Target"] == {"ID": "T1", "FQDN": "host1.example.org", "PrimaryIPv4": "10.0.0.1"}
    assert (target["Error"], target["InTime"] < target["OutTime"]) == ("", True)
    assert sorted(event["Data"]["EventName"] for event in target["Events"]) == ["CmdEnd", "CmdStart", "CmdStdout"]
    ((report,),) = status["JobReport"]["RunReports"]
    assert (report["ReporterName"], report["Success"]) == ("TargetSuccess", True)
    assert report["Data"] == ["Test Test 1 passes success criteria: 100.00% = 100.00%"]
    (final,) = status["JobReport"]["FinalReports"]
    assert (final["ReporterName"], final["Success"]) == ("noop", True)
    assert status["RunStatus"] == status["RunStatuses"][-1]
    assert job in site.client("list", "--tags", "t1,t2", "--states", "JobStateCompleted")[0]["Data"]["JobIDs"]
    assert site.lab.call("GET", f"/jobs/{job}").json["verdict"] == "pass"


def test_14_two_targets_two_tests_two_runs(site: Site) -> None:
    """Each target walks through both steps of both tests in both runs, and says what was its own to say."""
    tests = [
        one_test(
            f"Test {number}",
            ["T1", "T2"],
            cmd("first", "echo", f"{number} first {{{{ .ID }}}}"),
            cmd("second", "echo", f"{number} second {{{{ .ID }}}}"),
        )
        for number in (1, 2)
    ]
    status = site.ended(site.start(descriptor(*tests, Runs=2)))
    assert (status["State"], len(status["RunStatuses"])) == ("JobStateCompleted", 2)
    for run in (1, 2):
        for test in (0, 1):
            steps = steps_of(status, run, test)
            assert list(steps) == ["first", "second"]
            for label, step in steps.items():
                assert said(step) == {target: f"{test + 1} {label} {target}\n" for target in ("T1", "T2")}
    assert [len(reports) for reports in status["JobReport"]["RunReports"]] == [1, 1]


def test_18_a_failed_target_drops_out_and_the_other_goes_on(site: Site) -> None:
    """T1 fails the first step: its error is there and at the test, not at the second step; T2 goes through both."""
    script = 'echo said >&2; [ "{{ .ID }}" = T2 ] || exit 3'
    first = cmd("first", "sh", "-c", script, emit_stderr=[True])
    job = site.start(descriptor(one_test("Test 1", ["T1", "T2"], first, cmd("second", "true")), expression=">=50%"))
    status = site.ended(job)
    assert status["State"] == "JobStateCompleted"
    steps = steps_of(status)
    errors = {target["Target"]["ID"]: target["Error"] for target in steps["first"]["TargetStatuses"]}
    assert errors == {"T1": "exit status 3", "T2": ""}
    assert said(steps["first"], "CmdStderr") == {"T1": "said\n", "T2": "said\n"}
    assert [target["Target"]["ID"] for target in steps["second"]["TargetStatuses"]] == ["T2"]
    (test,) = status["RunStatuses"][0]["TestStatuses"]
    assert {target["Target"]["ID"]: target["Error"] for target in test["TargetStatuses"]} == errors
    ((report,),) = status["JobReport"]["RunReports"]
    assert report["Data"] == ["Test Test 1 passes success criteria: 50.00% >= 50.00%"]


def test_20_stop_a_running_job(site: Site) -> None:
    """Stop answers at once; the job ends cancelled, its target is free for the next, a second stop errors."""
    job = site.start(descriptor(one_test("Test 1", ["T1"], cmd("long", "sleep", "600"))))
    site.running(job, "long")
    assert site.status(job)["EndTime"] is None
    (stopped,) = site.client("stop", str(job))
    assert (stopped["Data"], stopped["Err"]) == ({}, None)
    status = site.ended(job)
    assert (status["State"], status["JobReport"]["RunReports"], status["JobReport"]["FinalReports"]) == (
        "JobStateCancelled",
        None,
        None,
    )
    (target,) = steps_of(status)["long"]["TargetStatuses"]
    assert (target["OutTime"], target["Error"]) == ("0001-01-01T00:00:00Z", "")
    assert site.client("stop", str(job))[0]["Err"] == f"could not stop job: unknown job ID: {job}"
    following = site.ended(site.start(descriptor(one_test("Test 1", ["T1"], cmd("next", "echo", "free")))))
    assert said(steps_of(following)["next"]) == {"T1": "free\n"}


def test_23_retry_runs_the_same_again_as_a_new_job(site: Site) -> None:
    """An error while it runs and for an unknown one; then a new job with the same tests."""
    job = site.start(descriptor(one_test("Test 1", ["T1"], cmd("slow", "sleep", "2"), cmd("word", "echo", "again"))))
    site.running(job, "slow")
    (early,) = site.client("retry", str(job))
    assert (early["Data"], bool(early["Err"])) == ({"JobID": job, "NewJobID": 0}, True)
    (unknown,) = site.client("retry", "2000000001")
    assert (unknown["Data"]["NewJobID"], bool(unknown["Err"])) == (0, True)
    assert site.ended(job)["State"] == "JobStateCompleted"
    (again,) = site.client("retry", str(job))
    assert (again["Data"]["JobID"], again["Err"]) == (job, None)
    new = again["Data"]["NewJobID"]
    assert new > job
    assert said(steps_of(site.ended(new))["word"]) == {"T1": "again\n"}


def test_26_a_job_runs_forever_until_it_is_stopped(site: Site) -> None:
    """Runs 0: reports come after each run; stopped, its final reporter speaks of the runs that are complete."""
    job = site.start(descriptor(one_test("Test 1", ["T2"], cmd("quick", "true")), Runs=0, RunInterval="100ms"))
    until(lambda: len(site.status(job)["JobReport"]["RunReports"] or ()) >= 2, "two runs", 60)
    site.client("stop", str(job))
    status = site.ended(job)
    assert status["State"] == "JobStateCancelled"
    assert len(status["JobReport"]["RunReports"]) >= 2
    assert [report["ReporterName"] for report in status["JobReport"]["FinalReports"]] == ["noop"]


def test_27_a_busy_target_is_waited_for_by_retries(site: Site, tmp_path: Path) -> None:
    """While the first job holds T1, the second's attempts fail and name it; when it lets go, the second has T1."""
    go_on = tmp_path / "go-on"
    tmp_path.chmod(0o755)
    script = f"while ! [ -e {go_on} ]; do sleep 0.1; done"
    first = site.start(descriptor(one_test("Test 1", ["T1"], shell("hold", script))))
    site.running(first, "hold")
    impatient = site.ended(site.start(descriptor(one_test("Test 1", ["T1"], cmd("never", "true")))))
    assert impatient["State"] == "JobStateCompleted"
    (test,) = impatient["RunStatuses"][0]["TestStatuses"]
    (target,) = test["TargetStatuses"]
    assert target["Target"] is None
    assert str(first) in target["Error"]
    assert target["Events"][0]["Data"]["EventName"] == "TargetAcquireErr"
    ((report,),) = impatient["JobReport"]["RunReports"]
    assert report["Success"] is False
    patient = {"RetryParameters": {"NumRetries": 100, "RetryInterval": "300ms"}}
    second = site.start(descriptor(one_test("Test 1", ["T1"], cmd("word", "echo", "mine"), **patient)))
    until(
        lambda: (site.status(second)["RunStatuses"][0]["TestStatuses"][0]["TargetStatuses"] or [{}])[0].get("Error"),
        "an attempt in vain",
    )
    go_on.touch()
    status = site.ended(second)
    assert said(steps_of(status)["word"]) == {"T1": "mine\n"}
    assert status["JobReport"]["RunReports"][0][0]["Success"] is True
    assert site.ended(first)["State"] == "JobStateCompleted"


def test_29_a_test_is_tried_again_until_it_passes(site: Site, tmp_path: Path) -> None:
    """The third attempt passes: no fourth is made, and status shows the third."""
    tmp_path.chmod(0o777)
    script = f"echo x >>{tmp_path}/tries; [ $(wc -l <{tmp_path}/tries) -ge 3 ]"
    patient = {"RetryParameters": {"NumRetries": 5, "RetryInterval": "50ms"}}
    status = site.ended(site.start(descriptor(one_test("Test 1", ["T2"], shell("flaky", script), **patient))))
    (target,) = steps_of(status)["flaky"]["TargetStatuses"]
    assert (target["Error"], (tmp_path / "tries").read_text()) == ("", "x\n" * 3)
    assert {event["Header"]["TestAttempt"] for event in target["Events"]} == {2}
    assert status["JobReport"]["RunReports"][0][0]["Success"] is True


def test_30_a_lost_target_fails_the_job_and_nothing_else(site: Site) -> None:
    """T2 dies in mid-step and its watchdog ends: the job has failed and says why; T2 comes back and runs the next."""
    job = site.start(descriptor(one_test("Test 1", ["T2"], cmd("dies", "sleep", "600"))))
    site.running(job, "dies")
    (group,) = site.lab.call("GET", f"/jobs/{job}").json["recipe_sets"]
    recipe = group["recipes"][0]["id"]
    site.kill_harness("T2")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert site.lab.call("POST", f"/recipes/{recipe}/watchdog", b"seconds=0", form).status == 204
    status = site.ended(job, 100)
    assert status["State"] == "JobStateFailed"
    assert "T2" in status["StateErrMsg"]
    assert status["JobReport"]["RunReports"] is None
    names = [event["Data"]["EventName"] for event in steps_of(status)["dies"]["Events"]]
    assert names == ["TestError"]
    site.start_harness("T2")
    following = site.ended(site.start(descriptor(one_test("Test 1", ["T2"], cmd("next", "echo", "alive")))))
    assert said(steps_of(following)["next"]) == {"T2": "alive\n"}


def test_31_steps_pass_variables_on_and_a_bad_template_fails_its_target(site: Site) -> None:
    """What one step reports as a variable, a later one reads; a field that is not there is a clear error."""
    emit = shell("emit", "tackroom-report --message 42 None variable/size")
    use = cmd("use", "echo", 'size {{ IntVar "emit.size" }} {{ StringVar "emit.size" }}')
    bad = cmd("bad", "echo", "{{ .Nope }}")
    status = site.ended(site.start(descriptor(one_test("Test 1", ["T1"], emit, use, bad))))
    assert status["State"] == "JobStateCompleted"
    steps = steps_of(status)
    assert said(steps["use"]) == {"T1": "size 42 42\n"}
    (target,) = steps["bad"]["TargetStatuses"]
    assert "Nope" in target["Error"]


def test_19_the_other_steps(site: Site) -> None:
    """echo, sleep and randecho run on the system; waitport waits for a port as the controller sees it."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
        steps = [
            {"name": "echo", "label": "one", "parameters": {"text": ["word of {{ .ID }}"]}},
            {"name": "sleep", "label": "two", "parameters": {"duration": ["200ms"]}},
            {
                "name": "waitport",
                "label": "three",
                "parameters": {
                    "target": ["127.0.0.1"],
                    "port": [port],
                    "protocol": ["tcp"],
                    "timeout": ["60s"],
                    "check_interval": ["100ms"],
                },
            },
            cmd("four", "echo", "open"),
            {"name": "randecho", "label": "five", "parameters": {"text": ["heads"]}},
        ]
        job = site.start(descriptor(one_test("Test 1", ["T1"], *steps)))
        site.running(job, "three")
        assert site.status(job)["State"] == "JobStateStarted"
        door.listen()
        acceptor = threading.Thread(target=lambda: door.accept()[0].close())
        acceptor.start()
        status = site.ended(job)
        acceptor.join(10)
    found = steps_of(status)
    assert said(found["four"]) == {"T1": "open\n"}
    names = [event["Data"]["EventName"] for event in found["three"]["TargetStatuses"][0]["Events"]]
    assert Counter(names) == Counter({"waitportStart": 1, "waitportEnd": 1})
    (coin,) = found["five"]["TargetStatuses"]
    assert coin["Error"] in ("", "target randomly failed")
    tossed = [event["Data"]["EventName"] for event in coin["Events"]]
    assert tossed == ["TargetFailed" if coin["Error"] else "TargetSucceeded"]


def test_24_all_targets_failing_is_still_completed(site: Site) -> None:
    """The verdict is in the report alone; for scripts the native API has one word for it."""
    job = site.start(descriptor(one_test("Test 1", ["T1", "T2"], cmd("fails", "false"))))
    status = site.ended(job)
    assert status["State"] == "JobStateCompleted"
    ((report,),) = status["JobReport"]["RunReports"]
    assert (report["Success"], report["Data"]) == (
        False,
        ["Test Test 1 does not pass success criteria: 0.00% is not = 100.00%"],
    )
    assert site.lab.call("GET", f"/jobs/{job}").json["verdict"] == "fail"


@pytest.mark.parametrize("size", [10, 200_000])
def test_17_output_is_an_event_up_to_its_bound_and_whole_in_the_log(site: Site, size: int) -> None:
    """64 KiB of what a step writes are in its event; the log has all of it."""
    script = f"head -c {size} /dev/zero | tr '\\0' x"
    job = site.start(descriptor(one_test("Test 1", ["T1"], shell("writes", script))))
    status = site.ended(job)
    assert len(said(steps_of(status)["writes"])["T1"]) == min(size, 65536)
    (group,) = site.lab.call("GET", f"/jobs/{job}").json["recipe_sets"]
    (recipe,) = group["recipes"]
    log = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}/logs/taskout.log"
    assert site.lab.call("GET", log).body.count(b"x") >= size
