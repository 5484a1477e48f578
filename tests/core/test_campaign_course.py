"""How campaigns go on: runs, tests, attempts, what keeps them waiting and what ends them."""

from typing import Any

import pytest
from campaigning import Campaigner, a_test, by_targets, plan

from wsgi_app.campaign import Campaign, CampaignEnd, PlannedTest
from wsgi_app.core.campaign.course import STEPS
from wsgi_app.core.gateway import open_gateway
from wsgi_app.model import System
from wsgi_app.states import RecipeStatus, ResultValue, SystemHealth, TaskStatus, Verdict
from wsgi_app.submitted import NewRecipeSet


@pytest.fixture
def lab(bench: Any) -> Campaigner:
    """Two systems, a and b, and a clock that stands still."""
    return Campaigner(bench.gateway, bench.admin)


def test_runs_and_tests_follow_one_another(bench: Any, lab: Campaigner) -> None:
    """Two runs of two tests; each set is the next stage; the second run begins an interval after the first ended."""
    job = lab.submit(plan(a_test("one"), a_test("two", ["a", "b"]), runs=2, run_interval=10.0))
    assert lab.job(job).status is RecipeStatus.RUNNING
    assert lab.job(job).started == bench.clock.now
    lab.play("a")
    lab.play("a", "b")
    assert lab.positions(job) == [(1, 1, 0), (1, 2, 0)]
    bench.clock.now += 9.9
    lab.round()
    assert lab.claim("a") is None
    bench.clock.now += 0.1
    lab.round()
    lab.play("a")
    assert not lab.job(job).settled
    lab.play("a", "b")
    assert lab.positions(job) == [(1, 1, 0), (1, 2, 0), (2, 1, 0), (2, 2, 0)]
    done = lab.job(job)
    assert [group.stage for group in done.recipe_sets] == [0, 1, 2, 3]
    assert (done.status, done.settled, done.verdict) == (RecipeStatus.COMPLETED, True, Verdict.PASS)
    assert done.finished == bench.clock.now
    history = lab.history(job)
    assert history.end is CampaignEnd.COMPLETED
    assert [run.started for run in history.runs] == [1_000_000.0, 1_000_010.0]


def test_a_failed_test_is_tried_again(bench: Any, lab: Campaigner) -> None:
    """All targets anew, after the interval, until all of them come through; what came before stays on record."""
    lab.failures["b", "step1"] = "no carrier"
    job = lab.submit(plan(a_test(targets=["a", "b"], retries=5, retry_interval=3.0)))
    lab.play("a", "b")
    assert lab.claim("b") is None
    bench.clock.now += 3.0
    lab.round()
    lab.failures.clear()
    lab.play("a", "b")
    done = lab.job(job)
    assert (done.settled, done.verdict, done.result) == (True, Verdict.PASS, ResultValue.FAIL)
    first, second = lab.attempts(job)
    assert (first.passed, first.failed, first.begun, first.ended) == (1, 1, 1_000_000.0, 1_000_000.0)
    assert (second.passed, second.failed, second.begun) == (2, 0, 1_000_003.0)


def test_a_test_is_tried_no_more_often_than_it_may(lab: Campaigner) -> None:
    """The next one follows; a target that failed is no failure of the campaign."""
    lab.failures["a", "step2"] = "too slow"
    job = lab.submit(plan(a_test("flaky", retries=1), a_test("next", ["b"])))
    lab.play("a")
    lab.play("a")
    lab.play("b")
    assert lab.positions(job) == [(1, 1, 0), (1, 1, 1), (1, 2, 0)]
    done = lab.job(job)
    assert (done.status, done.verdict) == (RecipeStatus.COMPLETED, Verdict.FAIL)
    assert done.reason == "1 of 1 targets failed in run 1, test flaky"


def test_a_set_waits_for_all_its_logs(lab: Campaigner) -> None:
    """An attempt is over when its recipes are settled, not when they have finished."""
    job = lab.submit(plan(a_test("one"), a_test("two", ["b"])))
    recipe = lab.begin("a")
    lab.run(recipe, "a")
    lab.round()
    assert lab.positions(job) == [(1, 1, 0)]
    lab.settle(job)
    assert lab.positions(job) == [(1, 1, 0), (1, 2, 0)]


def test_runs_without_end(bench: Any, lab: Campaigner) -> None:
    """They go on until they are stopped, and no faster than one a second."""
    job = lab.submit(plan(a_test(targets=[]), runs=0))
    for expected in (1, 2, 3):
        lab.round()
        assert len(lab.history(job).runs) == expected
        bench.clock.now += 0.5
        lab.round()
        assert len(lab.history(job).runs) == expected
        bench.clock.now += 0.5
    lab.gateway.jobs.cancel(lab.admin, job)
    assert lab.job(job).settled


