"""What of notifications is stored as JSON: whom a job wants to be told, and what a sender needs to know."""

from functools import cache
from typing import Any

from cattrs import Converter
from cattrs.errors import BaseValidationError

from wsgi_app.conditions import AllOf, AnyOf, Condition, Where
from wsgi_app.errors import Conflict
from wsgi_app.notification import Notify, Order


def notify_value(notify: Notify) -> Any:
    """Return the JSON value of what a job asked for."""
    return _converter().unstructure(notify)


def notify_of(value: Any) -> Notify:
    """Return what a stored value says. Raises `Conflict` when it cannot be read."""
    try:
        return _converter().structure(value, Notify)
    except (BaseValidationError, KeyError, ValueError, TypeError) as error:
        raise Conflict("whom this job notifies cannot be read") from error


def order_value(order: Order) -> Any:
    """Return the JSON value of what a sender needs to know."""
    return _converter().unstructure(order)


def order_of(value: Any) -> Order:
    """Return what a stored value says. Raises `Conflict` when it cannot be read."""
    try:
        return _converter().structure(value, Order)
    except (BaseValidationError, KeyError, ValueError, TypeError) as error:
        raise Conflict("this delivery cannot be read") from error


def where_value(where: Where | None) -> Any:
    """Return the JSON value of a condition: `{"field", "lookup", "value", "path"}`, `{"all": []}`, `{"any": []}`."""
    if where is None:
        return None
    if isinstance(where, AllOf):
        return {"all": [where_value(one) for one in where.conditions]}
    if isinstance(where, AnyOf):
        return {"any": [where_value(one) for one in where.options]}
    value = list(where.value) if isinstance(where.value, tuple) else where.value
    return {"field": str(where.field), "lookup": str(where.lookup), "value": value, "path": list(where.path)}


def where_of(value: Any) -> Where | None:
    """Return the condition of a stored value. Raises `KeyError`, `TypeError`."""
    return None if value is None else _where(value)


def _where(value: Any) -> Where:
    if "all" in value:
        return AllOf(tuple(_where(one) for one in value["all"]))
    if "any" in value:
        return AnyOf(tuple(_where(one) for one in value["any"]))
    return Condition(value["field"], value["lookup"], value["value"], tuple(value["path"]))


@cache
def _converter() -> Converter:
    converter = Converter()
    converter.register_unstructure_hook_func(_is_where, where_value)
    converter.register_structure_hook_func(_is_where, lambda value, _: where_of(value))
    return converter


def _is_where(kind: Any) -> bool:
    # a union of unions is one of all their members
    return bool(kind == (Where | None))
