"""Stored times that are compared with the present one, and how they follow a step of the system's clock."""

from sqlalchemy import ColumnElement, Connection, Table, and_, select, update

from wsgi_app.store.schema import (
    campaign_attempts,
    campaign_reports,
    campaign_runs,
    campaigns,
    idempotency,
    jobs,
    port_waits,
    recipes,
    systems,
    tasks,
)


def count(tx: Connection) -> int:
    """Return how many steps have been dealt with: a number in the header of SQLite's file."""
    found: int = tx.exec_driver_sql("PRAGMA user_version").scalar_one()
    return found


def move(tx: Connection, seconds: float, *, now: float) -> None:
    """Move what is still to come, and what it is counted from, by so many seconds; `now` is the time after the step.

    What is settled is history and stays, but its logs must not be open again because their end seems to lie ahead.
    """
    _move(tx, jobs, jobs.c.settled.is_(False), seconds, "submitted", "started", "finished")
    running = select(recipes.c.id).where(recipes.c.settled.is_(False))
    ended = and_(recipes.c.settled.is_(True), recipes.c.finished > now + min(seconds, 0.0))
    _move(tx, tasks, tasks.c.recipe.in_(running), seconds, "started", "finished", "closes")
    ahead = and_(tasks.c.recipe.in_(select(recipes.c.id).where(ended)), tasks.c.closes > now)
    _move(tx, tasks, ahead, seconds, "closes")
    _move(
        tx,
        recipes,
        recipes.c.settled.is_(False),
        seconds,
        *("watchdog", "assigned", "taken", "started", "finished", "closes", "waits_until"),
        *("install_started", "install_finished", "postinstall_finished"),
    )
    _move(tx, recipes, and_(ended, recipes.c.closes > now), seconds, "closes")
    going = select(jobs.c.id).where(jobs.c.settled.is_(False))
    _move(tx, campaigns, campaigns.c.due.is_not(None), seconds, "due")
    _move(tx, campaign_runs, campaign_runs.c.job.in_(going), seconds, "started")
    _move(tx, campaign_attempts, campaign_attempts.c.job.in_(going), seconds, "begun", "ended")
    _move(tx, campaign_reports, campaign_reports.c.job.in_(going), seconds, "time")
    _move(tx, port_waits, port_waits.c.due.is_not(None), seconds, "due")
    _move(tx, systems, systems.c.claimed_until.is_not(None), seconds, "last_seen", "claimed_until")
    _move(tx, idempotency, idempotency.c.created.is_not(None), seconds, "created")
    # committed or rolled back with the rest
    tx.exec_driver_sql(f"PRAGMA user_version = {count(tx) + 1:d}")


def _move(tx: Connection, table: Table, where: ColumnElement[bool], seconds: float, *columns: str) -> None:
    # null stays null
    tx.execute(update(table).where(where).values({name: table.c[name] + seconds for name in columns}))
