"""What of a JSON job says who is told of it, for the converter that reads such jobs. Source: docs/reference/jobs.md."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from wsgi_app.conditions import AllOf, Condition, Field, Lookup, Where
from wsgi_app.notification import (
    BodyForm,
    Callback,
    Compare,
    Criteria,
    Dataset,
    Method,
    Notify,
    Recipient,
    Turn,
    Verbosity,
    When,
)

#: the words of which a field has one
WORDS: tuple[type[StrEnum], ...] = (When, Turn, Verbosity, Method, Dataset, BodyForm)
#: each before what it is part of
PARTS: tuple[type, ...] = (Criteria, Recipient, Callback, Compare, Notify)

#: what others are asked for, each with the field that is compared with it
_ASKED = {
    "name": (Field.NAME, Lookup.EXACT),
    "name_begins": (Field.NAME, Lookup.STARTSWITH),
    "owner": (Field.OWNER, Lookup.EXACT),
    "system": (Field.SYSTEM, Lookup.EXACT),
    "type": (Field.TYPE, Lookup.EXACT),
    "tag": (Field.TAG, Lookup.EXACT),
}
_METADATA = "metadata"
#: keys of metadata that are asked for at a time
_MOST_KEYS = 20


def is_condition(kind: Any) -> bool:
    """Return whether a field holds a condition, or none."""
    return bool(kind == (Where | None))


def condition_reader(text: Callable[[object], str]) -> Callable[[object, Any], Where | None]:
    """Return what reads `{"name": "...", "metadata": {"KEY": "..."}}`, all of which is to be so.

    `text` reads a string.
    """

    def read(value: object, _: Any) -> Where | None:
        if value is None:
            return None
        given = _object(value)
        if not given:
            raise ValueError(f"it asks for one of {', '.join((*_ASKED, _METADATA))}, or several")
        found: list[Where] = []
        for name, wanted in given.items():
            if name == _METADATA:
                notes = _object(wanted)
                if len(notes) > _MOST_KEYS:
                    raise ValueError(f"at most {_MOST_KEYS} keys of the metadata are asked for")
                found += [Condition(Field.METADATA, Lookup.EXACT, text(note), (key,)) for key, note in notes.items()]
            elif name in _ASKED:
                field, lookup = _ASKED[name]
                found.append(Condition(field, lookup, text(wanted)))
            else:
                raise ValueError(f"nothing can be asked about {name!r}")
        return AllOf(tuple(found))

    return read


def word_reader(kind: type[StrEnum], text: Callable[[object], str]) -> Callable[[object, Any], StrEnum]:
    """Return what reads one of the words of `kind`; `text` reads a string."""

    def read(value: object, _: Any) -> StrEnum:
        found = text(value)
        if found not in list(kind):
            raise ValueError(f"expected {' or '.join(kind)}")
        return kind(found)

    return read


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("expected an object")
    return value
