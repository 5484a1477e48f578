"""What jobs can be filtered by: LAVA's names for it, and the conditions that they are here. readers-lava.md 8.2."""

import json
from collections.abc import Callable
from typing import Any

from wsgi_app.conditions import AllOf, AnyOf, Condition, Order, Where
from wsgi_app.errors import Invalid
from wsgi_app.protocols.lava import words
from wsgi_app.protocols.lava.rest import query, rows
from wsgi_app.protocols.lava.rest.query import NUMBERS, TEXTS, TIMES, Asked, Field
from wsgi_app.protocols.web import Request

#: nothing is so, and everything
NEVER = AnyOf(())
ALWAYS = AllOf(())

#: LAVA's names for what is stored as it is asked for
_STORED: dict[str, tuple[str, Field]] = {
    "id": ("id", Field(query.whole, NUMBERS)),
    "submitter": ("owner", Field(query.text, TEXTS)),
    "submitter__username": ("owner", Field(query.text, TEXTS)),
    "requested_device_type": ("type", Field(query.text, (*TEXTS, "isnull"))),
    "requested_device_type__name": ("type", Field(query.text, TEXTS)),
    "actual_device": ("system", Field(query.text, (*TEXTS, "isnull"))),
    "actual_device__hostname": ("system", Field(query.text, TEXTS)),
    "tags": ("tag", Field(query.text, ("exact", "in"))),
    "tags__name": ("tag", Field(query.text, ("exact", "in"))),
    "description": ("name", Field(query.text, TEXTS)),
    "definition": ("document", Field(query.text, TEXTS)),
    "original_definition": ("document", Field(query.text, TEXTS)),
    "multinode_definition": ("document", Field(query.text, TEXTS)),
    "failure_comment": ("reason", Field(query.text, (*TEXTS, "isnull"))),
    "submit_time": ("submitted", Field(query.time, TIMES)),
    "start_time": ("started", Field(query.time, TIMES)),
    "end_time": ("finished", Field(query.time, TIMES)),
    "priority": ("priority", Field(query.whole, NUMBERS)),
}
#: what no job here has: groups, and tags of failures
_NOTHING = ("viewing_groups", "viewing_groups__name", "failure_tags", "failure_tags__name")

_FIELDS: dict[str, Field] = {
    **{name: field for name, (_, field) in _STORED.items()},
    **{name: Field(query.text, ("exact", "in", "isnull")) for name in _NOTHING},
    "health_check": Field(query.flag, ("exact",)),
    "state": Field(query.word(*words.JOB_STATES)),
    "health": Field(query.word(*words.JOB_HEALTHS)),
}

_METADATA = "metadata"
#: lookups of what is below a key of the metadata
_BELOW = (*TEXTS, "regex", "iregex", "isnull")
#: lookups of the metadata as a whole, and how their values are read
_WHOLE: dict[str, Callable[[str], Any]] = {
    "contains": lambda text: _object(text),
    "has_key": lambda text: text,
    "has_keys": lambda text: [part.strip() for part in text.split(",")],
    "has_any_keys": lambda text: [part.strip() for part in text.split(",")],
}
_DEEPEST = 16

#: what jobs can be ordered by
_ORDERS = {
    "id": "id",
    "start_time": "started",
    "end_time": "finished",
    "submit_time": "submitted",
    "priority": "priority",
    "description": "name",
}


def conditions(request: Request) -> list[Where]:
    """Return what the query asks of jobs. Raises `Invalid` with the key as field."""
    found = [_condition(one) for one in query.asked(request, _FIELDS)]
    found += [_metadata(request, key) for key in request.args if key.startswith(_METADATA + "__")]
    return found


def order(request: Request) -> list[Order]:
    """Return the order that the query asks for. Raises `Invalid`."""
    return [Order(_ORDERS[name], descending=down) for name, down in rows.order(request, tuple(_ORDERS), "-id")]


def stored_key(error: Invalid, request: Request) -> Invalid:
    """Return an error about a stored field as one about the key that the caller gave."""
    keys = [name for name, (stored, _) in _STORED.items() if stored == error.field]
    given = [key for key in request.args for name in keys if key == name or key.startswith(name + "__")]
    given += [key for key in request.args if key.startswith(_METADATA) and error.field == _METADATA]
    return Invalid(error.message, field=given[0]) if given else error


def _condition(asked: Asked) -> Where:
    if asked.field in _NOTHING:
        return ALWAYS if asked.lookup == "isnull" and asked.value else NEVER
    if asked.field == "health_check":
        return NEVER if asked.value else ALWAYS
    if asked.field in ("state", "health"):
        wanted = asked.value if asked.lookup == "in" else (asked.value,)
        where = words.in_state if asked.field == "state" else words.in_health
        return AnyOf(tuple(where(word) for word in wanted))
    return Condition(_STORED[asked.field][0], asked.lookup, asked.value)


def _metadata(request: Request, key: str) -> Condition:
    """Return what a key `metadata__KEY[__NESTED][__lookup]` asks. Raises `Invalid`."""
    text = request.text(key) or ""
    path = key.split("__")[1:]
    try:
        if len(path) == 1 and path[0] in _WHOLE:
            return Condition(_METADATA, path[0], _WHOLE[path[0]](query.text(text)))
        lookup = path.pop() if len(path) > 1 and path[-1] in _BELOW else "exact"
        if not all(path) or len(path) > _DEEPEST:
            raise ValueError(f"metadata__KEY names 1 to {_DEEPEST} keys with __ between them")
        return Condition(_METADATA, lookup, query.value(Field(query.text, _BELOW), lookup, text), tuple(path))
    except ValueError as error:
        raise Invalid(str(error), field=key) from None


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("this is no JSON") from None
    if not isinstance(value, dict):
        raise ValueError("a JSON object is expected")
    return value
