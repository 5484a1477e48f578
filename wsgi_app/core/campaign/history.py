"""What has happened in a job, run by run, test by test, target by target: for those who tell of it as a campaign.

A job that is no campaign is told as one with a single run: each recipe set is a test, each recipe a target, each task
a step.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from attrs import field, frozen
from sqlalchemy import Connection

from wsgi_app.campaign import Attempt, Campaign, CampaignEnd, PlannedTest, Position, Report, Run, Step, Target
from wsgi_app.core.campaign.outcomes import TargetOutcome, outcome_of
from wsgi_app.core.campaign.scripts import OUTPUT_LOGS
from wsgi_app.model import Job, LogAddress, Recipe, Result, Task
from wsgi_app.states import RecipeStatus
from wsgi_app.store import campaigns, history

_OfTask = TypeVar("_OfTask", Result, LogAddress)

#: results of one task that are loaded: the first that its harness reported
MOST_RESULTS = 100


@frozen
class PastStep:
    """A step of a test: `label` is unique in it; `name` is the kind of a campaign's step, or a task's name."""

    label: str
    name: str
    #: what was planned; None in a job that is no campaign
    step: Step | None = None


@frozen
class PastTarget:
    """A target of an attempt, the recipe that was for it, and what became of it."""

    target: Target
    recipe: Recipe
    outcome: TargetOutcome
    #: the recipe's tasks by the labels of their steps
    tasks: Mapping[str, Task]


@frozen
class PastAttempt:
    """An attempt at a test (`attempt.position.attempt` counts from 0); no targets: see `attempt.error`."""

    attempt: Attempt
    targets: tuple[PastTarget, ...]


@frozen
class PastTest:
    """A test of a run, reached or not; `number` counts from 1 over all planned tests, the disabled ones too."""

    number: int
    name: str
    steps: tuple[PastStep, ...]
    #: in the order in which they were made; the last is the one that counts
    attempts: tuple[PastAttempt, ...]

    @property
    def last(self) -> PastAttempt | None:
        """The attempt that counts; None: the test was not reached."""
        return self.attempts[-1] if self.attempts else None


@frozen
class PastRun:
    """A run that has begun, and all its enabled tests."""

    number: int
    started: float
    tests: tuple[PastTest, ...]


@frozen
class History:
    """All that has happened in a job."""

    #: without what is below it
    job: Job
    #: None: the job is no campaign
    plan: Campaign | None
    runs: tuple[PastRun, ...]
    #: by run and place; those of all runs (run 0) first
    reports: tuple[Report, ...]
    #: how the campaign ended; None while it has not, and of other jobs
    end: CampaignEnd | None
    #: why the campaign failed; of other jobs: why they were aborted
    error: str | None
    #: what was reported of tasks, in the order of ids, by task; at most `MOST_RESULTS` of each
    results: Mapping[int, tuple[Result, ...]] = field(factory=dict)
    #: those of their logs that hold output (`OUTPUT_LOGS`), by task
    outputs: Mapping[int, tuple[LogAddress, ...]] = field(factory=dict)


def load_history(tx: Connection, job: Job) -> History:
    """Return the history of a job (given without what is below it), by as many queries whatever its size."""
    members = _Members.load(tx, job.id)
    common: dict[str, Any] = {
        "results": _by_task(history.first_reported(tx, job.id, MOST_RESULTS)),
        "outputs": _by_task(history.logs_named(tx, job.id, OUTPUT_LOGS)),
    }
    if not job.campaign:
        error = job.reason if job.settled and job.status is RecipeStatus.ABORTED else None
        run = PastRun(1, job.submitted if job.started is None else job.started, _native_tests(tx, job, members))
        return History(job, None, (run,), (), None, error, **common)
    plan = campaigns.load_plan(tx, job.id)
    progress = campaigns.load_progress(tx, job.id)
    reports = tuple(campaigns.load_reports(tx, job.id))
    runs = _runs(plan, campaigns.load_runs(tx, job.id), campaigns.load_attempts(tx, job.id), members)
    return History(job, plan, runs, reports, progress.end, progress.error, **common)


@frozen
class _Members:
    """The recipes of a job by their sets, and the worst reported result of each task."""

    by_set: Mapping[int, Sequence[Recipe]]
    said: Mapping[int, Result]

    @classmethod
    def load(cls, tx: Connection, job: int) -> "_Members":
        """Load those of a job."""
        by_set: dict[int, list[Recipe]] = defaultdict(list)
        for recipe in history.recipes_of(tx, job):
            by_set[recipe.recipe_set].append(recipe)
        return cls(by_set, history.worst_reported(tx, job=job))

    def targets(self, attempt: Attempt, labels: Sequence[Sequence[str]]) -> tuple[PastTarget, ...]:
        """Return the targets of an attempt; `labels`: of the tasks of each one's recipe."""
        if attempt.recipe_set is None:
            return ()
        return tuple(
            PastTarget(
                target,
                recipe,
                outcome_of(target, recipe, names, self.said),
                dict(zip(names, recipe.tasks, strict=True)),
            )
            for target, recipe, names in zip(attempt.targets, self.by_set[attempt.recipe_set], labels, strict=True)
        )


