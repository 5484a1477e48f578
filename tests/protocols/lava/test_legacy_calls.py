"""scheduler.* as LAVA had it in its first years, and results.*: what SQUAD and scripts read."""

import csv
import json
from typing import Any

import pytest
import yaml
from lavarpc import LavaRPC
from lavatext import ONE, TWO


@pytest.fixture
def lab(rpc: LavaRPC) -> LavaRPC:
    """A lab with two systems."""
    for name in ("T1", "T2"):
        rpc.add(name)
    return rpc


def test_squad(lab: LavaRPC) -> None:
    """SQUAD's calls: submit, look at it, read its suites page by page until one is short, submit again."""
    job = lab.call("scheduler.submit_job", ONE)
    before = lab.call("scheduler.job_details", job)
    assert (before["status"], before["state"], before["actual_device_id"]) == ("Submitted", "Submitted", None)
    recipe = lab.claim("T1")
    lab.say(recipe, 0, "Running")
    assert lab.call("scheduler.job_details", str(job))["status"] == "Running"
    lab.say(recipe, 0, "Completed")
    lab.settle()
    after = lab.call("scheduler.job_details", job)
    assert (after["status"], after["health"], after["definition"]) == ("Complete", "Complete", ONE)
    assert (after["id"], after["sub_id"], after["is_pipeline"], after["is_public"]) == (job, "", True, True)
    suites = yaml.safe_load(lab.call("results.get_testjob_suites_list_yaml", job))
    assert [suite["name"] for suite in suites] == ["lava", "0_smoke"]
    found: list[Any] = []
    while page := yaml.safe_load(lab.call("results.get_testsuite_results_yaml", job, "lava", 1, len(found))):
        found += page
    assert [case["name"] for case in found] == ["job", "0_smoke"]
    assert found == yaml.safe_load(lab.call("results.get_testsuite_results_yaml", job, "lava"))
    assert lab.call("results.get_testsuite_results_count", job, "lava") == 2
    assert lab.call("scheduler.get_publisher_event_socket") == ""
    assert lab.call("scheduler.resubmit_job", job) != job
    assert lab.call("scheduler.cancel_job", job) is True


def test_states_of_parts(lab: LavaRPC) -> None:
    """A part of several has its own id, and that which it has among the others."""
    first, second = lab.call("scheduler.submit_job", TWO)
    details = lab.call("scheduler.job_details", second)
    assert (details["sub_id"], details["multinode_definition"]) == (second, TWO)
    assert lab.call("scheduler.job_state", second) == {
        "job_id": details["id"],
        "sub_id": second,
        "job_state": "Submitted",
    }
    assert lab.call("scheduler.job_health", first)["job_health"] == "Unknown"
    assert {tuple(row) for row in lab.call("scheduler.all_jobs")} == {
        (lab.call("scheduler.job_details", part)["id"], "pair", "submitted", None, "bench", part)
        for part in (first, second)
    }


def test_results(lab: LavaRPC) -> None:
    """Item 37: all results, those of a suite, of a case; an unknown suite is Fault 404, an unknown case nothing."""
    job = lab.call("scheduler.jobs.submit", ONE)
    lab.run("T1", "Aborted")
    whole = yaml.safe_load(lab.call("results.get_testjob_results_yaml", job, user=None))
    (case,) = yaml.safe_load(lab.call("results.get_testcase_results_yaml", job, "lava", "job"))
    assert case in whole
    assert (case["result"], case["metadata"]["error_type"]) == ("fail", "Test")
    assert yaml.safe_load(lab.call("results.get_testcase_results_yaml", job, "lava", "nothing")) in (None, [])
    for name in ("suite_results_yaml", "suite_results_csv", "suite_results_count"):
        assert lab.refused(f"results.get_test{name}", job, "nothing")[0] == 404
    rows = list(csv.DictReader(lab.call("results.get_testjob_results_csv", job).splitlines()))
    assert [row["name"] for row in rows] == [case["name"] for case in whole]
    for name, params in (("testsuite", ("lava",)), ("testcase", ("lava", "job"))):
        text = lab.call(f"results.get_{name}_results_csv", job, *params)
        assert {row["suite"] for row in csv.DictReader(text.splitlines())} == {"lava"}
    assert "0_smoke" in lab.call("results.get_testjob_suites_list_csv", job)


def test_overviews(lab: LavaRPC) -> None:
    """What is idle, what waits, what ran last: by device and by type."""
    assert lab.call("scheduler.pending_jobs_by_device_type", True) == {"bench": 0}
    assert lab.call("scheduler.pending_jobs_by_device_type") == {}
    first, second = (lab.call("scheduler.jobs.submit", ONE) for _ in range(2))
    lab.run("T1")
    lab.claim("T1")
    lab.call("scheduler.devices.update", "T2", None, None, None, None, "BAD")
    lab.add("T3")
    lab.call("scheduler.devices.update", "T3", None, None, None, None, "RETIRED")
    lab.add("T4")
    assert lab.call("scheduler.all_devices") == [
        ["T1", "bench", "reserved", second, True],
        ["T2", "bench", "offline", None, True],
        ["T3", "bench", "retired", None, True],
        ["T4", "bench", "idle", None, True],
    ]
    assert lab.call("scheduler.all_device_types") == [{"name": "bench", "idle": 1, "busy": 1, "offline": 1}]
    assert lab.call("scheduler.get_device_status", "T1")["status"] == "reserved"
    recent = lab.call("scheduler.get_recent_jobs_for_device", "T1", 5)
    assert [(row["id"], row["status"]) for row in recent] == [(second, "Submitted"), (first, "Complete")]
    assert lab.call("scheduler.get_recent_jobs_for_device_type", "bench")[0]["device"] == "T1"
    jane = lab.user("jane")
    assert lab.call("scheduler.get_recent_jobs_for_device_type", "bench", 5, True, user=jane) == []
    assert lab.refused("scheduler.get_recent_jobs_for_device_type", "bench", 5, True, user=None)[0] == 400
    for name in ("get_recent_jobs_for_device", "get_recent_jobs_for_device_type", "get_device_status"):
        assert lab.refused(f"scheduler.{name}", "nothing")[0] == 404
    third = lab.call("scheduler.jobs.submit", ONE)
    assert lab.call("scheduler.pending_jobs_by_device_type") == {"bench": 1}
    assert json.dumps(lab.call("scheduler.all_jobs")[0]) == json.dumps([third, "smøke", "submitted", None, "bench", ""])
