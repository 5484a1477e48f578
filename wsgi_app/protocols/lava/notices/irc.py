"""The one sentence that is said on IRC. Source: readers-lava.md section 10.2."""

from wsgi_app.core.dossiers import Dossier
from wsgi_app.notification import Moment
from wsgi_app.protocols.lava import words
from wsgi_app.protocols.lava.measures import moment
from wsgi_app.protocols.lava.notices import facts


def sentence(dossier: Dossier, at: Moment, public_url: str) -> str:
    """Return what is said of a job."""
    job, ended = dossier.listed.job, facts.finished(dossier, at)
    end = "" if ended is None else f" at {moment(ended)}"
    state, health = facts.state(dossier, at), facts.health(dossier, at)
    said = f"job {words.number(dossier.listed)} is in state {state} with health {health}{end}"
    return f"{said}, submitted by {job.owner}: {facts.link(public_url, dossier)}"
