"""What a query filters by: `field`, `field__lookup`, relations with `__`. Source: readers-lava.md 8.1 and 8.2.

Keys that name nothing known are ignored, as upstream does; a value that does not fit its field is refused by name.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from wsgi_app.errors import Invalid
from wsgi_app.protocols.web import Request

TEXTS = ("exact", "iexact", "in", "contains", "icontains", "startswith", "istartswith", "endswith", "iendswith")
NUMBERS = ("exact", "in", "lt", "lte", "gt", "gte")
TIMES = ("exact", "lt", "lte", "gt", "gte", "isnull")
WORDS = ("exact", "in")

#: characters of a value, and values of a list
_LONGEST = 1000
_MOST = 1000
_LARGEST = 2**63 - 1

_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
#: a `+` that was not encoded is a space when it gets here
_ZONE = re.compile(r"(:\d\d(?:\.\d+)?) (\d\d:?\d\d)$", re.ASCII)


@frozen
class Field:
    """What a field can be asked for: how a value is read (`ValueError` says why not), and its lookups."""

    read: Callable[[str], Any]
    lookups: Sequence[str] = WORDS


@frozen
class Asked:
    """One condition of a query, decoded: `field` as it stands in the table, `key` as the caller wrote it."""

    key: str
    field: str
    lookup: str
    value: Any


def asked(request: Request, fields: Mapping[str, Field]) -> list[Asked]:
    """Return what the query asks of these fields. Raises `Invalid` with the key as field."""
    return list(_asked(request, fields))


def _asked(request: Request, fields: Mapping[str, Field]) -> Iterator[Asked]:
    for key in request.args:
        found = _named(key, fields)
        if found is None:
            continue
        field, lookup = found
        if key.endswith("!"):
            raise Invalid("there is no filter for what is not so: filter for what is", field=key)
        try:
            yield Asked(key, field, lookup, value(fields[field], lookup, request.text(key) or ""))
        except ValueError as error:
            raise Invalid(str(error), field=key) from None


def _named(key: str, fields: Mapping[str, Field]) -> tuple[str, str] | None:
    """Return which field and lookup a key is about, None when there is none such."""
    name = key.removesuffix("!")
    if name in fields:
        return name, "exact" if "exact" in fields[name].lookups else fields[name].lookups[0]
    field, _, lookup = name.rpartition("__")
    return (field, lookup) if field in fields and lookup in fields[field].lookups else None


def value(field: Field, lookup: str, text: str) -> Any:
    """Read what a field is compared with. Raises `ValueError`."""
    if lookup == "isnull":
        return flag(text)
    if lookup == "in":
        parts = text.split(",")
        if len(parts) > _MOST:
            raise ValueError(f"at most {_MOST} values can be asked for at a time")
        return tuple(field.read(part.strip()) for part in parts)
    return field.read(text)


def text(given: str) -> str:
    """Read a text. Raises `ValueError`."""
    if len(given) > _LONGEST:
        raise ValueError(f"a filter has at most {_LONGEST} characters")
    return given


def whole(given: str) -> int:
    """Read a whole number. Raises `ValueError`."""
    if not _WHOLE.fullmatch(given):
        raise ValueError(f"{given[:80]!r} is no whole number")
    return max(-_LARGEST, min(int(given), _LARGEST))


def decimal(given: str) -> float:
    """Read a number. Raises `ValueError`."""
    try:
        number = float(given)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{given[:80]!r} is no number")
    return number


def flag(given: str) -> bool:
    """Read a yes or no. Raises `ValueError`."""
    try:
        return _FLAGS[given.lower()]
    except KeyError:
        raise ValueError(f"{given[:80]!r} is neither true nor false") from None


def time(given: str) -> float:
    """Read an ISO 8601 time, in UTC where it does not say; seconds since the epoch. Raises `ValueError`."""
    try:
        moment = datetime.fromisoformat(_ZONE.sub(r"\1+\2", given))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f"{given[:80]!r} is no time such as 2026-11-22T08:00:00Z") from None


def word(*known: str) -> Callable[[str], str]:
    """Return what reads one of these words, however it is capitalised."""
    by_lower = {one.lower(): one for one in known}

    def read(given: str) -> str:
        try:
            return by_lower[given.lower()]
        except KeyError:
            raise ValueError(f"{given[:80]!r} is not one of {', '.join(known)}") from None

    return read
