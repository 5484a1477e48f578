"""What a recipe's next task is, and what those before it have said."""

from attrs import frozen
from sqlalchemy import Connection, select

from wsgi_app.states import UNFINISHED_TASK
from wsgi_app.store.schema import results, tasks


@frozen
class NextTask:
    """The first unfinished task of a recipe; `unmade`: what it runs is to be made, and is not yet."""

    id: int
    name: str
    unmade: bool


def next_task(tx: Connection, recipe: int) -> NextTask | None:
    """Return the first task of a recipe that is not finished, None when there is none."""
    query = (
        select(tasks.c.id, tasks.c.name, tasks.c.later, tasks.c.command, tasks.c.script)
        .where(tasks.c.recipe == recipe, tasks.c.status.in_(UNFINISHED_TASK))
        .order_by(tasks.c.id)
        .limit(1)
    )
    row = tx.execute(query).first()
    return None if row is None else NextTask(row.id, row.name, row.later and row.command is None and row.script is None)


def reported_below(tx: Connection, recipe: int, prefix: str) -> list[tuple[str, str, str | None]]:
    """Return task name, path and message of the results that tasks of a recipe reported with such paths, in order."""
    query = (
        select(tasks.c.name, results.c.path, results.c.message)
        .join(tasks, tasks.c.id == results.c.task)
        .where(results.c.recipe == recipe, results.c.source == "harness", results.c.path.startswith(prefix))
        .order_by(results.c.id)
    )
    return [(row.name, row.path, row.message) for row in tx.execute(query)]
