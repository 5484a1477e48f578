"""Campaigns: what they are to do, how far they have come, what came of it."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from attrs import asdict
from cattrs import Converter
from cattrs.errors import BaseValidationError
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, insert, not_, select, update

from wsgi_app.campaign import (
    Attempt,
    Campaign,
    CampaignEnd,
    Position,
    Progress,
    Report,
    ReporterKind,
    Run,
    Score,
    Target,
    TargetFile,
    TargetList,
)
from wsgi_app.errors import Conflict
from wsgi_app.model import SetAttempt, UpcomingAttempt
from wsgi_app.store.schema import (
    campaign_attempts,
    campaign_reports,
    campaign_runs,
    campaigns,
    job_tags,
    recipe_sets,
)


def insert_campaign(tx: Connection, job: int, plan: Campaign, *, now: float) -> None:
    """Store a campaign of a job that exists; its first step is due now."""
    tx.execute(
        insert(campaigns).values(job=job, plan=_converter().unstructure(plan), run=0, test=0, attempt=0, due=now)
    )
    if plan.tags:
        tx.execute(insert(job_tags), [{"job": job, "tag": tag} for tag in plan.tags])


def load_plan(tx: Connection, job: int) -> Campaign:
    """Return what the campaign of a job is to do. Raises `Conflict` when that cannot be read."""
    try:
        stored = tx.execute(select(campaigns.c.plan).where(campaigns.c.job == job)).scalar_one()
        return _converter().structure(stored, Campaign)
    except (BaseValidationError, ValueError, TypeError) as error:
        raise Conflict("the plan of this campaign cannot be read") from error


def load_progress(tx: Connection, job: int) -> Progress:
    """Return how far the campaign of a job has come."""
    return _progress(tx.execute(_PROGRESS.where(campaigns.c.job == job)).one())


def due_jobs(tx: Connection, now: float, limit: int) -> list[int]:
    """Return the jobs whose campaigns have something to do, those that have waited longest first."""
    query = select(campaigns.c.job).where(campaigns.c.due <= now).order_by(campaigns.c.due, campaigns.c.job)
    return list(tx.execute(query.limit(limit)).scalars())


def running_jobs(tx: Connection) -> list[int]:
    """Return the jobs whose campaigns have not ended."""
    return list(tx.execute(select(campaigns.c.job).where(campaigns.c.end.is_(None))).scalars())


def update_campaign(tx: Connection, job: int, **values: Any) -> None:
    """Change columns of a campaign."""
    tx.execute(update(campaigns).where(campaigns.c.job == job).values(**values))


def move(tx: Connection, job: int, position: Position, *, due: float | None, recipe_set: int | None = None) -> None:
    """Note where a campaign is, and when it goes on or for which set it waits."""
    update_campaign(
        tx,
        job,
        run=position.run,
        test=position.test,
        attempt=position.attempt,
        due=due,
        recipe_set=recipe_set,
    )


def insert_run(tx: Connection, job: int, run: Run) -> None:
    """Note that a run has begun."""
    tx.execute(insert(campaign_runs).values(job=job, run=run.number, started=run.started))


def load_runs(tx: Connection, job: int) -> list[Run]:
    """Return the runs that have begun, in order."""
    query = select(campaign_runs).where(campaign_runs.c.job == job).order_by(campaign_runs.c.run)
    return [Run(row.run, row.started) for row in tx.execute(query)]


def run_started(tx: Connection, job: int, run: int) -> float:
    """Return when a run that has begun did so."""
    query = select(campaign_runs.c.started).where(campaign_runs.c.job == job, campaign_runs.c.run == run)
    found: float = tx.execute(query).scalar_one()
    return found


def next_stage(tx: Connection, job: int) -> int:
    """Return the stage of a job's next recipe set."""
    newest = select(recipe_sets.c.stage).where(recipe_sets.c.job == job).order_by(recipe_sets.c.id.desc()).limit(1)
    found = tx.execute(newest).scalar_one_or_none()
    return 0 if found is None else found + 1


