"""Pages by `limit` and `offset`, with absolute links to those before and behind. Source: readers-lava.md 8.1."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from attrs import frozen
from werkzeug.wrappers import Response

from wsgi_app.protocols import web
from wsgi_app.protocols.web import Request

#: entries of a page unless the caller says otherwise, and at most
PAGE = 50
LARGEST_PAGE = 1000
#: no list is longer
_FURTHEST = 2**31 - 1


@frozen
class Window:
    """Which part of a list is asked for."""

    offset: int
    limit: int


def window(request: Request) -> Window:
    """Return what `limit` and `offset` say; a limit of 0 is the usual one. Raises `Invalid`."""
    limit = request.number("limit", PAGE, least=0, most=LARGEST_PAGE)
    return Window(request.number("offset", 0, least=0, most=_FURTHEST), limit or PAGE)


def page(request: Request, base: str, asked: Window, count: int, rows: Iterable[Mapping[str, Any]]) -> Response:
    """Answer with `{"count", "next", "previous", "results"}`, row by row as they are made."""
    here = base + quote(request.path.lstrip("/"))
    after = asked.offset + asked.limit
    head = {
        "count": count,
        "next": _link(request, here, after, asked.limit) if after < count else None,
        "previous": _link(request, here, max(0, asked.offset - asked.limit), asked.limit) if asked.offset else None,
    }
    return Response(_text(head, rows), content_type=web.JSON)


def part(request: Request, base: str, found: Sequence[Any], encode: Callable[[Any], Mapping[str, Any]]) -> Response:
    """Answer with a page of a list that is all there."""
    asked = window(request)
    shown = found[asked.offset : asked.offset + asked.limit]
    return page(request, base, asked, len(found), map(encode, shown))


def _text(head: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a page's JSON; a row is asked for when the one before is out, since some are large."""
    yield json.dumps(head)[:-1] + ', "results": ['
    between = ""
    for row in rows:
        yield between + json.dumps(row, ensure_ascii=False)
        between = ",\n"
    yield "]}\n"


def _link(request: Request, here: str, offset: int, limit: int) -> str:
    """Return the absolute URL of another page with the same filters."""
    query = [(name, value) for name, value in request.args.items(multi=True) if name not in ("limit", "offset")]
    query.append(("limit", str(limit)))
    if offset:
        query.append(("offset", str(offset)))
    return f"{here}?{urlencode(query)}"
