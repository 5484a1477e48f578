"""How large logs have become: of very many logs at a time, in a few statements."""

import json
from collections.abc import Collection, Mapping, Sequence

from attrs import frozen
from sqlalchemy import Connection, and_, bindparam, func, or_, select, update

from wsgi_app.states import LogState
from wsgi_app.store.schema import logs, recipes, tasks

#: one value for all of them, as a list of pairs: SQLite looks up no index by a list of rows
_WANTED = func.json_each(bindparam("wanted")).table_valued("value")
_AWAITED = and_(
    logs.c.state == LogState.GROWING, or_(logs.c.declared_size.is_not(None), logs.c.declared_sha256.is_not(None))
)
_KNOWN = select(logs.c.recipe, logs.c.path, logs.c.size, _AWAITED).select_from(
    _WANTED.join(
        logs,
        and_(
            logs.c.recipe == func.json_extract(_WANTED.c.value, "$[0]"),
            logs.c.path == func.json_extract(_WANTED.c.value, "$[1]"),
        ),
    )
)
_SET_SIZE = (
    update(logs)
    .where(logs.c.recipe == bindparam("of_recipe"), logs.c.path == bindparam("of_path"))
    .values(size=bindparam("to"))
)


@frozen
class Known:
    """How large a registered log was."""

    size: int
    #: it was declared, and is not finished
    awaited: bool


def known(tx: Connection, wanted: Collection[tuple[int, str]]) -> dict[tuple[int, str], Known]:
    """Return those of the logs (recipe and path) that are registered."""
    rows = tx.execute(_KNOWN, {"wanted": json.dumps(list(wanted))})
    return {(recipe, path): Known(size, bool(awaited)) for recipe, path, size, awaited in rows}


def set_sizes(tx: Connection, sizes: Mapping[tuple[int, str], int]) -> None:
    """Note how large logs (recipe and path) are."""
    if sizes:
        rows = [{"of_recipe": recipe, "of_path": path, "to": size} for (recipe, path), size in sizes.items()]
        tx.execute(_SET_SIZE, rows)


def jobs_of(tx: Connection, numbers: Collection[int]) -> dict[int, int]:
    """Return the jobs of those of the numbers that are recipes."""
    return dict(tx.execute(select(recipes.c.id, recipes.c.job).where(recipes.c.id.in_(numbers))).all())


def recipes_of(tx: Connection, numbers: Collection[int]) -> dict[int, int]:
    """Return the recipes of those of the numbers that are tasks."""
    return dict(tx.execute(select(tasks.c.id, tasks.c.recipe).where(tasks.c.id.in_(numbers))).all())


def holding(tx: Connection, numbers: Sequence[int], most: int) -> list[int]:
    """Return those of the recipes whose logs come to so many bytes, or more."""
    query = select(logs.c.recipe).where(logs.c.recipe.in_(numbers)).group_by(logs.c.recipe)
    return list(tx.execute(query.having(func.sum(logs.c.size) >= most)).scalars())
