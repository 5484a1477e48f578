"""What follows when something has come free or fallen due: campaigns go on, then the sets that wait get systems."""

from wsgi_app.core import assignment
from wsgi_app.core.campaign import course
from wsgi_app.core.change import Change, Ground
from wsgi_app.store import campaigns

#: campaigns that go on in one transaction; the others do in the next, at the latest at the timer's word
CAMPAIGNS = 10


def dispatch(change: Change, ground: Ground) -> None:
    """Let the campaigns that are due go on, then give sets that wait the systems that are free."""
    for job in campaigns.due_jobs(change.tx, change.now, CAMPAIGNS):
        course.advance(change, ground, job)
    assignment.assign(change, ground)
