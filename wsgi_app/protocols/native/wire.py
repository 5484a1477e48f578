"""The native API's values and refusals. Source: design.md section 5."""

from typing import Any

from werkzeug.wrappers import Response

from wsgi_app.clock import rfc3339
from wsgi_app.core.summary import RecipeSummary, Summary
from wsgi_app.documents import jobjson
from wsgi_app.model import Event, Lab, Result, System, Worker
from wsgi_app.protocols import web
from wsgi_app.protocols.web import Request
from wsgi_app.states import SystemState

STATUS = web.STATUS

#: no id is larger
LARGEST_ID = 2**31 - 1

#: entries of a page unless the caller says otherwise, and at most
PAGE = 100
LARGEST_PAGE = 1000

#: seconds that a waiting call lasts unless the caller says otherwise, and at most
WAIT = 30
LONGEST_WAIT = 300


def read_json(request: Request) -> Any:
    """Return the body's JSON value. Raises `UnsupportedMediaType`, `BadDocument`."""
    web.check_type(request, web.JSON)
    return jobjson.parse(request.get_data())


def refuse(error: Exception) -> Response:
    """Say no: `{"error": {"code", "message", "field"}}`."""
    return web.json_refusal(error, STATUS)


def result_value(result: Result) -> dict[str, Any]:
    """Return the JSON value of a result."""
    return {
        "id": result.id,
        "recipe": result.recipe,
        "task": result.task,
        "path": result.path or "/",
        "result": result.result,
        "score": result.score,
        "measurement": result.measurement,
        "units": result.units,
        "message": result.message,
        "source": result.source,
        "log": result.log,
        "line": result.line,
        "time": rfc3339(result.time),
    }


def summary_value(summary: Summary) -> dict[str, Any]:
    """Return the JSON value of a job's summary."""
    job = summary.job
    return {
        "job": job.id,
        "status": job.status,
        "settled": job.settled,
        "result": job.result,
        "verdict": job.verdict,
        "reason": job.reason,
        "recipes": [_recipe_summary(recipe) for recipe in summary.recipes],
    }


def _recipe_summary(summary: RecipeSummary) -> dict[str, Any]:
    recipe = summary.recipe
    return {
        "recipe": recipe.id,
        "system": recipe.system,
        "status": recipe.status,
        "settled": recipe.settled,
        "late": recipe.late,
        "damaged": list(summary.damaged),
        "result": recipe.result,
        "reason": recipe.reason,
        "harness": dict(summary.own.harness),
        "logs": dict(summary.own.logs),
        "tasks": [
            {
                "task": task.id,
                "name": task.name,
                "status": task.status,
                "result": task.result,
                "harness": dict(said.harness),
                "logs": dict(said.logs),
            }
            for task, said in summary.tasks
        ],
    }


def system_value(system: System, state: SystemState, worker: Worker | None) -> dict[str, Any]:
    """Return the JSON value of a system with its worker, if it has one."""
    return {
        "name": system.name,
        "type": system.type,
        "tags": list(system.tags),
        "address": system.address,
        "state": state,
        "health": system.health,
        "reason": system.reason,
        "description": system.description,
        "owner": system.owner,
        "recipe": system.recipe,
        "last_seen": rfc3339(system.last_seen),
        "worker": None if worker is None else {"online": worker.online, "version": worker.version},
    }


def worker_value(worker: Worker, state: SystemState) -> dict[str, Any]:
    """Return the JSON value of a worker with what of its system concerns it."""
    return {
        "name": worker.name,
        "state": state,
        "health": worker.system.health,
        "online": worker.online,
        "version": worker.version,
        "address": worker.address,
        "connected": rfc3339(worker.connected),
        "last_seen": rfc3339(worker.last_seen),
        "recipe": worker.system.recipe,
        "detach": worker.detach,
        "leaving": worker.leaving,
    }


def lab_value(lab: Lab) -> dict[str, Any]:
    """Return the JSON value of the lab itself."""
    return {"health": lab.health, "description": lab.description, "most_recipes": lab.most_recipes}


def event_value(event: Event) -> dict[str, Any]:
    """Return the JSON value of an event."""
    return {"id": event.id, "time": rfc3339(event.time), "topic": event.topic, "data": event.data}
