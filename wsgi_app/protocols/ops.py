"""For those who run it: is it alive, can it work, and what is this."""

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from wsgi_app import __version__
from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
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

    def ready(_request: Request) -> Response:
        gateway.events.latest()
        return web.text_response("ready")

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


def _refuse(error: Exception) -> Response:
    """Say no; whatever core cannot do now is a reason not to be ready."""
    if isinstance(error, TackroomError):
        return web.text_response(error.message, 503)
    if not isinstance(error, HTTPException):
        raise error
    return web.http_refusal(error)
