"""What becomes of a target, for every way in which its recipe can end: it fails, is lost, or is cancelled."""

from typing import Any

import pytest
from attrs import frozen
from campaigning import Campaigner, a_test, plan

from wsgi_app.campaign import CampaignEnd
from wsgi_app.core.campaign.outcomes import TargetOutcome
from wsgi_app.model import Caller, Recipe
from wsgi_app.states import ResultValue, TaskStatus, Verdict

RUNNING, COMPLETED, ABORTED = TaskStatus.RUNNING, TaskStatus.COMPLETED, TaskStatus.ABORTED


@frozen
class Case:
    """A recipe of three steps on system a, and who says what of it."""

    bench: Any
    lab: Campaigner
    job: int
    harness: Caller
    number: int

    @property
    def recipe(self) -> Recipe:
        """As it is now."""
        found: Recipe = self.bench.recipe(self.number)
        return found

    def say(self, place: int, *statuses: TaskStatus, message: str | None = None) -> None:
        """Its harness says so of a task."""
        task = self.recipe.tasks[place - 1].id
        for status in statuses:
            self.lab.gateway.tasks.update(self.harness, self.number, task, status=status, message=message)

    def report(self, place: int, result: ResultValue, message: str | None = None, score: int | None = None) -> None:
        """Its harness reports a result of a task."""
        task = self.recipe.tasks[place - 1].id
        self.lab.gateway.results.report(self.harness, self.number, task, result=result, message=message, score=score)


def comes_through(case: Case) -> None:
    """All steps end, and none badly."""
    for place in (1, 2, 3):
        case.say(place, RUNNING)
        case.report(place, ResultValue.WARN, "careful")
        case.say(place, COMPLETED)


def fails_with_words(case: Case) -> None:
    """A result says why."""
    case.say(1, RUNNING, COMPLETED)
    case.say(2, RUNNING)
    case.report(2, ResultValue.FAIL, "no carrier", 1)
    case.say(2, COMPLETED)


def fails_with_a_status(case: Case) -> None:
    """An exit status is all there is."""
    case.say(1, RUNNING)
    case.report(1, ResultValue.FAIL, None, 7)
    case.say(1, COMPLETED)


def panics(case: Case) -> None:
    """The worst counts."""
    case.say(1, RUNNING)
    case.report(1, ResultValue.FAIL, "bad")
    case.report(1, ResultValue.PANIC, "worse")
    case.say(1, COMPLETED)


def is_aborted_by_its_harness(case: Case) -> None:
    """The task cannot go on."""
    case.say(1, RUNNING, COMPLETED)
    case.say(2, RUNNING, ABORTED, message="out of memory")


def is_never_begun_by_its_harness(case: Case) -> None:
    """The task cannot even begin."""
    case.say(1, ABORTED, message="cannot be unpacked")


def aborts_its_recipe_while_a_task_runs(case: Case) -> None:
    """The whole recipe, at its harness's word."""
    case.say(1, RUNNING, COMPLETED)
    case.say(2, RUNNING)
    case.lab.gateway.recipes.abort(case.harness, case.number, "I give up")


def aborts_its_recipe_before_it_began(case: Case) -> None:
    """Nothing has run."""
    case.lab.gateway.recipes.abort(case.harness, case.number, "I cannot")


def fails_out_of_order(case: Case) -> None:
    """The second task ends badly while the third runs, and the first has not begun."""
    case.say(3, RUNNING)
    case.say(2, RUNNING)
    case.report(2, ResultValue.FAIL, "too early")
    case.say(2, COMPLETED)


def is_pulled_by_an_admin(case: Case) -> None:
    """A task runs."""
    case.say(1, RUNNING)
    case.lab.gateway.recipes.abort(case.bench.admin, case.number, "pulled the plug")


def is_pulled_between_tasks(case: Case) -> None:
    """None runs."""
    case.say(1, RUNNING, COMPLETED)
    case.lab.gateway.recipes.abort(case.bench.admin, case.number, "pulled the plug")


def hangs(case: Case) -> None:
    """Its watchdog expires; what it reported before does not count."""
    case.say(1, RUNNING)
    case.report(1, ResultValue.FAIL, "bad")
    case.bench.clock.now += 1800
    case.lab.round()


