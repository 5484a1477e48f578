"""What reporters say of runs, and what a campaign's job comes to."""

from typing import Any

import pytest
from campaigning import NOOP, Campaigner, a_test, by_targets, plan

from wsgi_app.campaign import Reporter, ReporterKind
from wsgi_app.states import Verdict


@pytest.fixture
def lab(bench: Any) -> Campaigner:
    """Three systems, a, b and c, of which c fails, and a clock that stands still."""
    bench.systems("c")
    return Campaigner(bench.gateway, bench.admin, {("c", "step1"): "no carrier"})


def said(lab: Campaigner, job: int) -> list[tuple[int, int, ReporterKind, bool, Any]]:
    """All that was reported."""
    return [(one.run, one.place, one.reporter, one.success, one.data) for one in lab.reports(job)]


def test_of_runs_and_of_all_runs(bench: Any, lab: Campaigner) -> None:
    """Each reporter has its word, in order and in the reference's sentences; the job fails when one says no."""
    job = lab.submit(
        plan(
            a_test("Test 1", ["a", "b", "c"]),
            runs=2,
            run_reporters=[by_targets(">=50%"), NOOP, by_targets(">80")],
            final_reporters=[NOOP, by_targets("=100%"), by_targets(">=2")],
        )
    )
    lab.play("a", "b", "c")
    assert [report.run for report in lab.reports(job)] == [1, 1, 1]
    bench.clock.now += 60
    lab.play("a", "b", "c")
    good = ReporterKind.TARGET_SUCCESS
    runs = [
        (run, place, kind, success, data)
        for run in (1, 2)
        for place, kind, success, data in (
            (0, good, True, ["Test Test 1 passes success criteria: 66.67% >= 50.00%"]),
            (1, ReporterKind.NOOP, True, "I did nothing"),
            (2, good, False, ["Test Test 1 does not pass success criteria: 2.00 is not > 80.00"]),
        )
    ]
    finals = [
        (0, 0, ReporterKind.NOOP, True, "I did nothing at the end, all good"),
        (0, 1, good, False, ["Test Test 1 does not pass success criteria: 66.67% is not = 100.00%"]),
        (0, 2, good, True, ["Test Test 1 passes success criteria: 2.00 >= 2.00"]),
    ]
    assert said(lab, job) == finals + runs
    assert {report.time for report in lab.reports(job)} == {1_000_000.0, 1_000_060.0}
    done = lab.job(job)
    assert done.verdict is Verdict.FAIL
    assert done.reason == (
        "the report on run 1 is bad: Test Test 1 does not pass success criteria: 2.00 is not > 80.00; "
        "2 more reports are bad"
    )


def test_the_last_attempt_counts(lab: Campaigner) -> None:
    """A test that came through when it was tried again is judged by that, in the run and in the end."""
    job = lab.submit(
        plan(
            a_test("first", ["a"]),
            a_test("second", ["c"], retries=1),
            run_reporters=[by_targets("=100%")],
            final_reporters=[by_targets(">=1")],
        )
    )
    lab.play("a")
    lab.play("c")
    lab.failures.clear()
    lab.play("c")
    assert [(one.success, one.data) for one in lab.reports(job)] == [
        (True, [f"Test {name} passes success criteria: 1.00 >= 1.00" for name in ("first", "second")]),
        (True, [f"Test {name} passes success criteria: 100.00% = 100.00%" for name in ("first", "second")]),
    ]
    assert (lab.job(job).verdict, lab.job(job).reason) == (Verdict.PASS, "all its reports are good")


def test_one_bad_test_makes_a_bad_run(lab: Campaigner) -> None:
    """Whatever the others did; all are told of."""
    job = lab.submit(plan(a_test("bad", ["c"]), a_test("good", ["a"]), run_reporters=[by_targets("=100%")]))
    lab.play("c")
    lab.play("a")
    [report] = lab.reports(job)
    assert (report.success, report.data) == (
        False,
        [
            "Test bad does not pass success criteria: 0.00% is not = 100.00%",
            "Test good passes success criteria: 100.00% = 100.00%",
        ],
    )


