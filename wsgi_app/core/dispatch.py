"""What follows when something has come free or fallen due: campaigns go on, then the sets that wait get systems."""

import logging
import time

from wsgi_app.core import assignment
from wsgi_app.core.campaign import course
from wsgi_app.core.change import Change, Ground
from wsgi_app.core.ending import end_recipes
from wsgi_app.errors import Conflict, Invalid, NotFound
from wsgi_app.states import Cause, TaskStatus
from wsgi_app.store import campaigns, recipes

log = logging.getLogger(__name__)

#: campaigns that go on in one transaction; the others do in the next, at the latest at the timer's word
CAMPAIGNS = 10
#: seconds after which no further one does: who calls may be anybody, and has his own call to be answered
LONG_ENOUGH = 1.0

#: a campaign that cannot be gone on with: the lab or its plan are not what they were when it was checked
_BROKEN = (Conflict, NotFound, Invalid, LookupError, TypeError, ValueError)


def dispatch(change: Change, ground: Ground) -> None:
    """Let the campaigns that are due go on, then give sets that wait the systems that are free.

    A campaign that cannot go on fails, and the call of whoever let it go on does not.
    """
    began = time.monotonic()
    for job in campaigns.due_jobs(change.tx, change.now, CAMPAIGNS):
        try:
            with change.part():
                course.advance(change, ground, job)
        except _BROKEN as error:
            log.warning("the campaign of job %d cannot go on", job, exc_info=True)
            _give_up(change, ground, job, f"it is broken: {str(error) or type(error).__name__}")
        if time.monotonic() - began > LONG_ENOUGH:
            break
    assignment.assign(change, ground)


def _give_up(change: Change, ground: Ground, job: int, message: str) -> None:
    course.fail(change, job, message)
    grace = ground.config.grace_seconds
    unfinished = recipes.unfinished_of(change.tx, job)
    end_recipes(
        change,
        unfinished,
        TaskStatus.ABORTED,
        message,
        grace=lambda recipe: 0 if recipe.reserved else grace,
        cause=Cause.LAB,
    )
