"""A job as the API shows it: the fields of readers-lava.md 8.2, and what LAVA has not (verdict, error_type)."""

from wsgi_app.clock import rfc3339
from wsgi_app.core.selection import Submitted
from wsgi_app.protocols.lava import wire, words


def job_row(submitted: Submitted, asked: str = "") -> dict[str, object]:
    """Return the fields of one recipe, or of several together, which have the id that was asked for."""
    found, text = submitted.selection, submitted.document.text
    job, failed = found.job, words.failed(found)
    several = len(found.parts) > 1 or any(listed.size > 1 for listed in found.parts)
    return {
        "id": words.called(found, asked),
        "submitter": job.owner,
        "viewing_groups": [],
        "description": job.name,
        "health_check": False,
        "requested_device_type": words.common(listed.type for listed in found.parts),
        "tags": wire.tags(found),
        "actual_device": words.common(wire.device(listed) for listed in found.parts),
        "submit_time": rfc3339(job.submitted),
        "start_time": rfc3339(wire.begun(found)),
        "end_time": rfc3339(wire.ended(found)),
        "state": words.state(found),
        "health": words.health(found),
        "priority": job.priority,
        "definition": text,
        "original_definition": text,
        "multinode_definition": text if several else "",
        "metadata": job.metadata,
        "failure_tags": [],
        "failure_comment": next((listed.recipe.reason for listed in found.parts if listed.recipe.reason), None),
        "visibility": words.visibility(job),
        "error_type": None if failed is None else words.error_type(failed),
        "error_msg": None if failed is None else words.error_message(failed),
        "verdict": found.verdict,
    }
