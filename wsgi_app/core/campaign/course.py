"""How campaigns go on, step by step, and how they end. Source: decision 0022, jobs-contest.md sections 4.3 and 4.4.

A campaign's position is what is being done (it has a recipe set then) or what comes next, when it is due: test 0 is the
begin of a run. One step leads to the next position; each is made once, since the transaction that makes it moves on.
"""

from attrs import evolve, frozen

from wsgi_app.campaign import Attempt, Campaign, CampaignEnd, PlannedTest, Position, Progress, Run, Target
from wsgi_app.core import assignment, lifecycle
from wsgi_app.core.campaign import reports
from wsgi_app.core.campaign.acquire import CannotAcquire, choose
from wsgi_app.core.campaign.outcomes import TargetOutcome, outcomes
from wsgi_app.core.change import Change, Ground
from wsgi_app.errors import Conflict
from wsgi_app.store import campaigns, ids, jobs, recipes
from wsgi_app.submitted import NewRecipe, NewRecipeSet, NewTask

#: steps of one campaign in one transaction; it goes on in the next
STEPS = 20
#: seconds from the begin of one run to that of the next at the least, when they never end, or run nothing anywhere
RUN_SECONDS = 1.0
#: the first run that takes so long if it ran nothing and they do end
IDLE_RUNS = 2
#: seconds that each attempt counts in such a run, and that one is tried again after, when it was often enough
IDLE_SECONDS = 0.1
RETRIES_AT_ONCE = 10


def advance(change: Change, ground: Ground, job: int) -> None:
    """Let a campaign that is due go on, until it has to wait or has made as many steps as it may at a time."""
    course = _Course(change, ground, job, campaigns.load_plan(change.tx, job))
    for _ in range(STEPS):
        progress = campaigns.load_progress(change.tx, job)
        if progress.due is None or progress.due > change.now:
            break
        course.step(progress)
    lifecycle.refresh_job(change, job)


def stop(change: Change, ground: Ground, job: int) -> None:
    """End a campaign because somebody stopped it; nothing when it has ended. What it has running is left to the caller.

    One that would have gone on for ever gets its final reports, of the runs that are complete.
    """
    progress = campaigns.load_progress(change.tx, job)
    if progress.end is not None:
        return
    try:
        plan = campaigns.load_plan(change.tx, job)
    except Conflict:
        # nobody knows what it was to do: it ends all the same
        plan = None
    if plan is not None and not plan.runs:
        reports.report_all(change.tx, job, plan, max(progress.position.run, 1) - 1, change.now)
    _end(change, progress, CampaignEnd.CANCELLED)


def fail(change: Change, job: int, message: str) -> None:
    """End a campaign because of what cannot be gone on from; nothing when it has ended."""
    progress = campaigns.load_progress(change.tx, job)
    if progress.end is None:
        _end(change, progress, CampaignEnd.FAILED, message)


def _end(change: Change, progress: Progress, end: CampaignEnd, error: str | None = None) -> None:
    if progress.recipe_set is not None:
        campaigns.end_attempts(change.tx, progress.job, change.now)
    campaigns.update_campaign(change.tx, progress.job, end=end, error=error, due=None)
    lifecycle.refresh_job(change, progress.job)