def test_targets_that_could_not_be_had_are_one_that_failed(lab: Campaigner) -> None:
    """However many were wanted."""
    job = lab.submit(plan(a_test(targets=["gone", "a", "b"]), run_reporters=[by_targets("=0%"), by_targets("<1")]))
    assert [(report.success, report.data) for report in lab.reports(job)] == [
        (True, ["Test T passes success criteria: 0.00% = 0.00%"]),
        (True, ["Test T passes success criteria: 0.00 < 1.00"]),
    ]
    assert lab.job(job).verdict is Verdict.PASS


def test_why_nothing_came_through(lab: Campaigner) -> None:
    """The reason says which target could not be had, and not only that there were none."""
    job = lab.submit(plan(a_test(targets=["gone", "a"]), run_reporters=[by_targets("=100%")]))
    done = lab.job(job)
    assert done.verdict is Verdict.FAIL
    assert done.reason is not None
    assert done.reason.startswith("the report on run 1 is bad: Test T does not pass success criteria: 0.00% is not")
    assert "; no targets could be had in run 1, test T: target " in done.reason
    assert done.reason.endswith('there is no system "gone"')


def test_of_no_targets_there_is_nothing_to_say(lab: Campaigner) -> None:
    """Not of the other tests either; noop is content."""
    job = lab.submit(
        plan(
            a_test("empty", []),
            a_test("full"),
            run_reporters=[by_targets(">=0%"), NOOP],
            final_reporters=[by_targets(">=0%")],
        )
    )
    lab.play("a")
    assert [(one.success, one.data) for one in lab.reports(job)] == [
        (False, None),
        (False, None),
        (True, "I did nothing"),
    ]
    assert lab.job(job).reason == "the report on run 1 is bad: a test had no targets; 1 more report is bad"


def test_of_no_tests_all_is_well(lab: Campaigner) -> None:
    """All are disabled."""
    judge = by_targets("=100%")
    job = lab.submit(plan(a_test(disabled=True), run_reporters=[judge], final_reporters=[judge]))
    assert [(one.run, one.success, one.data) for one in lab.reports(job)] == [(0, True, None), (1, True, None)]
    assert lab.job(job).verdict is Verdict.PASS


@pytest.mark.parametrize("reporter", [NOOP, by_targets(">=1")])
def test_of_what_was_stopped_the_complete_runs_count(bench: Any, lab: Campaigner, reporter: Reporter) -> None:
    """A campaign without end has its final reports when it is stopped; one that had an end has none."""
    endless = lab.submit(plan(a_test(targets=["a"]), runs=0, run_reporters=[], final_reporters=[reporter]))
    finite = lab.submit(plan(a_test(targets=["b"]), runs=9, run_reporters=[], final_reporters=[reporter]))
    for _ in range(2):
        lab.play("a")
        lab.play("b")
        bench.clock.now += 1
        lab.round()
    lab.begin("a")
    for job in (endless, finite):
        lab.gateway.jobs.cancel(lab.admin, job)
        lab.settle(job)
    [report] = lab.reports(endless)
    words = (
        "I did nothing at the end, all good" if reporter is NOOP else ["Test T passes success criteria: 1.00 >= 1.00"]
    )
    assert (report.run, report.success, report.data) == (0, True, words)
    assert lab.reports(finite) == ()
    assert [lab.job(job).verdict for job in (endless, finite)] == [Verdict.CANCELLED] * 2


def test_stopped_before_a_run_was_complete(lab: Campaigner) -> None:
    """There were no targets to judge by."""
    job = lab.submit(plan(runs=0, run_reporters=[], final_reporters=[by_targets("=100%")]))
    lab.gateway.jobs.cancel(lab.admin, job)
    assert [(one.success, one.data) for one in lab.reports(job)] == [(False, None)]
    lab.settle(job)
    assert lab.job(job).verdict is Verdict.CANCELLED


def test_reports_are_there_when_the_job_is_over(lab: Campaigner, bench: Any) -> None:
    """Who sees the job's last event, or waits for it, finds all reports: they are of one transaction."""
    job = lab.submit(plan(run_reporters=[NOOP, NOOP], final_reporters=[NOOP]))
    recipe = lab.begin("a")
    lab.run(recipe, "a")
    assert lab.reports(job) == ()
    lab.settle(job)
    assert len(lab.reports(job)) == 3
    [last] = [
        event for event in lab.gateway.events.page(lab.admin, limit=1000, topics=["job"]) if event.data["settled"]
    ]
    assert last.data["status"] == "Completed"
    assert lab.gateway.jobs.wait(lab.admin, job, seconds=0).settled
