"""Conditions on what submitters noted of their jobs (metadata), in SQL.

Keys are compared by `json_each`, which unescapes them: the paths of the SQLite that we meet do not.
"""

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, case, cast, exists, func, literal, not_, or_, select

from wsgi_app.conditions import Condition, Lookup
from wsgi_app.errors import Invalid
from wsgi_app.store.schema import jobs
from wsgi_app.store.texts import compared, flag_value, text_value, values

#: keys behind one another
DEEPEST = 20
#: keys and values of an object that is looked for
MOST_PARTS = 100

#: a row of json_each
_Node = Any
_Check = Callable[[_Node], ColumnElement[bool]]


def expression(where: Condition, lookup: Lookup) -> ColumnElement[bool]:
    """Return a condition on metadata. Raises `Invalid`, naming the field."""
    if lookup is Lookup.HAS_KEY:
        return _has(where, where.value)
    if lookup is Lookup.HAS_KEYS:
        return and_(literal(True), *(_has(where, key) for key in values(where)))
    if lookup is Lookup.HAS_ANY_KEYS:
        return or_(literal(False), *(_has(where, key) for key in values(where)))
    if lookup is Lookup.CONTAINS and isinstance(where.value, dict):
        return _contains(where)
    if not where.path:
        raise Invalid("which key of the metadata?", field=where.field)
    if lookup is Lookup.ISNULL:
        given = _at(where, where.path, lambda node: node.c.type != "null")
        return not_(given) if flag_value(where, where.value) else given
    if lookup is Lookup.IN:
        wanted = [text_value(where, value) for value in values(where)]
        return _at(where, where.path, lambda node: _text(node).in_(wanted))
    return _at(where, where.path, lambda node: compared(_text(node), where, lookup))


def _has(where: Condition, key: object) -> ColumnElement[bool]:
    return _at(where, (*where.path, key), lambda _: literal(True))


def _contains(where: Condition) -> ColumnElement[bool]:
    """All of an object is there, whatever else is; an array and its order are looked for as a whole: not at all."""
    found = [_at(where, path, _equal(where, value)) for path, value in _parts(where, where.path, where.value)]
    if len(found) > MOST_PARTS:
        raise Invalid(f"an object to look for has at most {MOST_PARTS} values", field=where.field)
    if not where.path:
        return and_(literal(True), *found)
    return and_(_at(where, where.path, lambda node: node.c.type == "object"), *found)


def _parts(where: Condition, path: tuple[str, ...], value: dict[str, Any]) -> Iterable[tuple[tuple[str, ...], Any]]:
    for key, part in value.items():
        if isinstance(part, dict) and part and len(path) < DEEPEST:
            yield from _parts(where, (*path, key), part)
        else:
            yield (*path, key), part


def _equal(where: Condition, value: Any) -> _Check:
    if isinstance(value, dict):
        return lambda node: node.c.type == "object"
    if value is None:
        return lambda node: node.c.type == "null"
    if isinstance(value, bool):
        return lambda node: node.c.type == ("true" if value else "false")
    if isinstance(value, int | float):
        number = float(value)
        return lambda node: and_(node.c.type.in_(("integer", "real")), node.c.atom == number)
    if isinstance(value, str):
        text = text_value(where, value)
        return lambda node: and_(node.c.type == "text", node.c.atom == text)
    raise Invalid("an array cannot be looked for", field=where.field)


def _at(where: Condition, path: tuple[object, ...], check: _Check) -> ColumnElement[bool]:
    """Return whether the path leads to something of which that is true."""
    if len(path) > DEEPEST:
        raise Invalid(f"a path has at most {DEEPEST} keys", field=where.field)
    source: ColumnElement[Any] = jobs.c.metadata
    steps: list[ColumnElement[bool]] = []
    nodes: Any = None
    node: _Node = None
    for depth, key in enumerate(path):
        node = func.json_each(source).table_valued("key", "value", "type", "atom", name=f"node{depth}")
        nodes = node if nodes is None else nodes.join(node, literal(True))
        steps.append(node.c.key == text_value(where, key))
        # of what is no object nothing is read: a text is no JSON
        source = case((node.c.type == "object", node.c.value), else_="{}")
    return exists(select(literal(1)).select_from(nodes).where(*steps, check(node)))


def _text(node: _Node) -> ColumnElement[Any]:
    """What stands there, as text: of numbers, true and false their JSON; of null, objects and arrays nothing."""
    return case(
        (node.c.type == "text", node.c.atom),
        (node.c.type.in_(("true", "false")), node.c.type),
        (node.c.type.in_(("integer", "real")), cast(node.c.atom, Text)),
    )
