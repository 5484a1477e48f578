"""Campaigns: what they are to do, how far they have come, what came of it."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from attrs import asdict
from cattrs import Converter
from sqlalchemy import Connection, Row, insert, select, update

from wsgi_app.campaign import (
    Attempt,
    Campaign,
    CampaignEnd,
    Position,
    Progress,
    Report,
    ReporterKind,
    Run,
    Target,
    TargetFile,
    TargetList,
)
from wsgi_app.store.schema import campaign_attempts, campaign_reports, campaign_runs, campaigns, job_tags


def insert_campaign(tx: Connection, job: int, plan: Campaign, *, now: float) -> None:
    """Store a campaign of a job that exists; its first step is due now."""
    tx.execute(
        insert(campaigns).values(job=job, plan=_converter().unstructure(plan), run=0, test=0, attempt=0, due=now)
    )
    if plan.tags:
        tx.execute(insert(job_tags), [{"job": job, "tag": tag} for tag in plan.tags])


def load_plan(tx: Connection, job: int) -> Campaign:
    """Return what the campaign of a job is to do."""
    stored = tx.execute(select(campaigns.c.plan).where(campaigns.c.job == job)).scalar_one()
    return _converter().structure(stored, Campaign)


def load_progress(tx: Connection, job: int) -> Progress:
    """Return how far the campaign of a job has come."""
    return _progress(tx.execute(_PROGRESS.where(campaigns.c.job == job)).one())


def due_jobs(tx: Connection, now: float) -> list[int]:
    """Return the jobs whose campaigns have something to do, the oldest first."""
    query = select(campaigns.c.job).where(campaigns.c.due <= now).order_by(campaigns.c.job)
    return list(tx.execute(query).scalars())


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
        )
    )


def end_attempt(tx: Connection, job: int, position: Position, ended: float) -> None:
    """Note when an attempt has ended."""
    where = (
        campaign_attempts.c.job == job,
        campaign_attempts.c.run == position.run,
        campaign_attempts.c.test == position.test,
        campaign_attempts.c.attempt == position.attempt,
    )
    tx.execute(update(campaign_attempts).where(*where).values(ended=ended))


def load_attempts(tx: Connection, job: int, *, run: int | None = None) -> list[Attempt]:
    """Return attempts (of one run, if it is given) in the order in which they were made."""
    query = select(campaign_attempts).where(campaign_attempts.c.job == job)
    if run is not None:
        query = query.where(campaign_attempts.c.run == run)
    order = (campaign_attempts.c.run, campaign_attempts.c.test, campaign_attempts.c.attempt)
    return [_attempt(row) for row in tx.execute(query.order_by(*order))]


def attempt_of(tx: Connection, recipe_set: int) -> tuple[int, Attempt] | None:
    """Return the job and the attempt that a recipe set belongs to; None when no campaign made it."""
    row = tx.execute(select(campaign_attempts).where(campaign_attempts.c.recipe_set == recipe_set)).one_or_none()
    return None if row is None else (row.job, _attempt(row))


def insert_reports(tx: Connection, job: int, reports: Sequence[Report]) -> None:
    """Store reports."""
    if reports:
        tx.execute(insert(campaign_reports), [{"job": job, **asdict(report)} for report in reports])


def load_reports(tx: Connection, job: int) -> list[Report]:
    """Return all reports of a job by run and place; those of all runs (run 0) first."""
    order = (campaign_reports.c.run, campaign_reports.c.place)
    query = select(campaign_reports).where(campaign_reports.c.job == job).order_by(*order)
    return [
        Report(row.run, row.place, ReporterKind(row.reporter), row.time, row.success, row.data)
        for row in tx.execute(query)
    ]


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
    )


@cache
def _converter() -> Converter:
    converter = Converter()

    def targets(value: dict[str, Any], _: object) -> TargetList | TargetFile:
        kind: type[TargetList | TargetFile] = TargetList if "targets" in value else TargetFile
        return converter.structure(value, kind)

    converter.register_structure_hook(TargetList | TargetFile, targets)
    return converter
