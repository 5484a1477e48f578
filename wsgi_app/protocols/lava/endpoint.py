"""Where XML-RPC calls come in: one URL, with and without a slash, and a page that lists the methods."""

import base64
import binascii
from html import escape

from attrs import frozen
from werkzeug.exceptions import HTTPException, UnsupportedMediaType
from werkzeug.wrappers import Response

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.errors import BadCredentials, TackroomError
from wsgi_app.model import Caller
from wsgi_app.protocols import web
from wsgi_app.protocols.lava import wire
from wsgi_app.protocols.lava.delivery import Landing
from wsgi_app.protocols.rpc import Server, fault_bytes
from wsgi_app.protocols.web import Request

CONTENT_TYPE = "application/xml; charset=utf-8"

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Methods</title></head>
<body><h1>XML-RPC methods</h1><p>POST them to <code>RPC2</code>.</p>
<dl>{methods}</dl></body></html>
"""


@frozen
class Client:
    """Who makes a call: the methods' first parameter."""

    caller: Caller
    #: None: anonymous
    user: str | None
    landing: Landing


class BadAuthorization(Exception):
    """The Authorization header is none that clients of LAVA send."""


class Endpoint:
    """The XML-RPC server's URLs."""

    def __init__(self, gateway: Gateway, config: Config, server: Server) -> None:
        self._gateway = gateway
        self._config = config
        self._server = server

    def post(self, request: Request) -> Response:
        """POST /RPC2: one call."""
        landing = Landing(request.environ, self._config)
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise UnsupportedMediaType("send it as it is, without a Content-Encoding")
        body = request.get_data(cache=False)
        if not body:
            return self.to_help(request)
        try:
            named = _user(request.headers.get("Authorization"))
        except BadAuthorization as error:
            return web.text_response(str(error), 400)
        try:
            user = self._gateway.access.user(request.caller)
            if user != named:
                raise BadCredentials
        except TackroomError as error:
            # not as an HTTP status: a client prints the URL then, and its token with that (readers-lava.md, trap 5)
            return refuse(error)
        answer = self._server.answer(Client(request.caller, user, landing), body)
        return Response(answer, content_type=CONTENT_TYPE)

    def to_help(self, request: Request) -> Response:
        """GET /RPC2, and a POST of nothing: to the page for people."""
        return Response(status=302, headers={"Location": f"{self._config.prefix}api/help/"})

    def help(self, request: Request) -> Response:
        """GET /api/help/: the methods, and what they do."""
        told = "".join(
            f"<dt><code>{escape(name)}</code></dt><dd><pre>{escape(method.help)}</pre></dd>\n"
            for name, method in self._server.methods.items()
        )
        return Response(_PAGE.format(methods=told), content_type="text/html; charset=utf-8")


def refuse(error: Exception) -> Response:
    """Say no: a fault for a typed error, plain text for what is no call at all."""
    if isinstance(error, TackroomError):
        return Response(fault_bytes(wire.fault_of(error)), content_type=CONTENT_TYPE)
    if not isinstance(error, HTTPException):
        raise error
    return web.http_refusal(error)


def _user(authorization: str | None) -> str | None:
    """Return the user that credentials name, None where there are none. Raises `BadAuthorization`."""
    if not authorization:
        return None
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise BadAuthorization("Only Basic authentication is supported: user and token")
    try:
        user, colon, _ = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise BadAuthorization("The credentials are no base64 of text") from None
    if not colon:
        raise BadAuthorization("The credentials are user and token with a colon between them")
    return user
