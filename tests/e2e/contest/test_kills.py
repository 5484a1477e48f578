"""kill -9 of everything in mid-job: a controller that comes back goes on. Checklist 33 and 34."""

from collections.abc import Callable
from pathlib import Path

import pytest
from contestlab import Site, cmd, descriptor, one_test, said, shell, steps_of


@pytest.fixture(scope="module")
def site(make_site: Callable[..., Site]) -> Site:
    """A lab of one's own: it is killed."""
    return make_site("apache")


def test_34_after_kill_9_of_everything_a_job_goes_on(site: Site, tmp_path: Path) -> None:
    """Server and harnesses die in the first run's second step; started again, it ends with both runs, each once."""
    tmp_path.chmod(0o777)
    go_on = tmp_path / "go-on"
    wait = f"echo {{{{ .ID }}}} >>{tmp_path}/starts; while ! [ -e {go_on} ]; do sleep 0.1; done; echo went on"
    test = one_test("Test 1", ["T1", "T2"], cmd("before", "echo", "before"), shell("waits", wait), cmd("after", "true"))
    job = site.start(descriptor(test, Runs=2))
    site.running(job, "waits", 2)
    site.kill_everything()
    site.lab.start()
    assert site.status(job)["State"] == "JobStateStarted"
    for system in ("T1", "T2"):
        site.start_harness(system)
    go_on.touch()
    status = site.ended(job, 90)
    assert (status["State"], len(status["RunStatuses"])) == ("JobStateCompleted", 2)
    for run in (1, 2):
        steps = steps_of(status, run)
        assert said(steps["before"]) == {"T1": "before\n", "T2": "before\n"}
        assert said(steps["waits"]) == {"T1": "went on\n", "T2": "went on\n"}
    assert sorted((tmp_path / "starts").read_text().split()) == ["T1", "T1", "T2", "T2"]
    assert [reports[0]["Success"] for reports in status["JobReport"]["RunReports"]] == [True, True]


def test_33_between_two_runs_only_the_rest_of_the_interval_is_waited(site: Site) -> None:
    """The server is ended in the pause between two runs, and started again: the second run comes all the same."""
    job = site.start(descriptor(one_test("Test 1", ["T1"], cmd("quick", "true")), Runs=2, RunInterval="4s"))
    site.first_run_over(job)
    assert site.lab.stop() == 0
    site.lab.start()
    status = site.ended(job, 60)
    assert (status["State"], len(status["RunStatuses"])) == ("JobStateCompleted", 2)
