"""The HTTP listener: verbs as paths, forms in bodies, two statuses. Source: jobs-contest.md section 1."""

from collections.abc import Callable, Iterable, Mapping

from werkzeug.wrappers import Response as HTTPResponse

from wsgi_app.protocols import web
from wsgi_app.protocols.contest import wire
from wsgi_app.protocols.contest.api import API
from wsgi_app.protocols.contest.channel import TransportError
from wsgi_app.protocols.contest.form import read_form
from wsgi_app.protocols.contest.responses import Response
from wsgi_app.protocols.web import Environ, Request, StartResponse, WSGIApplication

CONTENT_TYPE = "text/plain; charset=utf-8"

Fields = Mapping[str, bytes]


class BadRequest(Exception):
    """What the client is told with status 400."""


class HTTPListener:
    """Serves the API over HTTP: the path is the verb."""

    def serve(self, api: API) -> WSGIApplication:
        """Return the WSGI application."""

        def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            try:
                body, status = wire.envelope(_answer(api, environ)), 200
            except BadRequest as error:
                body, status = wire.refusal(web.shortened(str(error))), 400
            return HTTPResponse(body, status, content_type=CONTENT_TYPE)(environ, start_response)

        return application


def _answer(api: API, environ: Environ) -> Response:
    if environ["REQUEST_METHOD"] != "POST":
        raise BadRequest("Only POST requests are supported")
    verb = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace").lstrip("/")
    if verb == "version":
        return api.version()
    if verb not in _VERBS:
        raise BadRequest(f"unknown verb: {verb}")
    try:
        return _VERBS[verb](api, Request(environ), read_form(environ))
    except (TransportError, ValueError) as error:
        raise BadRequest(f"{verb.capitalize()} failed: {error}") from error


def _start(api: API, request: Request, fields: Fields) -> Response:
    return api.start(_text(fields, "requestor"), _descriptor(fields), caller=request.caller)


def _validate(api: API, request: Request, fields: Fields) -> Response:
    return api.validate(_text(fields, "requestor"), _descriptor(fields), caller=request.caller)


def _stop(api: API, request: Request, fields: Fields) -> Response:
    job = wire.parse_job_id(_text(fields, "jobID"))
    return api.stop(_text(fields, "requestor"), job, caller=request.caller)


def _status(api: API, request: Request, fields: Fields) -> Response:
    job = wire.parse_job_id(_text(fields, "jobID"))
    return api.status(_text(fields, "requestor"), job, caller=request.caller)


def _retry(api: API, request: Request, fields: Fields) -> Response:
    job = wire.parse_job_id(_text(fields, "jobID"))
    return api.retry(_text(fields, "requestor"), job, caller=request.caller)


def _list(api: API, request: Request, fields: Fields) -> Response:
    states, tags = _words(fields, "states"), _words(fields, "tags")
    return api.list(_text(fields, "requestor"), states=states, tags=tags, caller=request.caller)


_VERBS: dict[str, Callable[[API, Request, Fields], Response]] = {
    "start": _start,
    "stop": _stop,
    "status": _status,
    "retry": _retry,
    "list": _list,
    "validate": _validate,
}


#: all that is answered by more than a refusal
VERBS = ("version", *_VERBS)


def _text(fields: Fields, name: str) -> str:
    # lengths are counted in bytes: what is no UTF-8 keeps its own
    return fields.get(name, b"").decode("utf-8", "surrogateescape")


def _words(fields: Fields, name: str) -> list[str]:
    text = _text(fields, name)
    return text.split(",", wire.MOST_TAGS) if text else []


def _descriptor(fields: Fields) -> bytes:
    descriptor = fields.get("jobDesc", b"")
    if not descriptor:
        raise BadRequest("Missing job description")
    return descriptor