def _runs(plan: Campaign, runs: Iterable[Run], attempts: Iterable[Attempt], members: _Members) -> tuple[PastRun, ...]:
    """Return the runs of a campaign that have begun."""
    made: dict[tuple[int, int], list[PastAttempt]] = defaultdict(list)
    for attempt in attempts:
        at = attempt.position
        labels = [step.label for step in plan.tests[at.test - 1].steps]
        made[at.run, at.test].append(PastAttempt(attempt, members.targets(attempt, [labels] * len(attempt.targets))))
    return tuple(
        PastRun(
            run.number,
            run.started,
            tuple(
                PastTest(number, test.name, _steps(test), tuple(made[run.number, number]))
                for number, test in enumerate(plan.tests, 1)
                if not test.disabled
            ),
        )
        for run in runs
    )


def _steps(test: PlannedTest) -> tuple[PastStep, ...]:
    return tuple(PastStep(step.label, step.kind, step) for step in test.steps)


def _native_tests(tx: Connection, job: Job, members: _Members) -> tuple[PastTest, ...]:
    """Return the recipe sets of a job that is no campaign as tests: each one's position and name make a step."""
    tests = []
    for number, group in enumerate(history.set_ids(tx, job.id), 1):
        those = members.by_set[group]
        labels = [[f"{place} {task.name}" for place, task in enumerate(recipe.tasks, 1)] for recipe in those]
        names = {
            (place, label): task.name
            for recipe, own in zip(those, labels, strict=True)
            for place, (label, task) in enumerate(zip(own, recipe.tasks, strict=True))
        }
        attempt = _native_attempt(job, number, group, those)
        tests.append(
            PastTest(
                number,
                f"recipe set {number}",
                tuple(PastStep(label, name) for (_, label), name in sorted(names.items(), key=lambda item: item[0][0])),
                (PastAttempt(attempt, members.targets(attempt, labels)),),
            )
        )
    return tuple(tests)


def _native_attempt(job: Job, number: int, group: int, members: Sequence[Recipe]) -> Attempt:
    """Return a recipe set as the only attempt at a test."""
    begun = [recipe.assigned for recipe in members if recipe.assigned is not None]
    ended = [recipe.finished for recipe in members if recipe.finished is not None]
    return Attempt(
        Position(1, number, 0),
        min(begun, default=job.submitted),
        tuple(Target(recipe.system or f"recipe {recipe.id}") for recipe in members),
        group,
        None,
        max(ended) if len(ended) == len(members) else None,
    )


def _by_task(found: Iterable[_OfTask]) -> dict[int, tuple[_OfTask, ...]]:
    """Return results or logs of tasks by their tasks, in their order."""
    by_task: dict[int, list[_OfTask]] = defaultdict(list)
    for one in found:
        if one.task is not None:
            by_task[one.task].append(one)
    return {task: tuple(those) for task, those in by_task.items()}