@pytest.mark.parametrize(
    "test",
    [a_test(disabled=True), a_test(targets=[]), a_test(targets=["gone"]), a_test(targets=["gone"], retries=2**32 - 1)],
    ids=["disabled", "no targets", "unknown", "retried for ever"],
)
def test_runs_that_do_nothing_are_few(bench: Any, lab: Campaigner, test: PlannedTest) -> None:
    """However many they are to be: they write a few rows a second, whoever lets them go on, and how often."""
    job = lab.submit(plan(test, runs=2**64 - 1))
    for _ in range(50):
        bench.clock.now += 0.02
        lab.round()
    rows = len(lab.history(job).runs) + len(lab.attempts(job))
    assert rows <= 25
    bench.clock.now += 3600
    lab.round()
    assert rows < len(lab.history(job).runs) + len(lab.attempts(job)) <= rows + 4
    lab.gateway.jobs.cancel(lab.admin, job)
    assert lab.job(job).settled


def test_a_run_of_many_tests_that_do_nothing(bench: Any, lab: Campaigner) -> None:
    """It counts for as many as it writes rows; one that had a target goes on at once."""
    job = lab.submit(plan(*(a_test(targets=[], steps=1) for _ in range(15)), runs=9))
    lab.round()
    for expected in (2, 3, 4):
        assert len(lab.history(job).runs) == expected
        bench.clock.now += 1.4
        lab.round()
        assert len(lab.history(job).runs) == expected
        bench.clock.now += 0.1
        lab.round()
    busy = lab.submit(plan(runs=3))
    for _ in range(3):
        lab.play("a")
    assert lab.job(busy).settled


@pytest.mark.parametrize(
    ("targets", "health", "words"),
    [
        (["gone"], SystemHealth.GOOD, "gone"),
        (["a", "b"], SystemHealth.BAD, "b"),
        (["a", "b"], SystemHealth.MAINTENANCE, "b"),
        (["a", "a"], SystemHealth.GOOD, "a"),
    ],
    ids=["unknown", "broken", "in maintenance", "named twice"],
)
def test_targets_that_cannot_be_had(lab: Campaigner, targets: list[str], health: SystemHealth, words: str) -> None:
    """That fails the attempt, with the reason, and not the campaign; nobody is reserved."""
    lab.gateway.systems.change(lab.admin, "b", health=health)
    job = lab.submit(plan(a_test(targets=targets), a_test("next", ["a"])))
    first, second = lab.attempts(job)
    assert (first.targets, first.recipe_set, first.failed, first.ended) == ((), None, 1, first.begun)
    assert words in (first.error or "")
    assert second.error is None
    lab.play("a")
    done = lab.job(job)
    assert (done.status, done.verdict) == (RecipeStatus.COMPLETED, Verdict.INFRASTRUCTURE)
    assert done.reason == f"no targets could be had in run 1, test T: {first.error}"


def test_waiting_for_a_busy_target(bench: Any, lab: Campaigner) -> None:
    """Who holds it is named; the retries get it when it is free."""
    holder = lab.submit(plan())
    waiting = lab.submit(plan(a_test(retries=3, retry_interval=1.0)))
    assert str(holder) in (lab.attempts(waiting)[0].error or "")
    bench.clock.now += 1.0
    lab.round()
    lab.play("a")
    assert lab.job(holder).settled
    bench.clock.now += 1.0
    lab.round()
    lab.play("a")
    assert lab.positions(waiting) == [(1, 1, 0), (1, 1, 1), (1, 1, 2)]
    assert lab.job(waiting).verdict is Verdict.PASS


def test_nothing_to_do(lab: Campaigner) -> None:
    """Without targets an attempt is over at once, and well; with all tests disabled there is none."""
    empty = lab.submit(plan(a_test(targets=[]), a_test(targets=[]), runs=2))
    assert lab.positions(empty) == [(1, 1, 0), (1, 2, 0), (2, 1, 0), (2, 2, 0)]
    disabled = lab.submit(plan(a_test(disabled=True), runs=2))
    assert lab.positions(disabled) == []
    assert [run.tests for run in lab.history(disabled).runs] == [(), ()]
    for job in (empty, disabled):
        assert (lab.job(job).settled, lab.job(job).verdict) == (True, Verdict.PASS)


