"""The kit of the HTTP protocols: request, routes, plain answers. It knows no protocol and no rule."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar
from urllib.parse import urlencode

from attrs import frozen
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.formparser import FormDataParser
from werkzeug.routing import BaseConverter, Map, Rule
from werkzeug.wrappers import Request as WerkzeugRequest
from werkzeug.wrappers import Response

from wsgi_app import errors
from wsgi_app.core import disk
from wsgi_app.errors import Invalid, TackroomError
from wsgi_app.model import Caller

JSON = "application/json"

#: where the id of a request stands in its environment
REQUEST_ID = "tackroom.request"
FORM = "application/x-www-form-urlencoded"

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

#: error class to the seconds after which trying again may help
RETRY_AFTER: dict[type[TackroomError], int] = {
    errors.Unavailable: 2,
    errors.DiskFull: 10,
    errors.Superseded: 0,
}

#: characters of an error's words
LONGEST_WORDS = 8000

#: a number of so many digits is larger than any bound
_LONG = 19

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WSGIApplication = Callable[[Environ, StartResponse], Iterable[bytes]]
Handler = Callable[..., Response]
Word = TypeVar("Word", bound=StrEnum)


class Request(WerkzeugRequest):
    """A request, and who makes it."""

    # a form is at most a few fields: what is larger is no form of ours
    max_form_memory_size = 1_000_000
    max_form_parts = 100

    def make_form_data_parser(self) -> FormDataParser:
        """Return what reads a form. Raises `RequestEntityTooLarge`: Werkzeug bounds only those in several parts."""
        if (self.content_length or 0) > self.max_form_memory_size:
            raise RequestEntityTooLarge(f"a form has at most {self.max_form_memory_size} bytes")
        # kept, and so read once; each field costs a hundred times its bytes
        if self.mimetype == FORM and self.get_data().count(b"&") >= self.max_form_parts:
            raise RequestEntityTooLarge(f"a form has at most {self.max_form_parts} fields")
        return super().make_form_data_parser()

    @property
    def caller(self) -> Caller:
        """Who makes the call, as far as the wire tells."""
        request = self.environ.get(REQUEST_ID)
        return Caller(self.headers.get("Authorization") or None, self.remote_addr or "", request)

    def text(self, name: str) -> str | None:
        """Return the one value that the query has for a name, None when it has none. Raises `Invalid`."""
        given = self.args.getlist(name)
        if len(given) > 1:
            raise Invalid(f"{name} is given more than once", field=name)
        if given and "\0" in given[0]:
            raise Invalid(f"{name} has a NUL in it", field=name)
        return given[0] if given else None

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number from the query, brought into its bounds. Raises `Invalid`."""
        text = self.text(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit()):
            raise Invalid(f"{name} must be a whole number from 0 on", field=name)
        digits = text.lstrip("0") or "0"
        return max(least, min(int(digits), most)) if len(digits) < _LONG else most

    def flag(self, name: str) -> bool:
        """Return whether the query says `name=1`; `0`, or nothing about it, is no. Raises `Invalid`."""
        text = self.text(name)
        if text not in (None, "0", "1"):
            raise Invalid(f"{name} is 0 or 1", field=name)
        return text == "1"

    def words(self, name: str, kind: type[Word]) -> list[Word]:
        """Return the words that the query has for a name, which may be repeated. Raises `Invalid` for unknown ones."""
        given = self.args.getlist(name)
        known = list(kind)
        if not set(given) <= set(known):
            raise Invalid(f"{name} is one of {', '.join(known)}", field=name)
        return [kind(word) for word in given]


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
    """A WSGI application made of routes; `refuse` turns a typed error or an HTTP exception into a response.

    `converters` are for variables of the rules besides `id` and `rest`.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        refuse: Callable[[Exception], Response],
        converters: Mapping[str, type[BaseConverter]] | None = None,
    ) -> None:
        #: what it answers, in the order of precedence
        self.routes = tuple(routes)
        rules = _compiled(
            tuple((route.rule, tuple(route.methods)) for route in routes), tuple((converters or {}).items())
        )
        # to no host in particular: it is only for the way from URLs to handlers
        self._rules = rules.bind("")
        self._refuse = refuse

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        try:
            place, values = self._rules.match(request.path, request.method)
            response: Response = self.routes[place].handler(request, **values)
        except (TackroomError, HTTPException) as error:
            response = self._refuse(error)
        except OSError as error:
            # else it is the client's connection, and nobody is there to be told
            if error.errno not in disk.TROUBLE:
                raise
            response = self._refuse(disk.typed(error, "the disk"))
        return response(environ, start_response)


@cache
def _compiled(
    rules: tuple[tuple[str, tuple[str, ...]], ...], converters: tuple[tuple[str, type[BaseConverter]], ...]
) -> Map:
    """Return the map of these rules and methods to their places; compiling one takes longer than opening the store."""
    # no redirects: clients take a 3xx to PUT or POST for a failure that passes (harness-beaker.md 0.3)
    return Map(
        [Rule(rule, methods=methods, endpoint=place) for place, (rule, methods) in enumerate(rules)],
        converters={"id": _Id, "rest": _Rest, **dict(converters)},
        strict_slashes=False,
        merge_slashes=False,
        redirect_defaults=False,
    )


def status_of(error: TackroomError, table: Mapping[type[TackroomError], int]) -> int:
    """Return the status that the table gives an error's class or the nearest class above it."""
    for kind in type(error).__mro__:
        if kind in table:
            return table[kind]
    raise LookupError(f"no status for {type(error).__name__}")


