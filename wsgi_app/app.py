"""The WSGI application: opens the store, builds the gateway, mounts the protocols (one table)."""

import contextlib
import io
import ipaddress
import re
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from werkzeug.exceptions import ClientDisconnected, Forbidden, NotFound, RequestEntityTooLarge
from werkzeug.wsgi import LimitedStream

from wsgi_app.config import Config
from wsgi_app.core import disk
from wsgi_app.core.gateway import Gateway, open_gateway
from wsgi_app.protocols import browser, contest, harness, lava, native, ops, web
from wsgi_app.protocols.lava import rest, sockets
from wsgi_app.protocols.requestid import identified
from wsgi_app.protocols.urlpath import BadPath, canonical
from wsgi_app.protocols.web import Environ, Face, StartResponse, WSGIApplication, http_refusal, text_response

#: which paths a protocol answers; the first row that matches decides
MOUNTS: tuple[tuple[str, Callable[[Gateway, Config], WSGIApplication]], ...] = (
    (r"/(?:livez|readyz|metrics|healthz/?)?", ops.make_app),
    (r"/recipes/[^/]+/(?:results|log-index|key|sync(?:/.*)?)/?", native.make_app),
    (r"/(?:recipes|install_start|install_done|postinstall_done|install_fail)/.*", harness.make_app),
    (r"/contest(?:/.*)?", contest.make_app),
    (r"/RPC2/?|/api/help/?", lava.make_app),
    (r"/ws(?:/.*)?", sockets.make_app),
    (r"/api|/(?:api|results|scheduler)/.*", rest.make_app),
    (r"/(?:jobs|lab|queue|systems|events|tokens|workers|deliveries|users)(?:/.*)?|/openapi\.yaml", native.make_app),
)

#: a client that sends nothing of its body for this long is gone; httpd has the same patience
SILENT_SECONDS = 60

#: whose forms lose their fields when they are too large (ConTest's: jobs-contest.md 1.1), instead of being refused
_FORMS = re.compile(rb"/contest(?:/.*)?", re.DOTALL)
#: bytes of such a form that are read, since a client may look for the answer only then; httpd sees to it that it ends
MOST_DISCARDED = 64 << 20

#: httpd sets this header to the client's address, whatever the client says
CLIENT_HEADER = "HTTP_X_TACKROOM_CLIENT"


class _Whole(LimitedStream):
    """A body of known length. What of it has come says something else than all of it: nobody acts on a part."""

    def on_disconnect(self, error: Exception | None = None) -> None:
        """Raise what broke the connection, or `ClientDisconnected` when it has ended."""
        raise ClientDisconnected if error is None else error


