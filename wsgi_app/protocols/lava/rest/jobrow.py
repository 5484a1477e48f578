"""A job as the API shows it: the fields of readers-lava.md 8.2, and what LAVA has not (verdict, error_type)."""

from collections.abc import Iterable, Sequence

from wsgi_app.clock import rfc3339
from wsgi_app.core.listing import Listed
from wsgi_app.model import Recipe
from wsgi_app.protocols.lava import words
from wsgi_app.submitted import Document


def job_row(found: Sequence[Listed], document: Document, *, asked: str | None = None) -> dict[str, object]:
    """Return the fields of one recipe, or of several together, which have the id that was asked for."""
    job, recipes = found[0].job, [listed.recipe for listed in found]
    failed = failed_of(found)
    several = found[0].size > 1 or len(found) > 1
    return {
        "id": asked if len(found) > 1 else words.number(found[0]),
        "submitter": job.owner,
        "viewing_groups": [],
        "description": job.name,
        "health_check": False,
        "requested_device_type": words.common(listed.type for listed in found),
        "tags": list(dict.fromkeys(tag for recipe in recipes for tag in recipe.requires.tags)),
        "actual_device": words.common(recipe.system if recipe.assigned is not None else None for recipe in recipes),
        "submit_time": rfc3339(job.submitted),
        "start_time": rfc3339(_earliest(recipe.started for recipe in recipes)),
        "end_time": rfc3339(_latest([recipe.finished for recipe in recipes])),
        "state": words.state(found),
        "health": words.health(found),
        "priority": job.priority,
        "definition": document.text,
        "original_definition": document.text,
        "multinode_definition": document.text if several else "",
        "metadata": job.metadata,
        "failure_tags": [],
        "failure_comment": next((recipe.reason for recipe in recipes if recipe.reason), None),
        "visibility": words.visibility(job),
        "error_type": None if failed is None else words.error_type(failed),
        "error_msg": None if failed is None else words.error_message(failed),
        "verdict": job.verdict,
    }


def failed_of(found: Sequence[Listed]) -> Recipe | None:
    """Return the first recipe that could not run to its end, None when there is none."""
    return next((listed.recipe for listed in found if words.error_type(listed.recipe) is not None), None)


def _earliest(times: Iterable[float | None]) -> float | None:
    known = [time for time in times if time is not None]
    return min(known, default=None)


def _latest(times: Sequence[float | None]) -> float | None:
    """Return the latest time, None while one is still to come."""
    known = [time for time in times if time is not None]
    return max(known) if len(known) == len(times) else None
