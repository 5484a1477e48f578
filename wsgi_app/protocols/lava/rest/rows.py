"""Lists that are all there, filtered and put in order: devices, types, workers, tags, cases."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from wsgi_app.errors import Invalid
from wsgi_app.protocols.lava.rest.query import Asked
from wsgi_app.protocols.web import Request

Kind = TypeVar("Kind")
#: how a field is read of what is listed
Values = Mapping[str, Callable[[Kind], object]]

_HOLDS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": lambda have, want: have == want,
    "in": lambda have, want: have in want,
    "lt": lambda have, want: have < want,
    "lte": lambda have, want: have <= want,
    "gt": lambda have, want: have > want,
    "gte": lambda have, want: have >= want,
    "iexact": lambda have, want: have.lower() == want.lower(),
    "contains": lambda have, want: want in have,
    "icontains": lambda have, want: want.lower() in have.lower(),
    "startswith": lambda have, want: have.startswith(want),
    "istartswith": lambda have, want: have.lower().startswith(want.lower()),
    "endswith": lambda have, want: have.endswith(want),
    "iendswith": lambda have, want: have.lower().endswith(want.lower()),
}


def holds(asked: Asked, value: object) -> bool:
    """Return whether a field's value is as asked; of several values one is enough, and nothing is as nothing is."""
    if asked.lookup == "isnull":
        return (value is None or value == ()) is bool(asked.value)
    several = value if isinstance(value, tuple) else (value,)
    return any(one is not None and _HOLDS[asked.lookup](one, asked.value) for one in several)


def chosen(found: Iterable[Kind], wanted: Sequence[Asked], values: Values[Kind]) -> list[Kind]:
    """Return what fits all that is asked; `values` reads each field that can be asked for."""
    return [one for one in found if all(holds(asked, values[asked.field](one)) for asked in wanted)]


def ordered(
    request: Request, found: Sequence[Kind], values: Values[Kind], fields: Sequence[str], usual: str
) -> list[Kind]:
    """Return it in the order that the query asks for, by these fields; nothing is less than anything."""
    arranged = list(found)
    for name, down in reversed(order(request, fields, usual)):
        arranged.sort(key=_ranked(values[name]), reverse=down)
    return arranged


def order(request: Request, fields: Sequence[str], usual: str) -> list[tuple[str, bool]]:
    """Return which fields a list is to be ordered by, and whether downwards. Raises `Invalid`."""
    given = (request.text("ordering") or usual).split(",")
    found: dict[str, bool] = {}
    for part in map(str.strip, filter(str.strip, given)):
        # a field that was named before decides nothing any more
        found.setdefault(part.removeprefix("-"), part.startswith("-"))
    for name in found:
        if name not in fields:
            raise Invalid(f"ordering is by {', '.join(fields)}; - before it turns it round", field="ordering")
    return list(found.items())


def _ranked(read: Callable[[Kind], object]) -> Callable[[Kind], tuple[int, Any]]:
    """Return what sorts by a field: nothing first, numbers and texts as they are, else by its JSON."""

    def rank(one: Kind) -> tuple[int, Any]:
        value = read(one)
        if value is None:
            return 0, 0
        return 1, value if isinstance(value, (int, float, str)) else json.dumps(value, default=str)

    return rank
