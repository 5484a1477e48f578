"""For those who run it: is it alive, can it work, and what is this."""

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from wsgi_app import __version__
from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.readiness import Report
from wsgi_app.errors import TackroomError
from wsgi_app.protocols import metrics, web
from wsgi_app.protocols.web import Face, Request, Route, WSGIApplication


def make_app(gateway: Gateway, config: Config) -> WSGIApplication:
    """Return the WSGI application of the probes."""

    def root(_request: Request) -> Response:
        places = [f"{config.prefix}{place}" for place in ("jobs/", "systems/", "events")]
        return web.text_response("\n".join([f"Tackroom {__version__}", "", *places]))

    def alive(_request: Request) -> Response:
        return web.text_response("alive")

    def healthy(_request: Request) -> Response:
        # Beaker's words (harness-beaker.md 1.3)
        return web.text_response("We are healthy!")

    def ready(request: Request) -> Response:
        report = gateway.readiness.look()
        status = 200 if report.ready else 503
        if request.accept_mimetypes.best_match(("text/plain", web.JSON), "text/plain") == web.JSON:
            return web.json_response(_value(report), status)
        return web.text_response(_text(report), status)

    def measured(_request: Request) -> Response:
        return Response(metrics.exposition(gateway.census.take()), content_type=metrics.CONTENT_TYPE)

    return Face(
        [
            Route("/", ["GET"], root),
            Route("/livez", ["GET"], alive),
            Route("/readyz", ["GET"], ready),
            Route("/metrics", ["GET"], measured),
            Route("/healthz/", ["GET"], healthy),
        ],
        _refuse,
    )


def _text(report: Report) -> str:
    """Return what was looked at as lines, the reasons against it first."""
    reasons = [f"{check.name}: {check.reason}" for check in report.checks if check.reason is not None]
    notes = [f"note {check.name}: {check.note}" for check in report.checks if check.note is not None]
    return "\n".join([*(reasons or ["ready"]), *notes])


def _value(report: Report) -> object:
    return {
        "ready": report.ready,
        "checks": [{"name": check.name, "ok": check.reason is None, "reason": check.reason} for check in report.checks],
        "notes": [{"name": check.name, "note": check.note} for check in report.checks if check.note is not None],
    }


def _refuse(error: Exception) -> Response:
    """Say no; whatever core cannot do now is a reason not to be ready."""
    if isinstance(error, TackroomError):
        return web.text_response(error.message, 503)
    if not isinstance(error, HTTPException):
        raise error
    return web.http_refusal(error)
