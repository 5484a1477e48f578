"""Campaigns in tests: plans in few words, and harnesses that run what they are given, whatever it is."""

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import field, frozen

from wsgi_app.campaign import (
    Attempt,
    Campaign,
    PlannedTest,
    Report,
    Reporter,
    ReporterKind,
    Step,
    StepKind,
    Target,
    TargetList,
)
from wsgi_app.core.campaign.history import History
from wsgi_app.core.gateway import Gateway
from wsgi_app.model import Caller, Job
from wsgi_app.states import ResultValue, TaskStatus
from wsgi_app.submitted import NewJob

NOOP = Reporter(ReporterKind.NOOP)


def by_targets(criterion: str) -> Reporter:
    """The reporter that goes by targets."""
    return Reporter(ReporterKind.TARGET_SUCCESS, criterion)


def a_test(name: str = "T", targets: Iterable[str] = ("a",), steps: int = 2, **values: Any) -> PlannedTest:
    """A test on these targets, with so many steps."""
    planned = tuple(Step(StepKind.ECHO, f"step{n}", {"text": ("hello",)}) for n in range(1, steps + 1))
    return PlannedTest(name, TargetList(tuple(Target(target) for target in targets)), planned, **values)


def plan(*tests: PlannedTest, **values: Any) -> Campaign:
    """A campaign of these tests (one on system a, if there are none), judged by noop unless it says by whom."""
    return Campaign(tests or (a_test(),), values.pop("run_reporters", (NOOP,)), **values)


@frozen
class Campaigner:
    """Submits campaigns, and plays the lab: its harnesses, its indexer, its timer."""

    gateway: Gateway
    admin: Caller
    #: (target, step) that fails, and what its harness says then
    failures: dict[tuple[str, str], str] = field(factory=dict)

    def submit(self, campaign: Campaign, name: str = "job") -> int:
        """Submit a campaign; return its job."""
        return self.gateway.jobs.submit(self.admin, lambda: NewJob((), name, campaign=campaign)).id

    def job(self, job: int) -> Job:
        """A job with all below it."""
        return self.gateway.jobs.get(self.admin, job)

    def history(self, job: int) -> History:
        """What has happened in a job."""
        return self.gateway.campaigns.history(self.admin, job)

    def attempts(self, job: int) -> list[Attempt]:
        """All attempts at tests of a job."""
        return [past.attempt for run in self.history(job).runs for test in run.tests for past in test.attempts]

    def positions(self, job: int) -> list[tuple[int, int, int]]:
        """Run, test and number of each attempt."""
        return [(at.run, at.test, at.attempt) for at in (one.position for one in self.attempts(job))]

    def reports(self, job: int) -> Sequence[Report]:
        """What the reporters said."""
        return self.history(job).reports

    def claim(self, system: str) -> int | None:
        """Let a system's harness ask for work; return the recipe."""
        claimed = self.gateway.systems.claim(self.admin, system, wait=0)
        return None if claimed is None else claimed.recipe.id

    def begin(self, system: str) -> int:
        """Let a system's harness begin with its recipe; return that."""
        recipe = self.claim(system)
        assert recipe is not None, f"{system} got nothing to run"
        task = self.gateway.recipes.get(self.admin, recipe).recipe.tasks[0]
        self.gateway.tasks.update(self.admin, recipe, task.id, status=TaskStatus.RUNNING)
        return recipe

    def run(self, recipe: int, system: str) -> None:
        """Run a recipe to its end; it is not settled."""
        while True:
            found = self.gateway.recipes.get(self.admin, recipe).recipe
            task = next((task for task in found.tasks if not task.status.finished), None)
            if task is None:
                return
            self.gateway.tasks.update(self.admin, recipe, task.id, status=TaskStatus.RUNNING)
            if (system, task.name) in self.failures:
                said = self.failures[system, task.name]
                self.gateway.results.report(
                    self.admin, recipe, task.id, result=ResultValue.FAIL, score=3, message=said or None
                )
            self.gateway.tasks.update(self.admin, recipe, task.id, status=TaskStatus.COMPLETED)

    def play(self, *systems: str) -> None:
        """Let the systems' harnesses run what they have, together, and the indexer settle it."""
        for system in systems:
            self.claim(system)
        held = {system: self.claim(system) for system in systems}
        for system, recipe in held.items():
            assert recipe is not None, f"{system} got nothing to run"
            self.run(recipe, system)
        for recipe in held.values():
            assert recipe is not None
            self.gateway.recipes.settle(recipe)

    def settle(self, job: int) -> None:
        """Let the indexer settle all that has ended."""
        for group in self.job(job).recipe_sets:
            for recipe in group.recipes:
                if recipe.status.finished and not recipe.settled:
                    self.gateway.recipes.settle(recipe.id)

    def round(self) -> None:
        """Do what the timer does."""
        self.gateway.watchdogs.expire()
        self.gateway.recipes.close_logs()
        self.gateway.campaigns.advance()
        self.gateway.systems.assign_waiting()
