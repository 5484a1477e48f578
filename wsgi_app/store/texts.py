"""How texts are compared in SQL, with cases told apart and not; and what the values of conditions must be."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, func

from wsgi_app.conditions import Condition, Lookup
from wsgi_app.errors import Invalid

#: characters of a text that is looked for
LONGEST = 10_000
#: values of one `in`
MOST_VALUES = 1000

#: the same, whatever the case
_FOLDED = {
    Lookup.IEXACT: Lookup.EXACT,
    Lookup.ICONTAINS: Lookup.CONTAINS,
    Lookup.ISTARTSWITH: Lookup.STARTSWITH,
    Lookup.IENDSWITH: Lookup.ENDSWITH,
}

TEXT_LOOKUPS = (
    Lookup.EXACT,
    Lookup.CONTAINS,
    Lookup.STARTSWITH,
    Lookup.ENDSWITH,
    *_FOLDED,
    Lookup.REGEX,
    Lookup.IREGEX,
)


def compared(found: ColumnElement[Any], where: Condition, lookup: Lookup) -> ColumnElement[bool]:
    """Return the comparison of a text with that of a condition."""
    if lookup in (Lookup.REGEX, Lookup.IREGEX):
        # Python's may take for ever on a short text, and nothing could stop it within a query
        raise Invalid("regular expressions are not looked for: use contains, startswith, endswith", field=where.field)
    value = text_value(where, where.value)
    plain = _FOLDED.get(lookup)
    if plain is not None:
        # by the database both, so that they agree: `store/sqlite.py` says how
        return _compared(func.lower(found), func.lower(value), len(value.lower()), plain)
    return _compared(found, value, len(value), lookup)


def _compared(found: ColumnElement[Any], value: Any, length: int, lookup: Lookup) -> ColumnElement[bool]:
    if lookup is Lookup.CONTAINS:
        return func.instr(found, value) > 0
    if lookup is Lookup.STARTSWITH:
        return _equal(func.substr(found, 1, length), value)
    if lookup is Lookup.ENDSWITH:
        # of what is shorter, the whole is no end of it
        return _equal(func.substr(found, -length, length), value) if length else found.is_not(None)
    return _equal(found, value)


def _equal(found: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    same: ColumnElement[bool] = found == value
    return same


def text_value(where: Condition, value: Any) -> str:
    """Return a text to look for. Raises `Invalid` for what cannot be stored."""
    if not isinstance(value, str):
        raise Invalid("this is a text", field=where.field)
    if len(value) > LONGEST:
        raise Invalid(f"a text to look for has at most {LONGEST} characters", field=where.field)
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Invalid("half a surrogate pair, or a NUL, is no text", field=where.field)
    return value


def values(where: Condition) -> Sequence[Any]:
    """Return the values of a condition that has several. Raises `Invalid`."""
    if not isinstance(where.value, list | tuple):
        raise Invalid(f"{where.lookup} wants a list", field=where.field)
    if len(where.value) > MOST_VALUES:
        raise Invalid(f"a list of values has at most {MOST_VALUES}", field=where.field)
    return where.value


def flag_value(where: Condition, value: Any) -> bool:
    """Return a value that is true or false. Raises `Invalid` for others."""
    if not isinstance(value, bool):
        raise Invalid("this is true or false", field=where.field)
    return value
