"""A job as notices tell of it: at the transition that they tell of, whatever has become of it since."""

from typing import Any

from wsgi_app.core.dossiers import Dossier
from wsgi_app.core.selection import selection_of
from wsgi_app.notification import Moment
from wsgi_app.protocols.lava import wire, words
from wsgi_app.protocols.lava.measures import moment

#: the numbers that LAVA has for its words
_STATES = {word: number for number, word in enumerate(words.JOB_STATES)}
_HEALTHS = {words.UNKNOWN: 0, words.COMPLETE: 1, words.INCOMPLETE: 2, words.CANCELED: 3}
_STATUSES = {
    words.SUBMITTED: 0,
    words.RUNNING: 1,
    words.COMPLETE: 2,
    words.INCOMPLETE: 3,
    words.CANCELED: 4,
    words.CANCELING: 5,
}


def state(dossier: Dossier, at: Moment) -> str:
    """Return LAVA's word for how far the job was."""
    return words.RUNNING if at is Moment.RUNNING else words.state_of(dossier.listed)


def health(dossier: Dossier, at: Moment) -> str:
    """Return LAVA's word for what had become of the job."""
    return words.UNKNOWN if at is Moment.RUNNING else words.health_of(dossier.listed.recipe)


def status(dossier: Dossier, at: Moment) -> str:
    """Return the one word of LAVA's older calls for both."""
    return words.RUNNING if at is Moment.RUNNING else words.legacy_status(dossier.listed)


def error(dossier: Dossier, at: Moment) -> str | None:
    """Return why the job was Incomplete, None when it was not."""
    return None if at is Moment.RUNNING else words.error_message(dossier.listed.recipe)


def finished(dossier: Dossier, at: Moment) -> float | None:
    """Return when the job ended, in seconds since the epoch."""
    recipe = dossier.listed.recipe
    return recipe.finished if at is Moment.FINISHED and recipe.settled else None


def facts(dossier: Dossier, at: Moment) -> dict[str, Any]:
    """Return what every callback has, in LAVA's order; times are texts, `None` for none, as LAVA writes them."""
    listed, job = dossier.listed, dossier.listed.job
    return {
        "id": words.number(listed),
        "status": _STATUSES[status(dossier, at)],
        "status_string": status(dossier, at).lower(),
        "state": _STATES[state(dossier, at)],
        "state_string": state(dossier, at),
        "health": _HEALTHS[health(dossier, at)],
        "health_string": health(dossier, at),
        "submit_time": _time(job.submitted),
        "start_time": _time(listed.recipe.started),
        "end_time": _time(finished(dossier, at)),
        "submitter_username": job.owner,
        "submitter_email": dossier.email or "",
        "failure_comment": error(dossier, at),
        "priority": job.priority,
        "description": job.name,
        "actual_device_id": wire.device(listed),
        "definition": dossier.definition,
        "metadata": wire.noted(selection_of(listed)),
        "health_check": False,
    }


def link(public_url: str, dossier: Dossier) -> str:
    """Return the URL of the job's page."""
    return f"{public_url}scheduler/job/{words.number(dossier.listed)}"


def _time(seconds: float | None) -> str:
    return "None" if seconds is None else moment(seconds)
