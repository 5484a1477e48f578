"""What the indexer must know of recipes that are not settled."""

from collections.abc import Mapping

from attrs import field, frozen
from sqlalchemy import Connection

from wsgi_app.core import declared
from wsgi_app.model import Declaration, Recipe
from wsgi_app.states import LogState
from wsgi_app.store import logs, recipes


@frozen
class Awaited:
    """A declared log that is not finished yet."""

    declared: Declaration
    #: it was found to be what was declared, and takes no more; to be read once more all the same
    sealed: bool


@frozen
class Unsettled:
    """What the indexer must know of a recipe that is not settled."""

    recipe: int
    #: it was settled before all its logs were indexed
    late: bool
    #: whether all its logs are closed, for at least `quiet_seconds`
    closed: bool
    #: tasks whose logs are, likewise
    closed_tasks: frozenset[int]
    #: tasks whose console log is read while it grows
    live_tasks: frozenset[int]
    #: logs that were indexed, with the size that they had then
    indexed: Mapping[str, int]
    #: those of them that were finished before their owner, as declared: nobody has written them since
    sealed: frozenset[str] = frozenset()
    #: logs that were declared and are not finished
    awaited: Mapping[str, Awaited] = field(factory=dict)


def load(tx: Connection, quiet: float) -> list[Unsettled]:
    """Return what is not settled, or was settled late with logs still to index; closed means: before `quiet`."""
    members = [*recipes.unsettled_recipes(tx), *recipes.late_recipes(tx)]
    known: dict[int, list[logs.Standing]] = {recipe.id: [] for recipe in members}
    for log in logs.telling(tx, known):
        known[log.recipe].append(log)
    return [_unsettled(recipe, known[recipe.id], quiet) for recipe in members]


def _unsettled(recipe: Recipe, known: list[logs.Standing], quiet: float) -> Unsettled:
    indexed = [log for log in known if log.state is not LogState.GROWING]
    return Unsettled(
        recipe.id,
        recipe.late,
        declared.closed(recipe, None, quiet),
        frozenset(task.id for task in recipe.tasks if task.closes is not None and task.closes <= quiet),
        frozenset(task.id for task in recipe.tasks if task.live),
        {log.path: log.size for log in indexed},
        frozenset(log.path for log in indexed if declared.fulfilled(log.declared, log.size, log.sha256)),
        {
            log.path: Awaited(log.declared, declared.fulfilled(log.declared, log.size, log.sha256))
            for log in known
            if log.state is LogState.GROWING and log.declared is not None
        },
    )
