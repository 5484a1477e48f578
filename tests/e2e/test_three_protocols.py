"""One job, three strangers: submitted by ConTest's client, run by a stock buildbot-worker, read by lavacli."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from buildbotworker import VERSIONS, worker_of
from contestlab import Site, cmd, descriptor, one_test, said, shell, steps_of
from lab import running_lab
from lavacli import Lavacli

JUNIT = (
    '<testsuite name="unit"><testcase classname="disk" name="reads"/>'
    '<testcase classname="disk" name="writes"><failure message="torn"/></testcase></testsuite>'
)


@pytest.fixture(params=VERSIONS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A lab whose system T1 has nothing but a stock worker."""
    listening = running_lab("apache", TACKROOM_BUILDBOT_LISTEN="127.0.0.1:0")
    with listening as lab, worker_of(lab, tmp_path, "T1", request.param):
        yield Site(lab, tmp_path)


def test_what_all_of_them_say(site: Site, tmp_path: Path) -> None:
    """The verdict, the cases, the order of the lines and the size of the logs are the same to whomever one asks."""
    lab = site.lab
    steps = (
        cmd("hello", "echo", "hello from {{ .ID }}"),
        shell("files", f"echo '{JUNIT}' >$TACKROOM_LOGS/junit.xml; tackroom-report Pass by-hand --score 7"),
        shell("fails", "echo no >&2; exit 3"),
    )
    job = site.start(descriptor(one_test("Test 1", ["T1"], *steps), expression="=0%"))
    status = site.ended(job, 90)
    # the submitter
    assert status["State"] == "JobStateCompleted", status
    assert said(steps_of(status)["hello"]) == {"T1": "hello from T1\n"}
    failed = steps_of(status)["fails"]["TargetStatuses"][0]["Error"]
    assert failed
    # the core
    found = lab.call("GET", f"/jobs/{job}").json
    (recipe,) = [recipe for group in found["recipe_sets"] for recipe in group["recipes"]]
    assert [task["name"] for task in recipe["tasks"]] == ["hello", "files", "fails"]
    results = lab.call("GET", f"/jobs/{job}/results").json["results"]
    cases = {one["path"]: (one["result"], one["source"]) for one in results}
    assert cases["by-hand"] == ("Pass", "harness")
    assert {path.rpartition("/")[2]: value for path, value in cases.items() if value[1] == "log"}, cases
    # the reader
    lavacli = Lavacli.of("3.1.0", lab, tmp_path / "lavacli")
    shown = lavacli.json("jobs", "show", str(job))
    assert (shown["state"], shown["id"], shown["device"]) == ("Finished", str(job), "T1")
    told = {one["name"]: one["result"] for one in lavacli.json("results", str(job))}
    assert told["by-hand"] == "pass"
    assert {"reads": "pass", "writes": "fail"}.items() <= {
        name.rpartition("/")[2].rpartition(".")[2]: value for name, value in told.items()
    }.items(), told
    assert "hello from T1" in lavacli.text("jobs", "logs", str(job))
    workers = lavacli.lines("workers", "list")
    assert any("T1" in line for line in workers), workers
    assert lavacli.json("devices", "show", "T1")["worker"] == "T1"
