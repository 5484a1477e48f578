"""JSON texts of descriptors, and what is refused before anybody looks at what they say."""

import json
import math
import re
from typing import Any, Never

from wsgi_app.core.excerpt import short
from wsgi_app.documents.descriptor.limits import DEEPEST, Budget
from wsgi_app.documents.descriptor.wording import quoted
from wsgi_app.errors import BadDescriptor

#: what stands for NUL or half of a surrogate pair, if it stands in a string: whole pairs look like that, too
_ODD_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_MARKS = "[{,:"
_END = "unexpected end of JSON input"


class Number(str):
    """A number, as it is written."""

    __slots__ = ()


def parse(text: str | bytes, budget: Budget) -> Any:
    """Return what a JSON text holds, with each number as a `Number`. Raises `BadDescriptor`."""
    letters = _letters(text, budget)
    budget.spend(marks=sum(letters.count(mark) for mark in _MARKS))
    try:
        value = json.loads(
            letters,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_no_number,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        raise _wrong(error) from None
    except RecursionError:
        raise _too_deep() from None
    _look_at(value, texts=_ODD_ESCAPE.search(letters) is not None)
    return value


def text_of(value: Any) -> str:
    """Return the JSON text of a value, without blanks between its parts, numbers as they were written."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quote(name)}:{text_of(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(text_of, value)) + "]"
    return _quote(value)


def plain(value: Any) -> Any:
    """Return a value with its numbers as Python's. Raises `BadDescriptor` for those that are out of range."""
    if isinstance(value, Number):
        return _plain_number(value)
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


def _letters(text: str | bytes, budget: Budget) -> str:
    # a letter has a byte at least: what is too long is not looked at
    budget.spend(size=len(text))
    try:
        if isinstance(text, bytes):
            return text.decode()
        budget.spend(size=len(text.encode()) - len(text))
    except UnicodeDecodeError as error:
        raise BadDescriptor(f"the job descriptor is not in UTF-8, from byte {error.start} on") from None
    except UnicodeEncodeError as error:
        raise BadDescriptor(f"half a surrogate pair is no text: at letter {error.start}") from None
    return text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise BadDescriptor(f"{quoted(name)} is there twice in one object", field=short(name))
            seen.add(name)
    return found


def _look_at(value: Any, *, texts: bool) -> None:
    """Refuse what is too deep, and if `texts`, what no text can have."""
    level, depth = [value], 0
    while level:
        if depth == DEEPEST and any(type(one) in (dict, list) for one in level):
            raise _too_deep()
        depth += 1
        below: list[Any] = []
        for one in level:
            if type(one) is dict:
                below += one.values()
                if texts:
                    below += one
            elif type(one) is list:
                below += one
            elif texts and type(one) is str:
                _check_text(one)
        level = below


def _check_text(text: str) -> None:
    if "\0" in text:
        raise BadDescriptor("a NUL cannot be in a text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadDescriptor("half a surrogate pair is no text") from None


def _wrong(error: json.JSONDecodeError) -> BadDescriptor:
    if error.msg.startswith("Unterminated string") or error.pos >= len(error.doc.rstrip(" \t\r\n")):
        return BadDescriptor(_END)
    what = error.msg[0].lower() + error.msg[1:].removesuffix(" at")
    letter = error.doc[error.pos]
    return BadDescriptor(f"invalid character {letter!r} (line {error.lineno}, column {error.colno}): {what}")


def _too_deep() -> BadDescriptor:
    return BadDescriptor(f"more than {DEEPEST} arrays and objects are inside one another")


def _no_number(name: str) -> Never:
    raise BadDescriptor(f"{name} is no JSON number")


def _plain_number(number: Number) -> int | float:
    # the longest that anybody means has 20 digits
    if len(number) <= 20 and number.lstrip("-").isdigit():
        return int(number)
    found = float(number)
    if math.isinf(found) or number.lstrip("-").isdigit():
        raise BadDescriptor(f"the number {short(number)} is out of range")
    return found


def _quote(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
