"""What the steps of a test have left for the later ones: by target, step and name. Source: jobs-contest.md section 8.

A step sets a variable by reporting a result with the path `variable/NAME`, whose message is the value.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

#: the path of a result that sets a variable begins so
PREFIX = "variable/"
IDENTIFIER = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*", re.ASCII)


@frozen
class Said:
    """A result that may set a variable: of the step with that label; None when it came without a message."""

    label: str
    path: str
    message: str | None


@frozen
class Variables:
    """The variables that a target's steps have set so far: any JSON values, by label and name."""

    target: str
    values: Mapping[str, Mapping[str, Any]] = field(factory=dict)

    def text(self, name: str) -> str:
        """Return `label.variable` as text: a string as it is, anything else as JSON. Raises ValueError."""
        value = self._value(name)
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def number(self, name: str) -> int:
        """Return `label.variable` as a whole number. Raises ValueError."""
        value = self._value(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"json: cannot unmarshal {_kind(value)} into Go value of type int")
        return value

    def _value(self, name: str) -> Any:
        label, dot, variable = name.partition(".")
        if not dot or "." in variable:
            raise ValueError(f"not 'label.variable' format of '{name}'")
        for part in (label, variable):
            if not IDENTIFIER.fullmatch(part):
                raise ValueError(f"'{part}' doesn't match variable name format: [a-zA-Z]\\w*")
        if label not in self.values:
            raise ValueError(f"step '{label}' didn't emit any variables yet")
        if variable not in self.values[label]:
            raise ValueError(f"step '{label}' didn't emit variable '{variable}' yet for target '{self.target}'")
        return self.values[label][variable]


def variables_of(target: str, results: Iterable[Said]) -> Variables:
    """Return what results say, in their order: the last word counts. Names that are none are passed over."""
    values: dict[str, dict[str, Any]] = {}
    for said in results:
        name = said.path.removeprefix(PREFIX)
        if said.path.startswith(PREFIX) and IDENTIFIER.fullmatch(name):
            values.setdefault(said.label, {})[name] = _read(said.message or "")
    return Variables(target, values)


def _read(message: str) -> Any:
    """Return the JSON value that a message is, or the message."""
    try:
        value = json.loads(message, parse_constant=_refuse)
        # what cannot be written as UTF-8 could not be used either
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return message
    return value


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _kind(value: Any) -> str:
    """Return what JSON calls a value that is no whole number."""
    if isinstance(value, float):
        return f"number {value!r}"
    for types, kind in ((bool, "bool"), (str, "string"), (list, "array"), (dict, "object")):
        if isinstance(value, types):
            return kind
    return "null"
