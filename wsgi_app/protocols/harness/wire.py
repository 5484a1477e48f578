"""The words of Beaker's harness API: forms, scores, listings, refusals. Source: harness-beaker.md section 1."""

import re
from collections.abc import Sequence
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from wsgi_app import errors
from wsgi_app.errors import Invalid, TackroomError
from wsgi_app.protocols import web
from wsgi_app.states import ResultValue, TaskStatus

#: error class to status; a permanent refusal is 4xx (the harness drops it), "come back later" 5xx (it retries)
#: a name that no log may have is refused like one that one may not have: httpd knows no difference
STATUS = {**web.STATUS, errors.BadName: 403}

LARGEST_SCORE = 9_999_999_999
_LEADING_NUMBER = re.compile(r"\s*(-?[0-9]+)(\.[0-9]+)?")

_TASK_STATUS = {status.lower(): status for status in (TaskStatus.RUNNING, TaskStatus.COMPLETED, TaskStatus.ABORTED)}
_RESULT = {
    value.lower(): value
    for value in (ResultValue.PASS, ResultValue.WARN, ResultValue.FAIL, ResultValue.NONE, ResultValue.SKIP)
}


def refuse(error: Exception) -> Response:
    """Say no: one line of plain text."""
    if isinstance(error, TackroomError):
        return web.text_response(web.shortened(error.message), web.status_of(error, STATUS), web.refusal_headers(error))
    if not isinstance(error, HTTPException):
        raise error
    return web.http_refusal(error)


def refuse_declaration(error: Exception) -> Response:
    """Say no to a declaration, which is ours: as JSON."""
    return web.json_refusal(error, STATUS)


def task_status(text: str | None) -> TaskStatus:
    """Read a task status that a harness may set. Raises `Invalid`."""
    if text is None:
        raise Invalid("status is missing", field="status")
    if text.lower() not in _TASK_STATUS:
        raise Invalid("status must be Running, Completed or Aborted", field="status")
    return _TASK_STATUS[text.lower()]


def result_value(text: str | None) -> ResultValue:
    """Read a result. Raises `Invalid`."""
    if text is None:
        raise Invalid("result is missing", field="result")
    if text.lower() not in _RESULT:
        raise Invalid("result must be Pass, Warn, Fail, None or Skip", field="result")
    return _RESULT[text.lower()]


def score(text: str | None) -> int | None:
    """Read a score the way Beaker does: the leading number, rounded; 0 when there is none (1.3)."""
    if text is None:
        return None
    found = _LEADING_NUMBER.match(text)
    if found is None:
        return 0
    whole, fraction = found.groups()
    if len(whole.lstrip("-0")) > 10:
        return LARGEST_SCORE if not whole.startswith("-") else -LARGEST_SCORE
    number = round(float(whole + (fraction or "")))
    return max(-LARGEST_SCORE, min(number, LARGEST_SCORE))


def seconds(text: str | None) -> int:
    """Read a number of seconds. Raises `Invalid`."""
    if text is None:
        raise Invalid("seconds is missing", field="seconds")
    if not re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", text, re.ASCII):
        raise Invalid("seconds must be a whole number", field="seconds")
    return int(text)


def html_listing(names: Sequence[str], base: str) -> str:
    """Return logs as an HTML page; references are relative to the listing's URL, `base` goes before each."""
    items = "".join(f"<li><a href={quoteattr(base + quote(name))}>{escape(name)}</a></li>\n" for name in names)
    return f"<!DOCTYPE html>\n<html><head><title>Logs</title></head><body><ul>\n{items}</ul></body></html>\n"


def atom_listing(names: Sequence[str], base: str) -> str:
    """Return logs as an Atom feed with the same references; without id and updated, as Beaker's (1.3)."""
    entries = "".join(
        f'<entry><link rel="alternate" href={quoteattr(base + quote(name))}/><title>{escape(name)}</title></entry>\n'
        for name in names
    )
    return f'<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n{entries}</feed>\n'
