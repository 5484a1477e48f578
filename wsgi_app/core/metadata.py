"""What submitters note about their jobs: JSON values of a bounded size."""

import json
import math
from collections.abc import Mapping
from typing import Any

from wsgi_app.errors import Invalid

#: characters of all of it as JSON, and how deep it nests
LONGEST = 65_536
DEEPEST = 20
#: whole numbers that databases hold
_LARGEST = 2**63


def check(metadata: Mapping[str, Any]) -> None:
    """Raise `Invalid` unless all of it can be stored and answered."""
    _check(metadata, "metadata", 0)
    if len(json.dumps(metadata)) > LONGEST:
        raise Invalid(f"metadata is at most {LONGEST} characters long, as JSON", field="metadata")


def _check(value: Any, where: str, depth: int) -> None:
    if depth > DEEPEST:
        raise Invalid(f"metadata is at most {DEEPEST} levels deep", field="metadata")
    if isinstance(value, Mapping):
        for key, part in value.items():
            if not isinstance(key, str):
                raise Invalid("keys of metadata are texts", field=where)
            _check_text(key, where)
            _check(part, f"{where}.{key}", depth + 1)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            _check(part, f"{where}[{number}]", depth + 1)
    elif isinstance(value, str):
        _check_text(value, where)
    elif isinstance(value, float) and not math.isfinite(value):
        raise Invalid("this is no JSON number", field=where)
    elif isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        raise Invalid("the number is too large", field=where)
    elif value is not None and not isinstance(value, bool | int | float):
        raise Invalid("this is no JSON value", field=where)


def _check_text(text: str, where: str) -> None:
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise Invalid("half a surrogate pair, or a NUL, is no text", field=where)
