"""Conditions of lists in SQL, and what of them cannot be."""

import math
from collections.abc import Callable, Iterable, Sequence
from enum import Enum, auto
from typing import Any

from attrs import frozen
from sqlalchemy import ColumnElement, and_, exists, func, literal, not_, or_, select

from wsgi_app.conditions import AllOf, AnyOf, Condition, Field, Lookup, Order, Where
from wsgi_app.errors import Invalid
from wsgi_app.store import notes
from wsgi_app.store.schema import job_documents, jobs, recipes, systems
from wsgi_app.store.texts import TEXT_LOOKUPS, compared, flag_value, text_value, values

#: conditions of one list, those in others counted
MOST_CONDITIONS = 200


class _Kind(Enum):
    """What the values of a field are."""

    TEXT = auto()
    NUMBER = auto()
    FLAG = auto()
    TAGS = auto()
    NOTES = auto()


@frozen
class _Column:
    """A field in SQL: what it is, and whether it is of the jobs' table."""

    kind: _Kind
    expression: Callable[[float], ColumnElement[Any]]
    of_job: bool = False


def _peers_placed() -> ColumnElement[Any]:
    other = recipes.alias("other")
    mine = other.c.recipe_set == recipes.c.recipe_set
    return exists(select(other.c.id).where(mine, other.c.id != recipes.c.id, other.c.assigned.is_not(None)))


def _type() -> ColumnElement[Any]:
    named = select(systems.c.type).where(systems.c.name == recipes.c.wanted_system).scalar_subquery()
    return func.coalesce(recipes.c.requires["type"].as_string(), named)


def _document() -> ColumnElement[Any]:
    return select(job_documents.c.text).where(job_documents.c.job == recipes.c.job).scalar_subquery()


def _recipe(name: str, kind: _Kind) -> _Column:
    return _Column(kind, lambda _: recipes.c[name])


def _job(name: str, kind: _Kind) -> _Column:
    return _Column(kind, lambda _: jobs.c[name], of_job=True)


_COLUMNS: dict[Field, _Column] = {
    Field.ID: _recipe("id", _Kind.NUMBER),
    Field.JOB: _recipe("job", _Kind.NUMBER),
    Field.SET: _recipe("recipe_set", _Kind.NUMBER),
    Field.NAME: _job("name", _Kind.TEXT),
    Field.OWNER: _job("owner", _Kind.TEXT),
    Field.SYSTEM: _recipe("system", _Kind.TEXT),
    Field.TYPE: _Column(_Kind.TEXT, lambda _: _type()),
    Field.TAG: _recipe("requires", _Kind.TAGS),
    Field.STATUS: _recipe("status", _Kind.TEXT),
    Field.SETTLED: _recipe("settled", _Kind.FLAG),
    Field.CANCELLING: _recipe("cancelling", _Kind.FLAG),
    Field.PEERS_PLACED: _Column(_Kind.FLAG, lambda _: _peers_placed()),
    Field.RESULT: _recipe("result", _Kind.TEXT),
    Field.CAUSE: _recipe("cause", _Kind.TEXT),
    Field.REASON: _recipe("reason", _Kind.TEXT),
    Field.STARTED: _recipe("started", _Kind.NUMBER),
    Field.FINISHED: _recipe("finished", _Kind.NUMBER),
    Field.DURATION: _Column(
        _Kind.NUMBER, lambda now: func.coalesce(recipes.c.finished, literal(now)) - recipes.c.started
    ),
    Field.VERDICT: _job("verdict", _Kind.TEXT),
    Field.PRIORITY: _job("priority", _Kind.NUMBER),
    Field.SUBMITTED: _job("submitted", _Kind.NUMBER),
    Field.VISIBILITY: _job("visibility", _Kind.TEXT),
    Field.DOCUMENT: _Column(_Kind.TEXT, lambda _: _document()),
    Field.METADATA: _job("metadata", _Kind.NOTES),
}

_LOOKUPS: dict[_Kind, frozenset[Lookup]] = {
    _Kind.TEXT: frozenset({*TEXT_LOOKUPS, Lookup.IN, Lookup.ISNULL}),
    _Kind.TAGS: frozenset({*TEXT_LOOKUPS, Lookup.IN, Lookup.ISNULL}),
    _Kind.NUMBER: frozenset({Lookup.EXACT, Lookup.IN, Lookup.LT, Lookup.LTE, Lookup.GT, Lookup.GTE, Lookup.ISNULL}),
    _Kind.FLAG: frozenset({Lookup.EXACT, Lookup.IN}),
    _Kind.NOTES: frozenset(
        {*TEXT_LOOKUPS, Lookup.IN, Lookup.ISNULL, Lookup.HAS_KEY, Lookup.HAS_KEYS, Lookup.HAS_ANY_KEYS}
    ),
}


