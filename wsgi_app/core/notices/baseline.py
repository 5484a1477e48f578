"""What an end is compared with: the newest comparable recipe that was settled before."""

from collections.abc import Collection

from sqlalchemy import Connection

from wsgi_app.notification import Compare
from wsgi_app.states import RecipeStatus
from wsgi_app.store import comparable, jobs
from wsgi_app.store.comparable import Subject


def newest(
    tx: Connection,
    subject: Subject,
    compare: Compare | None,
    *,
    ends: Collection[RecipeStatus],
    later: Collection[int],
    now: float,
) -> tuple[int, RecipeStatus] | None:
    """Return the newest comparable recipe that ended so, and its end; None: there is none.

    Comparable is what the job says is, as far as its owner may see it; else what does the same. `later`: what was not
    settled yet. Raises `Invalid`.
    """
    if compare is not None and compare.base is not None:
        which = comparable.matching(compare.base, jobs.visible_to(subject.owner, admin=False), now)
    else:
        which = comparable.alike(subject)
    return comparable.newest_settled(tx, which, ends=ends, but=subject.recipe, later=later)