def insert_attempt(tx: Connection, job: int, attempt: Attempt) -> None:
    """Store an attempt."""
    tx.execute(
        insert(campaign_attempts).values(
            job=job,
            run=attempt.position.run,
            test=attempt.position.test,
            attempt=attempt.position.attempt,
            begun=attempt.begun,
            targets=[asdict(target) for target in attempt.targets],
            recipe_set=attempt.recipe_set,
            error=attempt.error,
            ended=attempt.ended,
            passed=attempt.passed,
            failed=attempt.failed,
        )
    )


def end_attempts(tx: Connection, job: int, now: float) -> None:
    """Note that no attempt of a campaign goes on."""
    going = and_(campaign_attempts.c.job == job, campaign_attempts.c.ended.is_(None))
    tx.execute(update(campaign_attempts).where(going).values(ended=now))


def attempts_made(tx: Connection, job: int, run: int) -> tuple[int, int]:
    """Return how many attempts were made in a run of a campaign, and how many of them got targets."""
    mine = and_(campaign_attempts.c.job == job, campaign_attempts.c.run == run)
    counts = select(func.count(), func.count(campaign_attempts.c.recipe_set)).where(mine)
    made, given = tx.execute(counts).one()
    return made, given


def update_attempt(tx: Connection, job: int, attempt: Attempt) -> None:
    """Note when an attempt has ended, how many of its targets came through, and how many failed."""
    values = {"ended": attempt.ended, "passed": attempt.passed, "failed": attempt.failed}
    tx.execute(update(campaign_attempts).where(_at(job, attempt.position)).values(values))


def load_attempts(tx: Connection, job: int) -> list[Attempt]:
    """Return the attempts of a campaign in the order in which they were made."""
    query = select(campaign_attempts).where(campaign_attempts.c.job == job)
    order = (campaign_attempts.c.run, campaign_attempts.c.test, campaign_attempts.c.attempt)
    return [_attempt(row) for row in tx.execute(query.order_by(*order))]


def load_attempt(tx: Connection, job: int, position: Position) -> Attempt:
    """Return an attempt that was made."""
    return _attempt(tx.execute(select(campaign_attempts).where(_at(job, position))).one())


def scores(tx: Connection, job: int, first: int, last: int) -> dict[int, Score]:
    """Return how the tests of a campaign went in runs `first` to `last`, by their numbers; those that were reached."""
    counted = _last_attempts(job).where(campaign_attempts.c.run.between(first, last)).subquery()
    query = select(counted.c.test, func.sum(counted.c.passed), func.sum(counted.c.failed)).group_by(counted.c.test)
    return {test: Score(test, passed, failed) for test, passed, failed in tx.execute(query)}


def first_failed(tx: Connection, job: int) -> Attempt | None:
    """Return the first of the last attempts at tests of a campaign in which a target failed, or none was had."""
    bad = _last_attempts(job).where(campaign_attempts.c.failed > 0)
    # whoever got no target at all says the most
    order = (campaign_attempts.c.error.is_(None), campaign_attempts.c.run, campaign_attempts.c.test)
    row = tx.execute(bad.order_by(*order).limit(1)).one_or_none()
    return None if row is None else _attempt(row)


def _last_attempts(job: int) -> Select[Any]:
    """The last attempt at each test of each run of a campaign."""
    later = campaign_attempts.alias()
    same = (later.c.job == job, later.c.run == campaign_attempts.c.run, later.c.test == campaign_attempts.c.test)
    there_is = select(later.c.job).where(*same, later.c.attempt > campaign_attempts.c.attempt).exists()
    return select(campaign_attempts).where(campaign_attempts.c.job == job, not_(there_is))


def attempt_of(tx: Connection, recipe_set: int) -> tuple[int, Attempt] | None:
    """Return the job and the attempt that a recipe set belongs to; None when no campaign made it."""
    row = tx.execute(select(campaign_attempts).where(campaign_attempts.c.recipe_set == recipe_set)).one_or_none()
    return None if row is None else (row.job, _attempt(row))


