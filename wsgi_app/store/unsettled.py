"""What the indexer looks up at each change: which recipes have changed, and until when their logs take more."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice

from attrs import frozen
from sqlalchemy import Connection, and_, case, or_, select, text, true

from wsgi_app.model import Declaration
from wsgi_app.states import LogState
from wsgi_app.store.schema import events, logs, recipes, tasks

#: values in one statement
PORTION = 500

#: topics of the events that tell of what is looked up here
TOPICS = ("recipe", "task", "log")
_CHANGED = case(
    (events.c.topic == "recipe", events.c.data["id"].as_integer()), else_=events.c.data["recipe"].as_integer()
)

#: declared and not finished; in the words of the index `ix_logs_awaited`
_AWAITED = text("state = 'growing' AND (declared_size IS NOT NULL OR declared_sha256 IS NOT NULL)")
_UNSETTLED = and_(recipes.c.settled.is_(False), recipes.c.assigned.is_not(None))
#: settled before all their logs were indexed, and some still are not
_LATE = and_(
    recipes.c.late.is_(True),
    select(logs.c.path).where(logs.c.recipe == recipes.c.id, logs.c.state == LogState.GROWING).exists(),
)


@frozen
class Ends:
    """When the logs of a recipe and of its tasks close; a task that is not there has not ended."""

    recipe: int
    #: it is settled already
    late: bool
    closes: float | None
    tasks: Mapping[int, float]
    #: tasks whose console log is read while it grows
    live: frozenset[int]


@frozen
class Told:
    """A log of which more is known than that it grows."""

    recipe: int
    path: str
    state: LogState
    #: bytes, and digest, when it was read
    size: int
    sha256: str | None
    declared: Declaration | None


def changed(tx: Connection, after: int) -> set[int]:
    """Return the recipes of which events behind the id `after` tell."""
    query = select(_CHANGED).where(events.c.id > after, events.c.topic.in_(TOPICS)).distinct()
    return set(tx.execute(query).scalars())


def ends(tx: Connection, numbers: Collection[int] | None = None) -> list[Ends]:
    """Return those of the recipes (None: of all) that are not settled, or late with logs still to index."""
    found: list[Ends] = []
    for some in [None] if numbers is None else portions(numbers):
        which = true() if some is None else recipes.c.id.in_(some)
        rows = [
            row
            for where in (_UNSETTLED, _LATE)
            for row in tx.execute(select(recipes.c.id, recipes.c.late, recipes.c.closes).where(where, which))
        ]
        closes, live = _tasks(tx, [row.id for row in rows])
        found += [
            Ends(row.id, row.late, row.closes, closes.get(row.id, {}), frozenset(live.get(row.id, ()))) for row in rows
        ]
    return found


def awaited(tx: Connection, numbers: Iterable[int]) -> list[Told]:
    """Return the logs of these recipes that were declared and are not finished."""
    return _told(tx, numbers, finished=False)


def finished(tx: Connection, numbers: Iterable[int]) -> list[Told]:
    """Return the logs of these recipes that are finished or damaged."""
    return _told(tx, numbers, finished=True)


def portions(values: Iterable[int]) -> Iterator[list[int]]:
    """Yield the values, as many at a time as a statement may have."""
    waiting = iter(values)
    while some := list(islice(waiting, PORTION)):
        yield some


def _tasks(tx: Connection, numbers: Iterable[int]) -> tuple[dict[int, dict[int, float]], dict[int, set[int]]]:
    """Return when the logs of tasks close that have ended, and which tasks are live, by recipe."""
    closes: dict[int, dict[int, float]] = {}
    live: dict[int, set[int]] = {}
    telling = or_(tasks.c.closes.is_not(None), tasks.c.live.is_(True))
    for some in portions(numbers):
        query = select(tasks.c.id, tasks.c.recipe, tasks.c.closes, tasks.c.live).where(tasks.c.recipe.in_(some))
        for row in tx.execute(query.where(telling)):
            if row.closes is not None:
                closes.setdefault(row.recipe, {})[row.id] = row.closes
            if row.live:
                live.setdefault(row.recipe, set()).add(row.id)
    return closes, live


def _told(tx: Connection, numbers: Iterable[int], *, finished: bool) -> list[Told]:
    where = logs.c.state != LogState.GROWING if finished else _AWAITED
    names = ("recipe", "path", "state", "size", "sha256", "declared_size", "declared_sha256")
    query = select(*(logs.c[name] for name in names)).where(where)
    return [
        Told(recipe, path, LogState(state), size, sha256, _declaration(declared_size, declared_sha256))
        for some in portions(numbers)
        for recipe, path, state, size, sha256, declared_size, declared_sha256 in tx.execute(
            query.where(logs.c.recipe.in_(some))
        )
    ]


def _declaration(size: int | None, sha256: str | None) -> Declaration | None:
    return None if size is None and sha256 is None else Declaration(size, sha256)
