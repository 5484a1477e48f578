"""The kit of the HTTP protocols: request, routes, plain answers. It knows no protocol and no rule."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from attrs import frozen
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter, Map, Rule
from werkzeug.wrappers import Request as WerkzeugRequest
from werkzeug.wrappers import Response

from wsgi_app import errors
from wsgi_app.errors import Invalid, TackroomError
from wsgi_app.model import Caller

#: one realm for both planes: clients keep credentials by realm (harness-beaker.md 0.15)
CHALLENGE = 'Basic realm="tackroom"'

#: error class to status; a permanent refusal is 4xx (harnesses drop it), "come back later" 5xx (they try again)
STATUS: dict[type[TackroomError], int] = {
    errors.Invalid: 400,
    errors.Unauthenticated: 401,
    errors.Denied: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.LengthMissing: 411,
    errors.TooLarge: 413,
    errors.BeyondLimit: 416,
    errors.Unavailable: 503,
    errors.DiskFull: 507,
}

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WSGIApplication = Callable[[Environ, StartResponse], Iterable[bytes]]
Handler = Callable[..., Response]


class Request(WerkzeugRequest):
    """A request, and who makes it."""

    # a form is at most a few fields: what is larger is no form of ours
    max_form_memory_size = 1_000_000
    max_form_parts = 100

    @property
    def caller(self) -> Caller:
        """Who makes the call, as far as the wire tells."""
        return Caller(self.headers.get("Authorization") or None, self.remote_addr or "")

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number from the query, brought into its bounds. Raises `Invalid`."""
        text = self.args.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise Invalid(f"{name} must be a whole number", field=name)
        return max(least, min(int(text), most))

    def flag(self, name: str) -> bool:
        """Return whether the query says `name=1`; `0`, or nothing about it, is no. Raises `Invalid`."""
        text = self.args.get(name, "0")
        if text not in ("0", "1"):
            raise Invalid(f"{name} is 0 or 1", field=name)
        return text == "1"


class _Id(BaseConverter):
    """An id: no leading zero, at most ten digits, as in apache/parts/logs.conf."""

    regex = "[1-9][0-9]{0,9}"

    def to_python(self, value: str) -> int:
        return int(value)


class _Rest(BaseConverter):
    """The rest of the path, whatever it holds, line ends included."""

    regex = "(?s:.+)"
    part_isolating = False
    weight = 200


@frozen
class Route:
    """A URL rule, its methods, and who handles it."""

    rule: str
    methods: Sequence[str]
    handler: Handler


class Face:
    """A WSGI application made of routes; `refuse` turns a typed error or an HTTP exception into a response."""

    def __init__(self, routes: Sequence[Route], refuse: Callable[[Exception], Response]) -> None:
        #: what it answers, in the order of precedence
        self.routes = tuple(routes)
        # no redirects: clients take a 3xx to PUT or POST for a failure that passes (harness-beaker.md 0.3)
        self._map = Map(
            [Rule(route.rule, methods=route.methods, endpoint=route.handler) for route in routes],
            converters={"id": _Id, "rest": _Rest},
            strict_slashes=False,
            merge_slashes=False,
            redirect_defaults=False,
        )
        self._refuse = refuse

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        try:
            handler, values = self._map.bind_to_environ(environ).match()
            response: Response = handler(request, **values)
        except (TackroomError, HTTPException) as error:
            response = self._refuse(error)
        return response(environ, start_response)


def status_of(error: TackroomError, table: Mapping[type[TackroomError], int]) -> int:
    """Return the status that the table gives an error's class or the nearest class above it."""
    for kind in type(error).__mro__:
        if kind in table:
            return table[kind]
    raise LookupError(f"no status for {type(error).__name__}")


def http_refusal(error: HTTPException) -> Response:
    """Say no to what is no call of ours: one line of plain text, with the headers that belong to the status."""
    response = text_response(error.description or error.name, error.code or 500)
    response.headers.extend(http_headers(error))
    return response


def http_headers(error: HTTPException) -> list[tuple[str, str]]:
    """Return an HTTP exception's headers but for those of its body."""
    return [pair for pair in error.get_headers() if pair[0].lower() not in ("content-type", "content-length")]


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
    return Response(body, status, headers, content_type="application/json")


def text_response(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with a line of plain text."""
    return Response(text + "\n", status, headers, content_type="text/plain; charset=utf-8")


def no_content() -> Response:
    """Answer 204: done, nothing to say."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


def next_page(request: Request, after: str | int | None) -> str | None:
    """Return a relative reference to the page behind `after` with the same filters, None when this is the last."""
    if after is None:
        return None
    query = [(name, value) for name, value in request.args.items(multi=True) if name != "after"]
    return "?" + urlencode([*query, ("after", after)])
