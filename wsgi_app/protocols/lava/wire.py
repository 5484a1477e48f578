"""Shapes of LAVA's XML-RPC answers, and its faults. Source: readers-lava.md sections 3 and 4."""

import json
from datetime import UTC, datetime
from typing import Any

from wsgi_app import errors
from wsgi_app.core.machines import Machine
from wsgi_app.core.selection import Listed, Selection
from wsgi_app.errors import Invalid, TackroomError
from wsgi_app.protocols import web
from wsgi_app.protocols.lava import words
from wsgi_app.protocols.rpc import Fault
from wsgi_app.states import SystemHealth

#: what is told from 500 on passes, as clients take it
FAULTS: dict[type[TackroomError], int] = {
    errors.Invalid: 400,
    # LAVA's for a device or type that there is not
    errors.NothingFits: 404,
    errors.Unauthenticated: 401,
    errors.Denied: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.LengthMissing: 400,
    errors.TooLarge: 400,
    errors.BeyondLimit: 400,
    errors.Unavailable: 503,
    errors.DiskFull: 503,
}


def fault_of(error: TackroomError) -> Fault:
    """Return how a typed error is told: of a document or value that is wrong, with the place."""
    where = f"{error.field}: " if isinstance(error, Invalid) and error.field else ""
    return Fault(web.status_of(error, FAULTS), web.shortened(where + error.message))


def moment(seconds: float | None) -> datetime | None:
    """Return a time as XML-RPC has it: UTC, with no zone and no fraction."""
    return None if seconds is None else datetime.fromtimestamp(int(seconds), UTC).replace(tzinfo=None)


def moment_text(seconds: float | None) -> str | None:
    """Return a time as text where clients make JSON of the answer."""
    return None if seconds is None else f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%d %H:%M:%S}+00:00"


def begun(found: Selection) -> float | None:
    """Return when the first of some recipes began."""
    return min((listed.recipe.started for listed in found.parts if listed.recipe.started is not None), default=None)


def ended(found: Selection) -> float | None:
    """Return when the last of some recipes ended: None until nothing of them can change any more."""
    if not found.settled:
        return None
    times = [listed.recipe.finished for listed in found.parts if listed.recipe.finished is not None]
    return max(times, default=found.job.finished)


def tags(found: Selection) -> list[str]:
    """Return the tags that some recipes ask for."""
    return sorted({tag for listed in found.parts for tag in listed.recipe.requires.tags})


def noted(found: Selection) -> list[dict[str, str]]:
    """Return what the submitter noted about a job: LAVA has texts there, so what is none is given as its JSON."""
    return [
        {key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}
        for key, value in found.job.metadata.items()
    ]


def job_shown(found: Selection, asked: int | str) -> dict[str, Any]:
    """Return a job, or several together under the id that was asked for."""
    job, failed = found.job, words.failed(found)
    message = None if failed is None else words.error_message(failed)
    return {
        "id": words.called(found, asked),
        "description": job.name,
        "device": words.common(device(listed) for listed in found.parts),
        "device_type": words.common(listed.type for listed in found.parts),
        "health_check": False,
        "pipeline": True,
        "health": words.health(found),
        "state": words.state(found),
        "submitter": job.owner,
        "submit_time": moment(job.submitted),
        "start_time": moment(begun(found)),
        "end_time": moment(ended(found)),
        "tags": tags(found),
        "visibility": words.visibility(job),
        "failure_comment": message,
        "error_type": None if failed is None else words.error_type(failed),
        "error_msg": message,
        "verdict": found.verdict,
    }


def job_listed(listed: Listed, *, verbose: bool) -> dict[str, Any]:
    """Return a job as lists have it."""
    row: dict[str, Any] = {
        "id": words.number(listed),
        "description": listed.job.name,
        "device_type": listed.type,
        "health": words.health_of(listed.recipe),
        "state": words.state_of(listed),
        "submitter": listed.job.owner,
    }
    if verbose:
        recipe = listed.recipe
        row["actual_device"] = device(listed)
        row["start_time"] = moment_text(recipe.started)
        row["end_time"] = moment_text(recipe.finished if recipe.settled else None)
        row["error_type"] = words.error_type(recipe)
        row["error_msg"] = words.error_message(recipe)
    return row


def job_queued(listed: Listed) -> dict[str, Any]:
    """Return a job as the queue has it."""
    return {
        "id": words.number(listed),
        "description": listed.job.name,
        "requested_device_type": listed.type,
        "submitter": listed.job.owner,
    }


def device(listed: Listed) -> str | None:
    """Return the system that a job was given; while it has none, its recipe may say which one it wants."""
    return listed.recipe.system if listed.recipe.assigned is not None else None


def device_state(machine: Machine) -> str:
    """Return what a device does."""
    if machine.system.recipe is None:
        return "Idle"
    return "Reserved" if machine.reserved else "Running"


def device_listed(machine: Machine) -> dict[str, Any]:
    """Return a device as lists have it."""
    return {
        "hostname": machine.system.name,
        "type": machine.system.type,
        "health": words.DEVICE_HEALTHS[machine.system.health],
        "state": device_state(machine),
        "current_job": current_job(machine),
        "pipeline": True,
    }


def device_shown(machine: Machine, worker: str) -> dict[str, Any]:
    """Return a device."""
    system = machine.system
    return {
        "hostname": system.name,
        "device_type": system.type,
        "health": words.DEVICE_HEALTHS[system.health],
        "state": device_state(machine),
        "health_job": False,
        "description": system.description,
        "reason": system.reason,
        "pipeline": True,
        "has_device_dict": False,
        "worker": worker,
        "user": None,
        "group": None,
        "public": True,
        "current_job": current_job(machine),
        "tags": list(system.tags),
        "permissions": [],
    }


def current_job(machine: Machine) -> int | str | None:
    """Return the job on a device, if the caller may read that."""
    return None if machine.held is None else words.number(machine.held)


def legacy_device_status(machine: Machine) -> str:
    """Return the one word that stands for a device's state and health in LAVA's older calls."""
    if machine.system.health is SystemHealth.RETIRED:
        return "retired"
    if machine.system.recipe is not None:
        return device_state(machine).lower()
    return "idle" if machine.system.health.usable else "offline"