def hangs_between_tasks(case: Case) -> None:
    """A reboot from which it does not come back."""
    case.say(1, RUNNING, COMPLETED)
    case.bench.clock.now += 1800
    case.lab.round()


def cannot_be_installed(case: Case) -> None:
    """Its installer says so."""
    case.lab.gateway.installs.fail(case.harness, case.number)


def comes_back_from_a_reboot(case: Case) -> None:
    """It says Running again, and goes on."""
    case.say(1, RUNNING, RUNNING)
    assert case.bench.claim("a") is not None
    case.say(1, RUNNING, COMPLETED)
    for place in (2, 3):
        case.say(place, RUNNING, COMPLETED)


def has_bad_logs(case: Case) -> None:
    """What is found in them, and that they are damaged or late, is no word of its harness."""
    comes_through(case)
    case.lab.gateway.recipes.settle(case.number, late=True)


FAILED = [
    (fails_with_words, 2, "no carrier"),
    (fails_with_a_status, 1, "exit status 7"),
    (panics, 1, "worse"),
    (is_aborted_by_its_harness, 2, "out of memory"),
    (is_never_begun_by_its_harness, 1, "cannot be unpacked"),
    (aborts_its_recipe_while_a_task_runs, 2, "I give up"),
    (fails_out_of_order, 2, "too early"),
]
LOST = [
    (aborts_its_recipe_before_it_began, 1, "I cannot"),
    (is_pulled_by_an_admin, 1, "pulled the plug"),
    (is_pulled_between_tasks, 2, "pulled the plug"),
    (hangs, 1, "External Watchdog Expired"),
    (hangs_between_tasks, 2, "External Watchdog Expired"),
    (cannot_be_installed, 1, "Installation failed"),
]
GOOD = [comes_through, comes_back_from_a_reboot, has_bad_logs]


@pytest.fixture
def case(bench: Any) -> Case:
    """A campaign of one test, whose harness has taken its recipe."""
    lab = Campaigner(bench.gateway, bench.admin)
    job = lab.submit(plan(a_test(steps=3)))
    harness = bench.claim("a")
    assert harness is not None
    return Case(bench, lab, job, harness, lab.job(job).recipe_sets[0].recipes[0].id)


def outcome(case: Case) -> TargetOutcome:
    """What became of the target, when its logs are read."""
    case.lab.gateway.recipes.settle(case.number)
    case.lab.round()
    past = case.lab.history(case.job).runs[0].tests[0].last
    assert past is not None
    return past.targets[0].outcome


@pytest.mark.parametrize(("ends", "step", "error"), FAILED, ids=lambda value: getattr(value, "__name__", ""))
def test_failed(case: Case, ends: Any, step: int, error: str) -> None:
    """At its harness's word: the campaign goes on, here to its end."""
    ends(case)
    found = outcome(case)
    assert (found.lost, found.step, found.error) == (False, f"step{step}", error)
    assert case.recipe.status.finished
    assert case.lab.history(case.job).end is CampaignEnd.COMPLETED
    assert case.lab.job(case.job).verdict is Verdict.FAIL
    assert not any(task.lost for task in case.recipe.tasks)


@pytest.mark.parametrize(("ends", "step", "error"), LOST, ids=lambda value: getattr(value, "__name__", ""))
def test_lost(case: Case, ends: Any, step: int, error: str) -> None:
    """Nobody knows what the target came to: the campaign has failed."""
    ends(case)
    found = outcome(case)
    assert (found.lost, found.step, found.error) == (True, f"step{step}", error)
    assert case.lab.history(case.job).end is CampaignEnd.FAILED
    assert case.lab.job(case.job).verdict is Verdict.INFRASTRUCTURE


@pytest.mark.parametrize("ends", GOOD)
def test_good(case: Case, ends: Any) -> None:
    """The target came through."""
    ends(case)
    found = outcome(case)
    assert found == TargetOutcome(found.target, case.number)
    assert case.lab.job(case.job).verdict is Verdict.PASS


@pytest.mark.parametrize("begun", [True, False])
def test_cancelled(case: Case, begun: bool) -> None:
    """It neither failed nor was it lost."""
    if begun:
        case.say(1, RUNNING)
    case.lab.gateway.jobs.cancel(case.bench.admin, case.job)
    found = outcome(case)
    assert (found.lost, found.step, found.error) == (False, None, None)
    assert case.lab.history(case.job).end is CampaignEnd.CANCELLED
