"""Many jobs, stored as if they had been run: for lists that have to stay quick."""

from typing import Any

from sqlalchemy import insert

from wsgi_app.core.gateway import Gateway
from wsgi_app.states import RecipeStatus, ResultValue, TaskStatus, Verdict, Visibility
from wsgi_app.store import ids, schema

#: jobs that have not begun, and those that run: the newest
QUEUED, RUNNING = 30, 20
#: when the first was submitted, and how much later each next
FIRST, STEP = 1_700_000_000.0, 60.0

_DOCUMENT = "# {0}\njob_name: nightly {0}\n" + "actions:\n" + "- test: {{}}  # as it is in most jobs\n" * 40


def fill(gateway: Gateway, number: int) -> None:
    """Store so many jobs of user ann: every tenth of two recipes, every 20th private, every 15th aborted."""
    rows: dict[Any, list[dict[str, Any]]] = {
        table: [] for table in (schema.jobs, schema.job_documents, schema.recipe_sets, schema.recipes, schema.tasks)
    }
    with gateway._ground.db.write() as tx:
        supply = iter(ids.take(tx, number * 6))
        for place in range(number):
            job, group = next(supply), next(supply)
            rows[schema.jobs].append(_job(job, place, number))
            rows[schema.job_documents].append({"job": job, "kind": "application/yaml", "text": _DOCUMENT.format(place)})
            rows[schema.recipe_sets].append({"id": group, "job": job, "stage": 0, "status": _status(place, number)})
            for _ in range(2 if place % 10 == 0 else 1):
                recipe = next(supply)
                rows[schema.recipes].append(_recipe(recipe, group, job, place, number))
                rows[schema.tasks].append(_task(next(supply), recipe))
        for table, made in rows.items():
            tx.execute(insert(table), made)


def _status(place: int, number: int) -> RecipeStatus:
    if place >= number - QUEUED:
        return RecipeStatus.QUEUED
    if place >= number - QUEUED - RUNNING:
        return RecipeStatus.RUNNING
    if place % 15 == 0:
        return RecipeStatus.ABORTED
    return RecipeStatus.CANCELLED if place % 77 == 0 else RecipeStatus.COMPLETED


def _times(place: int, number: int) -> dict[str, float | None]:
    status, begun = _status(place, number), FIRST + place * STEP + 5
    return {
        "started": None if status is RecipeStatus.QUEUED else begun,
        "finished": begun + place % 1000 if status.finished else None,
    }


def _job(job: int, place: int, number: int) -> dict[str, Any]:
    status = _status(place, number)
    return {
        "id": job,
        "name": f"nightly {place % 300}",
        "owner": "ann",
        "visibility": Visibility.PRIVATE if place % 20 == 0 else Visibility.PUBLIC,
        "priority": 50,
        "status": status,
        "cancelling": False,
        "settled": status.finished,
        "result": ResultValue.PASS,
        "verdict": Verdict.PASS if status.finished else None,
        "submitted": FIRST + place * STEP,
        "metadata": {"build": {"id": f"b{place % 500}", "tree": "next"}, "place": place} if place % 4 == 0 else {},
        **_times(place, number),
    }


def _recipe(recipe: int, group: int, job: int, place: int, number: int) -> dict[str, Any]:
    status = _status(place, number)
    return {
        "id": recipe,
        "job": job,
        "recipe_set": group,
        "system": None if status is RecipeStatus.QUEUED else f"board-{place % 40}",
        "requires": {"type": f"type-{place % 7}", "tags": []},
        "status": status,
        "cancelling": False,
        "settled": status.finished,
        "late": False,
        "result": ResultValue.PASS,
        "reason": "External Watchdog Expired" if status is RecipeStatus.ABORTED else None,
        "cause": "watchdog" if status is RecipeStatus.ABORTED else None,
        "stop_on_fail": False,
        "assigned": _times(place, number)["started"],
        "taken": _times(place, number)["started"],
        **_times(place, number),
    }


def _task(task: int, recipe: int) -> dict[str, Any]:
    return {
        "id": task,
        "recipe": recipe,
        "name": "smoke",
        "params": {},
        "script": "echo hello",
        "status": TaskStatus.COMPLETED,
        "result": ResultValue.PASS,
    }
