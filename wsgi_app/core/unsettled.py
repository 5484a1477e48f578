"""What the indexer must know of recipes that are not settled: all of it when it starts, then what has changed."""

from collections.abc import Collection, Iterable, Mapping

from attrs import frozen
from sqlalchemy import Connection

from wsgi_app.core import declared
from wsgi_app.model import Declaration
from wsgi_app.store import events
from wsgi_app.store import unsettled as store
from wsgi_app.store.unsettled import Ends


@frozen
class Awaited:
    """A declared log that is not finished yet."""

    declared: Declaration
    #: it was found to be what was declared, and takes no more; to be read once more all the same. No event tells of it:
    #: whoever looked knows, and only a process that begins must ask
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
    #: in how many seconds time alone closes more; None: it does not
    closes_in: float | None
    #: tasks whose console log is read while it grows
    live_tasks: frozenset[int]
    #: logs that were declared and are not finished
    awaited: Mapping[str, Awaited]


@frozen
class Survey:
    """What has become of recipes."""

    #: the newest event that it knows of
    newest: int
    #: who was looked at; None: all there are. Those without a state are settled, or gone
    asked: frozenset[int] | None
    states: list[Unsettled]


@frozen
class Indexed:
    """A log that was indexed."""

    path: str
    #: bytes that it had then
    size: int
    #: it was finished before its owner, as declared: nobody has written it since
    sealed: bool


def survey(tx: Connection, quiet: float, after: int | None, also: Collection[int]) -> Survey:
    """Look at what events behind the id `after` tell of, and at some more; None: at all that is not settled.

    Closed means: before `quiet`. It costs what has changed, however much there is.
    """
    newest = events.latest(tx)
    # an id that is still to come was told by another database
    if after is None or after > newest:
        return Survey(newest, None, load(tx, quiet))
    asked = frozenset(also) if after == newest else store.changed(tx, after).union(also)
    return Survey(newest, frozenset(asked), load(tx, quiet, asked) if asked else [])


def load(tx: Connection, quiet: float, numbers: Collection[int] | None = None) -> list[Unsettled]:
    """Return those of the recipes (None: of all) that are not settled, or late with logs still to index."""
    found = store.ends(tx, numbers)
    awaited: dict[int, dict[str, Awaited]] = {ends.recipe: {} for ends in found}
    for log in store.awaited(tx, awaited):
        if log.declared is not None:
            sealed = declared.fulfilled(log.declared, log.size, log.sha256)
            awaited[log.recipe][log.path] = Awaited(log.declared, sealed)
    return [_unsettled(ends, awaited[ends.recipe], quiet) for ends in found]


def indexed(tx: Connection, numbers: Iterable[int]) -> dict[int, list[Indexed]]:
    """Return which logs of these recipes were indexed."""
    found: dict[int, list[Indexed]] = {number: [] for number in numbers}
    for log in store.finished(tx, found):
        sealed = declared.fulfilled(log.declared, log.size, log.sha256)
        found[log.recipe].append(Indexed(log.path, log.size, sealed))
    return found


def _unsettled(ends: Ends, awaited: Mapping[str, Awaited], quiet: float) -> Unsettled:
    moments = [*ends.tasks.values(), *([] if ends.closes is None else [ends.closes])]
    return Unsettled(
        ends.recipe,
        ends.late,
        ends.closes is not None and ends.closes <= quiet,
        frozenset(task for task, closes in ends.tasks.items() if closes <= quiet),
        min((moment - quiet for moment in moments if moment > quiet), default=None),
        ends.live,
        awaited,
    )