@frozen
class _Course:
    """The campaign of a job, in one transaction."""

    change: Change
    ground: Ground
    job: int
    plan: Campaign

    def step(self, progress: Progress) -> None:
        """Do what is due."""
        if progress.recipe_set is not None:
            self._close(progress, progress.recipe_set)
        elif progress.position.test:
            self._attempt(progress.position)
        else:
            self._begin_run(max(progress.position.run, 1))

    def _begin_run(self, number: int) -> None:
        campaigns.insert_run(self.change.tx, self.job, Run(number, self.change.now))
        self._go_on(Position(number, 0, 0))

    def _attempt(self, at: Position) -> None:
        """Make an attempt at a test: get its targets, and let them run."""
        test, now = self.plan.tests[at.test - 1], self.change.now
        try:
            targets = choose(self.change, self.ground, test.targets)
        except CannotAcquire as error:
            attempt = Attempt(at, now, (), None, str(error), now, failed=1)
            campaigns.insert_attempt(self.change.tx, self.job, attempt)
            self._after(at, good=False)
            return
        if not targets:
            campaigns.insert_attempt(self.change.tx, self.job, Attempt(at, now, (), None, None, now))
            self._after(at, good=True)
            return
        group = self._make_set(test, targets)
        campaigns.insert_attempt(self.change.tx, self.job, Attempt(at, now, targets, group, None, None))
        campaigns.move(self.change.tx, self.job, at, due=None, recipe_set=group)
        members = recipes.load_set(self.change.tx, group)
        for recipe in members:
            self.change.new_recipe_event(recipe)
        assignment.reserve(self.change, self.ground, members)

    def _make_set(self, test: PlannedTest, targets: tuple[Target, ...]) -> int:
        """Store the recipe set of an attempt, and return its id."""
        steps = tuple(NewTask(step.label, later=True) for step in test.steps)
        new = NewRecipeSet(
            tuple(NewRecipe(steps, system=target.id, stop_on_fail=True) for target in targets),
            stage=campaigns.next_stage(self.change.tx, self.job),
        )
        supply = ids.take(self.change.tx, jobs.count_ids([new]))
        jobs.insert_sets(self.change.tx, self.job, [new], iter(supply))
        return supply[0]

    def _close(self, progress: Progress, group: int) -> None:
        """End an attempt whose recipes are settled."""
        if not all(state.settled for state in recipes.recipe_states(self.change.tx, recipe_set=group)):
            campaigns.update_campaign(self.change.tx, self.job, due=None)
            return
        at = progress.position
        attempt = campaigns.load_attempt(self.change.tx, self.job, at)
        labels = [step.label for step in self.plan.tests[at.test - 1].steps]
        found = outcomes(self.change.tx, attempt, labels)
        failed = sum(outcome.error is not None for outcome in found)
        ended = evolve(attempt, ended=self.change.now, passed=len(found) - failed, failed=failed)
        campaigns.update_attempt(self.change.tx, self.job, ended)
        lost = [outcome for outcome in found if outcome.lost]
        if lost:
            fail(self.change, self.job, _loss(self.plan.tests[at.test - 1], lost))
        else:
            self._after(at, good=not failed)

    def _after(self, at: Position, *, good: bool) -> None:
        """Go on behind an attempt."""
        test = self.plan.tests[at.test - 1]
        if good or at.attempt >= test.retries:
            self._go_on(at)
        else:
            again = Position(at.run, at.test, at.attempt + 1)
            # it may be tried any number of times, and one that gets no targets takes no time of its own
            pause = max(test.retry_interval, IDLE_SECONDS if at.attempt >= RETRIES_AT_ONCE else 0.0)
            campaigns.move(self.change.tx, self.job, again, due=self.change.now + pause)

    def _go_on(self, at: Position) -> None:
        """Go on to the next test of the run, or to its end."""
        for number, test in enumerate(self.plan.tests, 1):
            if number > at.test and not test.disabled:
                campaigns.move(self.change.tx, self.job, Position(at.run, number, 0), due=self.change.now)
                return
        self._end_run(at.run)

    def _end_run(self, number: int) -> None:
        """Let the reporters speak, and go on to the next run or to the end."""
        tx, now = self.change.tx, self.change.now
        reports.report_run(tx, self.job, self.plan, number, now)
        if number == self.plan.runs:
            reports.report_all(tx, self.job, self.plan, number, now)
            campaigns.update_campaign(tx, self.job, end=CampaignEnd.COMPLETED, due=None)
            return
        due = max(now + self.plan.run_interval, self._earliest(number))
        campaigns.move(tx, self.job, Position(number + 1, 0, 0), due=due)

    def _earliest(self, number: int) -> float:
        """Return before when the run behind this one does not begin, whatever the plan says."""
        made, given = campaigns.attempts_made(self.change.tx, self.job, number)
        if self.plan.runs and (given or number < IDLE_RUNS):
            return self.change.now
        # one that runs nothing anywhere takes no time of its own, and there may be any number of them
        seconds = RUN_SECONDS if given else max(RUN_SECONDS, made * IDLE_SECONDS)
        return campaigns.run_started(self.change.tx, self.job, number) + seconds


def _loss(test: PlannedTest, lost: list[TargetOutcome]) -> str:
    """Return what became of the targets of a test that were lost."""
    first, *others = lost
    more = f" (and {len(others)} more)" if others else ""
    return f"test {test.name} lost target {first.target.id}{more} at step {first.step}: {first.error}"