def refusal_headers(error: TackroomError) -> dict[str, str]:
    """Return the headers that belong to an error, whatever the protocol: how to come in, when to come back."""
    if isinstance(error, errors.Unauthenticated):
        return {"WWW-Authenticate": CHALLENGE}
    for kind in type(error).__mro__:
        if kind in RETRY_AFTER:
            return {"Retry-After": str(RETRY_AFTER[kind])}
    return {}


def shortened(words: str) -> str:
    """Return an error's words, without the megabytes of the caller's own that they may repeat."""
    return words if len(words) <= LONGEST_WORDS else words[:LONGEST_WORDS] + "..."


def http_refusal(error: HTTPException) -> Response:
    """Say no to what is no call of ours: one line of plain text, with the headers that belong to the status."""
    response = text_response(_words(error), error.code or 500)
    response.headers.extend(http_headers(error))
    return response


def json_refusal(error: Exception, table: Mapping[type[TackroomError], int]) -> Response:
    """Say no: `{"error": {"code", "message", "field"}}`, with the status that the table has for a typed error."""
    if isinstance(error, TackroomError):
        value = {"code": error.code, "message": shortened(error.message), "field": error.field}
        return json_response({"error": value}, status_of(error, table), refusal_headers(error))
    if not isinstance(error, HTTPException):
        raise error
    code = "http." + error.name.lower().replace(" ", "-")
    value = {"code": code, "message": _words(error), "field": None}
    response = json_response({"error": value}, error.code or 500)
    response.headers.extend(http_headers(error))
    return response


def _words(error: HTTPException) -> str:
    """Return what was said of it here, or the status's name: Werkzeug's own words are for people with a browser."""
    said: str | None = vars(error).get("description")
    return said or error.name


def check_type(request: Request, *kinds: str) -> None:
    """Raise `UnsupportedMediaType` unless the body is of one of these media types, and sent as it is.

    JSON is in UTF-8, the only one there is (RFC 8259).
    """
    if request.mimetype not in kinds:
        raise UnsupportedMediaType(f"send {' or '.join(kinds)}")
    if request.mimetype == JSON and request.mimetype_params.get("charset", "utf-8").lower() != "utf-8":
        raise UnsupportedMediaType("send JSON in UTF-8")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("send it as it is, without a Content-Encoding")


def http_headers(error: HTTPException) -> list[tuple[str, str]]:
    """Return an HTTP exception's headers but for those of its body."""
    return [pair for pair in error.get_headers() if pair[0].lower() not in ("content-type", "content-length")]


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON."""
    return Response(json_body(value) + b"\n", status, headers, content_type=JSON)


def json_body(value: object) -> bytes:
    """Return a value as JSON, on one line without its end."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


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