def expression(where: Where, now: float) -> ColumnElement[bool]:
    """Return a condition in SQL, over recipes and their jobs. Raises `Invalid`, naming the field."""
    if sum(1 for _ in _leaves(where)) > MOST_CONDITIONS:
        raise Invalid(f"a list has at most {MOST_CONDITIONS} conditions")
    return _expression(where, now)


def about_jobs(where: Iterable[Where], order: Iterable[Order]) -> bool:
    """Return whether the conditions or the order need the table of jobs; all of them are known fields."""
    fields = [*(leaf.field for one in where for leaf in _leaves(one)), *(one.field for one in order)]
    return any(_COLUMNS[Field(name)].of_job for name in fields)


def ordering(order: Sequence[Order], now: float) -> list[ColumnElement[Any]]:
    """Return an order in SQL; the newest first where all else is equal. Raises `Invalid`, naming the field."""
    found: list[ColumnElement[Any]] = []
    for one in order:
        column = _column(one.field)
        if column.kind in (_Kind.TAGS, _Kind.NOTES) or one.field == Field.DOCUMENT:
            raise Invalid("lists are not sorted by that", field=one.field)
        sorted_by = column.expression(now)
        found.append(sorted_by.desc() if one.descending else sorted_by.asc())
        if one.field == Field.ID:
            return found
    return [*found, recipes.c.id.desc()]


def _leaves(where: Where) -> Iterable[Condition]:
    if isinstance(where, Condition):
        yield where
    else:
        for one in where.conditions if isinstance(where, AllOf) else where.options:
            yield from _leaves(one)


def _expression(where: Where, now: float) -> ColumnElement[bool]:
    if isinstance(where, AllOf):
        return and_(literal(True), *(_expression(one, now) for one in where.conditions))
    if isinstance(where, AnyOf):
        return or_(literal(False), *(_expression(one, now) for one in where.options))
    column, lookup = _column(where.field), _lookup(where)
    if lookup not in _LOOKUPS[column.kind]:
        raise Invalid(f"{where.field} cannot be compared by {lookup}", field=where.field)
    if where.path and column.kind is not _Kind.NOTES:
        raise Invalid(f"nothing is below {where.field}", field=where.field)
    if column.kind is _Kind.TAGS:
        return _of_tags(where, lookup)
    if column.kind is _Kind.NOTES:
        return notes.expression(where, lookup)
    return _plain(column, where, lookup, now)


def _plain(column: _Column, where: Condition, lookup: Lookup, now: float) -> ColumnElement[bool]:
    found = column.expression(now)
    if lookup is Lookup.ISNULL:
        return found.is_(None) if flag_value(where, where.value) else found.is_not(None)
    if column.kind is _Kind.TEXT:
        return _text(found, where, lookup)
    decode = flag_value if column.kind is _Kind.FLAG else _number
    if lookup is Lookup.IN:
        return found.in_([decode(where, value) for value in values(where)])
    value = decode(where, where.value)
    if column.kind is _Kind.FLAG:
        return found if value else not_(found)
    return {
        Lookup.EXACT: found == value,
        Lookup.LT: found < value,
        Lookup.LTE: found <= value,
        Lookup.GT: found > value,
        Lookup.GTE: found >= value,
    }[lookup]


def _of_tags(where: Condition, lookup: Lookup) -> ColumnElement[bool]:
    tag = func.json_each(recipes.c.requires["tags"]).table_valued("value", name="tag")
    if lookup is Lookup.ISNULL:
        any_tag = exists(select(tag.c.value))
        return not_(any_tag) if flag_value(where, where.value) else any_tag
    return exists(select(tag.c.value).where(_text(tag.c.value, where, lookup)))


def _text(found: ColumnElement[Any], where: Condition, lookup: Lookup) -> ColumnElement[bool]:
    if lookup is Lookup.IN:
        return found.in_([text_value(where, value) for value in values(where)])
    return compared(found, where, lookup)


def _column(name: str) -> _Column:
    try:
        return _COLUMNS[Field(name)]
    except ValueError:
        raise Invalid(f"there is no field {name!r}", field=name) from None


def _lookup(where: Condition) -> Lookup:
    try:
        return Lookup(where.lookup)
    except ValueError:
        raise Invalid(f"there is no lookup {where.lookup!r}", field=where.field) from None


def _number(where: Condition, value: Any) -> float:
    # larger ones are equal to nothing that is stored
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) >= 2**53 or not math.isfinite(value):
        raise Invalid("this is a number", field=where.field)
    return value
