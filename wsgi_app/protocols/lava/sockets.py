"""What the application says at the URLs of events by WebSocket: the publisher answers those who ask for one.

Source: readers-lava.md section 9.3.
"""

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from wsgi_app.config import Config
from wsgi_app.core import heartbeat
from wsgi_app.core.gateway import Gateway
from wsgi_app.protocols import web
from wsgi_app.protocols.web import Face, Request, Route, WSGIApplication

#: seconds after which somebody who found no publisher may come again
RETRY_SECONDS = 2
#: it gives a sign of life each second
SILENT_SECONDS = 10.0


def make_app(_gateway: Gateway, config: Config) -> WSGIApplication:
    """Return the WSGI application of what is below ws/."""

    def place(request: Request) -> Response:
        if "websocket" not in request.headers.get("Upgrade", "").lower():
            return web.text_response("events are read by WebSocket here", 426, {"Upgrade": "websocket"})
        # embedded: it could not be handed over
        away = {"Retry-After": str(RETRY_SECONDS)}
        return web.text_response("the publisher does not answer: try again", 503, away)

    def healthy(_request: Request) -> Response:
        beat = heartbeat.last(config.run / heartbeat.PUBLISHER)
        well = beat is not None and beat.age < SILENT_SECONDS
        return web.json_response({"health": "good" if well else "bad"}, 200 if well else 503)

    return Face([Route("/ws/", ["GET"], place), Route("/ws/v1/healthz", ["GET"], healthy)], _refuse)


def _refuse(error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return web.http_refusal(error)
    raise error