class Application:
    """Everything below one path prefix."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self.gateway = gateway
        self._config = config
        made = {make: make(gateway, config) for _, make in MOUNTS}
        self._outermost = identified(browser.guarded(self._answer), embedded=config.front == "none")
        self._mounts = [(re.compile(pattern, re.DOTALL), made[make]) for pattern, make in MOUNTS]

    @property
    def rules(self) -> list[str]:
        """The URL rules of all protocols, below the prefix, in order of precedence."""
        faces = (face for _, face in self._mounts if isinstance(face, Face))
        return list(dict.fromkeys([*(route.rule for face in faces for route in face.routes), *contest.RULES]))

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        return self._outermost(environ, start_response)

    def _answer(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ["REMOTE_ADDR"] = self._client(environ)
        # embedded mode: behind httpd the socket is httpd's, which times its client itself
        if "gunicorn.socket" in environ:
            environ["gunicorn.socket"].settimeout(SILENT_SECONDS)
        too_large = self._too_large(environ)
        if too_large and self._is_form(environ):
            _drain(environ, sys.maxsize if self._config.front == "apache" else MOST_DISCARDED)
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(), "0"
            start_response = _closing(start_response)
        elif too_large:
            response = http_refusal(RequestEntityTooLarge(f"a body has at most {self._config.max_body} bytes"))
            if self._config.front == "apache":
                # httpd says 502 unless its client's chunks are all taken; it sees to it that they end
                _drain(environ, sys.maxsize)
            # what is still to come is not worth reading
            response.headers["Connection"] = "close"
            return response(environ, start_response)
        try:
            return self._find(environ)(environ, start_response)
        except BadPath as error:
            return text_response("this path is not accepted", error.status)(environ, start_response)
        except OSError as error:
            # where no protocol says it in its own way: a codec, say, is read from disk when it is first used
            if error.errno not in disk.TROUBLE:
                raise
            refusal = disk.typed(error, "the disk")
            status, headers = web.status_of(refusal, web.STATUS), web.refusal_headers(refusal)
            return text_response(refusal.message, status, headers)(environ, start_response)
        finally:
            _drain(environ, self._config.max_body)

    def _too_large(self, environ: Environ) -> bool:
        """Whether the body is larger than it may be; one without a length is read to know, but for a log's."""
        limit = self._config.max_body
        # uploads see to it themselves that all has come
        log = environ["REQUEST_METHOD"] == "PUT" and "/logs/" in environ.get("PATH_INFO", "")
        if environ.get("CONTENT_LENGTH"):
            length = int(environ["CONTENT_LENGTH"])
            if not log:
                environ["wsgi.input"] = _Whole(environ["wsgi.input"], length)
            return length > limit
        if log or not environ.get("wsgi.input_terminated"):
            return False
        body = environ["wsgi.input"].read(limit + 1)
        if len(body) > limit:
            return True
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        return False

    def _is_form(self, environ: Environ) -> bool:
        """Whether the call is for a protocol in which a form that is too large has no fields, and is answered so."""
        try:
            return _FORMS.fullmatch(self._path(environ)) is not None
        except BadPath:
            return False

    def _find(self, environ: Environ) -> WSGIApplication:
        path = self._path(environ)
        environ["PATH_INFO"] = path.decode("latin-1")
        environ["SCRIPT_NAME"] = self._config.prefix.rstrip("/")
        try:
            text = path.decode()
        except UnicodeDecodeError:
            raise BadPath(403 if b"/logs/" in path else 404) from None
        if browser.is_foreign(environ, text, embedded=self._config.front == "none"):
            return http_refusal(Forbidden("a page of another site may not have this done"))
        for pattern, application in self._mounts:
            if pattern.fullmatch(text):
                return application
        return http_refusal(NotFound("there is nothing at this URL"))

    def _path(self, environ: Environ) -> bytes:
        """Return the path below the prefix. Raises `BadPath`."""
        raw = environ.get("RAW_URI")
        given: str = environ.get("PATH_INFO", "")
        path = given.encode("latin-1") if raw is None else canonical(raw)
        path = re.sub(b"//+", b"/", path)
        prefix = self._config.prefix.encode()
        if path + b"/" == prefix:
            return b"/"
        if not path.startswith(prefix):
            raise BadPath(404)
        return b"/" + path[len(prefix) :]

    def _client(self, environ: Environ) -> str:
        """Return the client's address: httpd's word for it, or in embedded mode the socket's."""
        address: str = environ.get(CLIENT_HEADER if self._config.front == "apache" else "REMOTE_ADDR") or ""
        return _plain(address)


@lru_cache(maxsize=4096)
def _plain(address: str) -> str:
    """Return an address as it is written here: IPv4 as IPv4, also when it came by IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


def _closing(start_response: StartResponse) -> StartResponse:
    """Return what begins an answer after which the connection is closed: something may be left unread."""

    def begin(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        return start_response(status, [*headers, ("Connection", "close")], *rest)

    return begin


def _drain(environ: Environ, most: int) -> None:
    """Read what no handler has read: closed with bytes unread, a connection loses our answer, and httpd says 502."""
    # a server that does not end the stream at the body's end closes the connection by itself
    left = most if environ.get("wsgi.input_terminated") else 0
    with contextlib.suppress(OSError, ClientDisconnected):
        while left > 0 and (block := environ["wsgi.input"].read(min(left, 65536))):
            left -= len(block)


def create_app(config: Config) -> Application:
    """Return the application with these settings; its `gateway` is core's door."""
    return Application(open_gateway(config), config)