def set_attempts(tx: Connection, job: int, first: int, last: int) -> dict[int, SetAttempt]:
    """Return which attempts the recipe sets of a campaign are, from the set `first` to the set `last`."""
    names = [test.name for test in load_plan(tx, job).tests]
    where = (campaign_attempts.c.job == job, campaign_attempts.c.recipe_set.between(first, last))
    return {
        row.recipe_set: SetAttempt(row.run, names[row.test - 1], row.attempt)
        for row in tx.execute(select(campaign_attempts).where(*where))
    }


def upcoming_attempt(tx: Connection, job: int) -> UpcomingAttempt | None:
    """Return what a campaign is going to do, None while it runs something or when it has ended."""
    progress = load_progress(tx, job)
    at = progress.position
    if progress.due is None or progress.recipe_set is not None:
        return None
    if not at.test:
        return UpcomingAttempt(max(at.run, 1), None, 0, progress.due, None)
    name = load_plan(tx, job).tests[at.test - 1].name
    before = _at(job, Position(at.run, at.test, at.attempt - 1))
    reason = tx.execute(select(campaign_attempts.c.error).where(before)).scalar()
    return UpcomingAttempt(at.run, name, at.attempt, progress.due, reason)


def insert_reports(tx: Connection, job: int, reports: Sequence[Report]) -> None:
    """Store reports."""
    if reports:
        tx.execute(insert(campaign_reports), [{"job": job, **asdict(report)} for report in reports])


def load_reports(tx: Connection, job: int) -> list[Report]:
    """Return all reports of a job by run and place; those of all runs (run 0) first."""
    order = (campaign_reports.c.run, campaign_reports.c.place)
    query = select(campaign_reports).where(campaign_reports.c.job == job).order_by(*order)
    return [_report(row) for row in tx.execute(query)]


def bad_reports(tx: Connection, job: int) -> tuple[Report, int] | None:
    """Return the first report of a job that says no, one of all runs last, and how many do; None when none does."""
    bad = and_(campaign_reports.c.job == job, campaign_reports.c.success.is_(False))
    order = (campaign_reports.c.run == 0, campaign_reports.c.run, campaign_reports.c.place)
    row = tx.execute(select(campaign_reports).where(bad).order_by(*order).limit(1)).one_or_none()
    if row is None:
        return None
    return _report(row), tx.execute(select(func.count()).select_from(campaign_reports).where(bad)).scalar_one()


_PROGRESS = select(*(column for column in campaigns.c if column.name != "plan"))


def _progress(row: Row[Any]) -> Progress:
    return Progress(
        row.job,
        Position(row.run, row.test, row.attempt),
        row.due,
        row.recipe_set,
        None if row.end is None else CampaignEnd(row.end),
        row.error,
    )


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        Position(row.run, row.test, row.attempt),
        row.begun,
        tuple(Target(**target) for target in row.targets),
        row.recipe_set,
        row.error,
        row.ended,
        row.passed,
        row.failed,
    )


def _report(row: Row[Any]) -> Report:
    return Report(row.run, row.place, ReporterKind(row.reporter), row.time, row.success, row.data)


def _at(job: int, position: Position) -> ColumnElement[bool]:
    """The condition for an attempt."""
    return and_(
        campaign_attempts.c.job == job,
        campaign_attempts.c.run == position.run,
        campaign_attempts.c.test == position.test,
        campaign_attempts.c.attempt == position.attempt,
    )


@cache
def _converter() -> Converter:
    converter = Converter()

    def targets(value: dict[str, Any], _: object) -> TargetList | TargetFile:
        kind: type[TargetList | TargetFile] = TargetList if "targets" in value else TargetFile
        return converter.structure(value, kind)

    converter.register_structure_hook(TargetList | TargetFile, targets)
    return converter