def test_disabled_tests_are_left_out(lab: Campaigner) -> None:
    """The others keep their numbers."""
    job = lab.submit(plan(a_test("off", disabled=True), a_test("on"), a_test("off too", disabled=True)))
    lab.play("a")
    assert lab.positions(job) == [(1, 2, 0)]
    assert [test.name for test in lab.history(job).runs[0].tests] == ["on"]


def long() -> Campaign:
    """A campaign of more steps than one transaction makes, none of which needs anybody."""
    return plan(*(a_test(targets=[], steps=1) for _ in range(STEPS * 3)))


def test_one_transaction_makes_so_many_steps(lab: Campaigner) -> None:
    """The rest is done in the next ones."""
    job = lab.submit(long())
    # one of them was the begin of the run
    assert len(lab.attempts(job)) == STEPS - 1
    lab.round()
    assert len(lab.attempts(job)) == STEPS * 3
    assert lab.job(job).settled


def abort(lab: Campaigner, bench: Any, recipe: int) -> None:
    """An administrator aborts a recipe."""
    lab.gateway.recipes.abort(lab.admin, recipe, "pulled the plug")


def expire(lab: Campaigner, bench: Any, recipe: int) -> None:
    """Nobody says anything for too long."""
    bench.clock.now += bench.config.watchdog_seconds
    lab.round()


@pytest.mark.parametrize("end", [abort, expire])
@pytest.mark.parametrize("begun", [True, False])
def test_a_lost_target_ends_the_campaign(bench: Any, lab: Campaigner, end: Any, begun: bool) -> None:
    """It has failed, there is no report of that run, and its systems are free again."""
    job = lab.submit(plan(a_test(targets=["a"], retries=3), a_test("next"), run_reporters=[by_targets("=100%")]))
    recipe = lab.begin("a") if begun else lab.claim("a")
    end(lab, bench, recipe)
    lab.settle(job)
    lab.round()
    done = lab.job(job)
    assert (done.status, done.settled, done.verdict) == (RecipeStatus.ABORTED, True, Verdict.INFRASTRUCTURE)
    history = lab.history(job)
    assert history.end is CampaignEnd.FAILED
    assert history.error is not None
    assert history.error.startswith("test T lost target a at step step1: ")
    assert done.reason == f"it could not go on in run 1, test T: {history.error}"
    assert history.reports == ()
    assert lab.positions(job) == [(1, 1, 0)]
    assert lab.gateway.systems.get("a").recipe is None


def test_a_target_whose_harness_aborts_its_task_has_failed(lab: Campaigner) -> None:
    """At its harness's word that is the test's affair: the campaign goes on, and says why."""
    job = lab.submit(plan(a_test("one"), a_test("two", ["b"])))
    recipe = lab.begin("a")
    task = lab.gateway.recipes.get(lab.admin, recipe).recipe.tasks[0]
    lab.gateway.tasks.update(
        lab.admin, recipe, task.id, status=TaskStatus.ABORTED, message="cannot start: no such file"
    )
    lab.settle(job)
    lab.play("b")
    done = lab.job(job)
    assert (done.status, done.verdict) == (RecipeStatus.COMPLETED, Verdict.FAIL)
    past = lab.history(job).runs[0].tests[0].last
    assert past is not None
    outcome = past.targets[0].outcome
    assert (outcome.lost, outcome.step, outcome.error) == (False, "step1", "cannot start: no such file")


def test_a_target_that_nobody_takes(bench: Any, lab: Campaigner) -> None:
    """All are released when one has not asked in time, and the campaign has failed."""
    job = lab.submit(plan(a_test(targets=["a", "b"]), acquire_timeout=60.0))
    lab.claim("a")
    bench.clock.now += 59.0
    lab.round()
    assert lab.history(job).end is None
    bench.clock.now += 1.0
    lab.round()
    lab.settle(job)
    done = lab.job(job)
    assert (done.status, done.settled, done.verdict) == (RecipeStatus.ABORTED, True, Verdict.INFRASTRUCTURE)
    assert "b" in (lab.history(job).error or "")
    assert [lab.gateway.systems.get(name).recipe for name in "ab"] == [None, None]
    [attempt] = lab.attempts(job)
    assert attempt.ended == bench.clock.now


def before_the_first_run(lab: Campaigner, bench: Any) -> int:
    """More is due than one transaction does."""
    for _ in range(10):
        lab.submit(long())
    return lab.submit(plan())


def reserved(lab: Campaigner, bench: Any) -> int:
    """No harness has asked."""
    return lab.submit(plan())


def taken(lab: Campaigner, bench: Any) -> int:
    """A harness has, and has not begun."""
    job = lab.submit(plan())
    lab.claim("a")
    return job


