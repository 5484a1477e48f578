"""Whether all others that a job names have come as far: one message when a whole batch is done."""

from collections.abc import Collection

from sqlalchemy import Connection

from wsgi_app.core.notices.criteria import ENDS
from wsgi_app.notification import Criteria, When
from wsgi_app.states import FINISHED_RECIPE
from wsgi_app.store import comparable, jobs
from wsgi_app.store.comparable import Subject


def all_there(
    tx: Connection, subject: Subject, criteria: Criteria, *, time: float, later: Collection[int], now: float
) -> bool:
    """Return whether all others have come as far (and ended so), of those that the job's owner may see.

    `time`: of the transition; `later`: what was not settled then. Who never began and never will does not keep others
    from being told that they run. Raises `Invalid`.
    """
    if criteria.others is None:
        return True
    which = comparable.matching(criteria.others, jobs.visible_to(subject.owner, admin=False), now)
    running = criteria.status is When.RUNNING
    return not comparable.any_behind(
        tx,
        which,
        started=time if running else None,
        ends=FINISHED_RECIPE if running else ENDS[criteria.status],
        but=subject.recipe,
        later=later,
    )
