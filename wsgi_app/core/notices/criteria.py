"""Which transitions somebody is told of. Source: readers-lava.md section 10.2."""

from collections.abc import Mapping
from typing import Any

from wsgi_app.notification import Criteria, Moment, Turn, When
from wsgi_app.states import FINISHED_RECIPE, RecipeStatus

#: the ends of which each word tells; those that have none tell of the beginning only
ENDS: dict[When, tuple[RecipeStatus, ...]] = {
    When.ALL: FINISHED_RECIPE,
    When.RUNNING: (),
    When.FINISHED: FINISHED_RECIPE,
    When.COMPLETED: (RecipeStatus.COMPLETED,),
    When.ABORTED: (RecipeStatus.ABORTED,),
    When.CANCELLED: (RecipeStatus.CANCELLED,),
}
#: the end before, and the one now
_TURNS = {
    Turn.REGRESSION: (RecipeStatus.COMPLETED, RecipeStatus.ABORTED),
    Turn.PROGRESSION: (RecipeStatus.ABORTED, RecipeStatus.COMPLETED),
}
#: ends that say something about what was run
JUDGED = (RecipeStatus.COMPLETED, RecipeStatus.ABORTED)


def moment(data: Mapping[str, Any]) -> Moment | None:
    """Return the transition that the data of a recipe's event may tell of; the same one may be told again."""
    if data["settled"]:
        return Moment.FINISHED
    return Moment.RUNNING if data["status"] == RecipeStatus.RUNNING else None


def met(criteria: Criteria, at: Moment, status: RecipeStatus) -> bool:
    """Return whether a transition to this status is one of those; of turns and of others nothing is known here."""
    if at is Moment.RUNNING:
        return criteria.status in (When.ALL, When.RUNNING)
    return status in ENDS[criteria.status]


def turned(turn: Turn, before: RecipeStatus | None, now: RecipeStatus) -> bool:
    """Return whether one end after the other is such a turn; None: there is none before."""
    return (before, now) == _TURNS[turn]