def running(lab: Campaigner, bench: Any) -> int:
    """A step runs."""
    job = lab.submit(plan())
    lab.begin("a")
    return job


def settling(lab: Campaigner, bench: Any) -> int:
    """All steps have ended, their logs are not read."""
    job = lab.submit(plan())
    lab.run(lab.begin("a"), "a")
    return job


def waiting_to_retry(lab: Campaigner, bench: Any) -> int:
    """A test failed and is to be tried again."""
    lab.failures["a", "step1"] = "no"
    job = lab.submit(plan(a_test(retries=1, retry_interval=60.0)))
    lab.play("a")
    return job


def between_runs(lab: Campaigner, bench: Any) -> int:
    """A run is over."""
    job = lab.submit(plan(runs=2, run_interval=60.0))
    lab.play("a")
    return job


PHASES = [before_the_first_run, reserved, taken, running, settling, waiting_to_retry, between_runs]


@pytest.mark.parametrize("phase", PHASES)
def test_stopped_in_every_phase(bench: Any, lab: Campaigner, phase: Any) -> None:
    """It is cancelled for good as soon as what ran is settled; nothing more begins; stopping it again is nothing."""
    job = phase(lab, bench)
    before = lab.positions(job)
    lab.gateway.jobs.cancel(lab.admin, job)
    assert lab.job(job).status is RecipeStatus.CANCELLED
    lab.gateway.jobs.cancel(lab.admin, job)
    lab.settle(job)
    bench.clock.now += 3600
    lab.round()
    done = lab.job(job)
    assert (done.settled, done.verdict) == (True, Verdict.CANCELLED)
    assert (done.reason or "").startswith("it was stopped ")
    assert lab.history(job).end is CampaignEnd.CANCELLED
    assert [report.run for report in lab.reports(job)] == ([1] if phase is between_runs else [])
    assert lab.positions(job) == before
    assert all(attempt.ended is not None for attempt in lab.attempts(job))
    assert lab.gateway.systems.get("a").recipe is None


@pytest.mark.parametrize("phase", PHASES)
def test_another_process_goes_on(bench: Any, lab: Campaigner, phase: Any) -> None:
    """All that a campaign is lies in the database: a fresh gateway takes it to its end."""
    job = phase(lab, bench)
    lab.gateway.close()
    bench.gateway = open_gateway(bench.config, bench.clock)
    again = Campaigner(bench.gateway, bench.admin)
    again.round()
    while not again.job(job).settled:
        again.settle(job)
        bench.clock.now += 60
        again.round()
        if not again.job(job).settled and again.gateway.systems.get("a").recipe is not None:
            again.play("a")
    assert again.job(job).status is RecipeStatus.COMPLETED
    assert again.history(job).end is CampaignEnd.COMPLETED
    positions = again.positions(job)
    assert len(positions) == len(set(positions)) == (2 if phase in (waiting_to_retry, between_runs) else 1)


@pytest.mark.parametrize("phase", PHASES)
def test_restored_from_a_backup(bench: Any, lab: Campaigner, phase: Any) -> None:
    """What became of it is not known: it has failed, and nothing of it runs again."""
    job = phase(lab, bench)
    lab.gateway.restored.begin("yesterday")
    lab.settle(job)
    lab.round()
    done = lab.job(job)
    assert (done.status, done.settled, done.verdict) == (RecipeStatus.ABORTED, True, Verdict.INFRASTRUCTURE)
    assert (lab.history(job).error or "").startswith("Restored from the backup of yesterday")
    assert lab.claim("a") is None


def test_campaigns_share_a_lab_with_other_jobs(bench: Any, lab: Campaigner, one: Any) -> None:
    """A queued recipe gets its system when a campaign is done with it, and the other way round."""
    job = lab.submit(plan(runs=2, run_interval=5.0))
    native = bench.submit(NewRecipeSet((one,))).id
    lab.play("a")
    recipe = lab.claim("a")
    assert recipe == lab.job(native).recipe_sets[0].recipes[0].id
    bench.clock.now += 5.0
    lab.round()
    assert str(native) in (lab.attempts(job)[1].error or "")


def test_a_new_system_is_found_by_the_next_attempt(bench: Any, lab: Campaigner) -> None:
    """What was unknown may be there by then."""
    job = lab.submit(plan(a_test(targets=["c"], retries=1, retry_interval=1.0)))
    lab.gateway.systems.add(lab.admin, System("c", None, (), None, SystemHealth.GOOD, None, None, None, None))
    bench.clock.now += 1.0
    lab.round()
    lab.play("c")
    assert lab.job(job).verdict is Verdict.PASS
