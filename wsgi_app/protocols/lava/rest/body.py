"""What clients send: a JSON object or a form, with the same fields either way."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from wsgi_app.documents import jobjson
from wsgi_app.errors import Invalid
from wsgi_app.protocols import web
from wsgi_app.protocols.web import Request

Word = TypeVar("Word")

_FORMS = (web.FORM, "multipart/form-data")


def fields(request: Request) -> Mapping[str, Any]:
    """Return the fields of the body; nothing sent is no fields. Raises `UnsupportedMediaType`, `Invalid`."""
    if request.mimetype in _FORMS:
        return dict(request.form.items())
    if not request.get_data():
        return {}
    # what says nothing of itself is taken for JSON
    if request.mimetype:
        web.check_type(request, web.JSON, *_FORMS)
    try:
        value = json.loads(request.get_data())
    except (ValueError, RecursionError) as error:
        raise Invalid(f"the body is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise Invalid("a JSON object is expected, or a form")
    return value


def text(given: Mapping[str, Any], name: str) -> str:
    """Return a field that must be there and be text. Raises `Invalid`."""
    if name not in given:
        raise Invalid(f"{name} is missing: send it as JSON or in a form", field=name)
    value = given[name]
    if not isinstance(value, str):
        raise Invalid(f"{name} must be a string", field=name)
    if not jobjson.is_text(value):
        raise Invalid(f"{name} has a NUL or half of a character in it", field=name)
    return value


def word(given: Mapping[str, Any], name: str, known: Mapping[Word, str]) -> Word:
    """Return what a field's word stands for, however it is capitalised. Raises `Invalid`."""
    said = text(given, name).capitalize()
    for value, shown in known.items():
        if shown == said:
            return value
    raise Invalid(f"{name} is one of {', '.join(known.values())}", field=name)


def flag(given: Mapping[str, Any], name: str) -> bool:
    """Return a field that is true or false, which is what it is when it is not there. Raises `Invalid`."""
    value = given.get(name, False)
    # a form has nothing but texts
    if value not in (True, False, "true", "false") or isinstance(value, int) is not isinstance(value, bool):
        raise Invalid(f"{name} is true or false", field=name)
    return value in (True, "true")
