"""Jobs that are submitted as JSON. Source: design.md section 5."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from cattrs import Converter
from cattrs.errors import BaseValidationError, ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, override

from wsgi_app.documents import notifyjson
from wsgi_app.documents.problems import problems, said
from wsgi_app.errors import BadDocument
from wsgi_app.model import Requires
from wsgi_app.states import Visibility
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet, NewTask

#: up to here every whole number is one as a float, too
_EXACT = 2**53

#: objects and arrays of one document: a job of 20,000 tasks has a fifth of that
MOST_VALUES = 500_000

#: bytes up to which every wrong field is named: cattrs keeps 3 KB for each of them
SMALL = 65536


def parse_job(body: bytes) -> NewJob:
    """Read a job as submitted. Raises `BadDocument`, naming every field that is wrong."""
    value = parse(body)
    if not isinstance(value, dict):
        raise BadDocument("a job is a JSON object")
    try:
        job: NewJob = _converter(detailed=len(body) <= SMALL).structure(value, NewJob)
    except BaseValidationError as error:
        found = list(problems(error))
        message = "; ".join(f"{problem.field}: {problem.message}" for problem in found)
        raise BadDocument(message, field=found[0].field) from None
    except (ForbiddenExtraKeysError, KeyError, ValueError) as error:
        what = f"{error.args[0]} is missing" if isinstance(error, KeyError) else said(error)
        raise BadDocument(f"{what}: send it in a smaller document to be told where") from None
    return job


def parse(body: bytes) -> Any:
    """Read a JSON text. Raises `BadDocument`."""
    try:
        # RFC 8259 section 8.1: UTF-8, and a byte order mark may be passed over
        text = body.decode("utf-8-sig")
        if text.count("{") + text.count("[") > MOST_VALUES:
            # each costs a hundred times its bytes
            raise BadDocument(f"this JSON has more than {MOST_VALUES} objects and arrays")
        return json.loads(
            text, parse_constant=_no_constant, parse_float=_number, parse_int=_integer, object_pairs_hook=_object
        )
    except UnicodeDecodeError as error:
        raise BadDocument(f"this is not JSON in UTF-8, from byte {error.start} on") from None
    except RecursionError:
        raise BadDocument("this JSON is nested too deeply") from None
    except ValueError as error:
        raise BadDocument(f"this is not JSON: {error}") from None


def is_text(value: str) -> bool:
    """Return whether a string that came as JSON can be stored and run: half a surrogate pair and a NUL cannot."""
    return "\0" not in value and _encodable(value)


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _converter(*, detailed: bool) -> Converter:
    converter = Converter(forbid_extra_keys=True, detailed_validation=detailed)
    converter.register_structure_hook(str, lambda value, _: _text(value))
    # named, for it is a str: the hook above would take it, and any word with it
    converter.register_structure_hook(Visibility, lambda value, _: _visibility(value))
    for words in notifyjson.WORDS:
        converter.register_structure_hook(words, notifyjson.word_reader(words, _text))
    converter.register_structure_hook(int, lambda value, _: _whole(value))
    converter.register_structure_hook(bool, lambda value, _: _exactly(bool, value))
    converter.register_structure_hook_func(_is_array, lambda value, kind: _array(converter, value, kind))
    converter.register_structure_hook_func(
        lambda kind: kind == dict[str, str], lambda value, _: _texts(converter, value)
    )
    converter.register_structure_hook_func(notifyjson.is_condition, notifyjson.condition_reader(_text))
    # each before what it is part of; places and warnings are for us to say, and campaigns have a document of their own
    special: dict[type, dict[str, Any]] = {
        Requires: {},
        NewTask: {
            "fetch": override(struct_hook=lambda value, _: _fetch(value)),
            **{name: override(omit=True) for name in ("later", "live")},
        },
        NewRecipe: {"place": override(omit=True)},
        NewRecipeSet: {},
        **{kind: {} for kind in notifyjson.PARTS},
        NewJob: {
            "metadata": override(struct_hook=lambda value, _: _exactly(dict, value)),
            **{name: override(omit=True) for name in ("warnings", "campaign", "secrets", "document", "fitting")},
        },
    }
    for kind, fields in special.items():
        # the converter's forbid_extra_keys is not for hooks that are made outside of it
        read: Any = make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True, **fields)
        converter.register_structure_hook(kind, _of_object(read))
    return converter


def _of_object(read: Callable[[Mapping[str, Any], Any], Any]) -> Callable[[object, Any], Any]:
    # checked first: cattrs says of others what Python says of them
    return lambda value, kind: read(_exactly(dict, value), kind)


def _is_array(kind: Any) -> bool:
    return getattr(kind, "__origin__", None) is tuple


def _array(converter: Converter, value: object, kind: Any) -> tuple[Any, ...]:
    # checked first: cattrs would take a string for its letters
    member: Any = list[kind.__args__[0]]
    return tuple(converter.structure(_exactly(list, value), member))


def _texts(converter: Converter, value: object) -> dict[str, str]:
    # checked first; and another name for the same, or this would be asked again
    kind: Any = Mapping[str, str]
    return dict(converter.structure(_exactly(dict, value), kind))


def _visibility(value: object) -> Visibility:
    text = _text(value)
    if text not in list(Visibility):
        raise ValueError(f"expected {' or '.join(Visibility)}")
    return Visibility(text)


def _fetch(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != {"url"}:
        raise ValueError('fetch reads {"url": "..."}')
    return _text(value["url"])


def _text(value: object) -> str:
    text: str = _exactly(str, value)
    if not is_text(text):
        raise ValueError("half a surrogate pair, or a NUL, is no text")
    return text


def _whole(value: object) -> int:
    if isinstance(value, bool):
        raise ValueError("expected a whole number")
    number: int = _exactly(int, value)
    if abs(number) >= 2**31:
        raise ValueError("the number is too large")
    return number


def _exactly(kind: type, value: object) -> Any:
    if type(value) is not kind:
        names = {str: "a string", int: "a whole number", bool: "true or false", list: "an array", dict: "an object"}
        raise ValueError(f"expected {names[kind]}")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    for name in found:
        # no answer could name it
        if not _encodable(name):
            raise ValueError(f"half a surrogate pair, in {name!r}, is no text")
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise BadDocument(f"{name!r} is there twice in one object", field=name)
        seen.add(name)
    return found


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        # Python's own bound on digits
        raise ValueError("a number is too large") from None


def _number(text: str) -> float | int:
    """Read a number that is not written as a whole one. 5.0 is 5 all the same: JSON has one kind of numbers only."""
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return int(number) if number.is_integer() and abs(number) <= _EXACT else number


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
