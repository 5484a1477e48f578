"""Logs over HTTP, as far as they come to the application: design.md section 2, the routing table."""

import re

from werkzeug.exceptions import HTTPException, NotAcceptable
from werkzeug.utils import send_file
from werkzeug.wrappers import Response

from wsgi_app.core.gateway import Gateway
from wsgi_app.core.logname import check_name
from wsgi_app.documents import logjson
from wsgi_app.errors import TackroomError, TooLarge
from wsgi_app.model import Declaration, LogAddress
from wsgi_app.protocols import web
from wsgi_app.protocols.harness import wire
from wsgi_app.protocols.harness.upload import WsgiUpload
from wsgi_app.protocols.web import Request

#: what a browser must not show as text; the same list as in apache/parts/logs.conf
_BINARY = re.compile(r".*\.(?:gz|xz|zst|bz2|tar|tgz|zip)|vmcore|core", re.DOTALL)

#: bytes of a declaration
LONGEST_DECLARATION = 4096

#: an uploaded log never becomes a page that runs something
SAFE = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"}


class Logs:
    """Reading, writing and listing of logs at three levels."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def put(
        self, request: Request, recipe: int, name: str, task: int | None = None, result: int | None = None
    ) -> Response:
        """PUT .../logs/NAME: 201 for a new log, 204 for an existing one."""
        check_name(name)
        made = self._gateway.logs.put(request.caller, LogAddress(recipe, task, result, name), WsgiUpload(request))
        return web.text_response("created", 201) if made else web.no_content()

    def declare(
        self, request: Request, recipe: int, name: str, task: int | None = None, result: int | None = None
    ) -> Response:
        """POST .../logs/NAME: what the log is going to be; 201 when that registers it, else 200."""
        address = LogAddress(recipe, task, result, name)
        try:
            check_name(name)
            log, made = self._gateway.logs.declare(request.caller, address, lambda: _declaration(request))
        except (TackroomError, HTTPException) as error:
            # ours, and not Beaker's: its errors are JSON
            return wire.refuse_declaration(error)
        return web.json_response(logjson.log_value(log), 201 if made else 200)

    def get(
        self, request: Request, recipe: int, name: str, task: int | None = None, result: int | None = None
    ) -> Response:
        """GET .../logs/NAME with ranges and validators, as httpd answers it from disk."""
        check_name(name)
        path = self._gateway.logs.file(request.caller, LogAddress(recipe, task, result, name))
        binary = _BINARY.fullmatch(path.name) is not None
        status = path.stat()
        environ = dict(request.environ)
        if not _one_range(request):
            # RFC 9110 section 14.2: a Range that is none of ours is passed over; Werkzeug would say 416
            environ.pop("HTTP_RANGE", None)
        response = send_file(
            path,
            environ,
            mimetype="application/octet-stream" if binary else "text/plain",
            conditional=True,
            # httpd's own form: size and modification time in microseconds
            etag=f"{status.st_size:x}-{status.st_mtime_ns // 1000:x}",
            last_modified=status.st_mtime,
        )
        # as httpd does: asked for anew each time, since it grows, and kept by nobody who serves others
        response.headers["Cache-Control"] = "private, no-cache"
        response.headers.pop("Content-Disposition", None)
        if binary:
            response.headers["Content-Disposition"] = "attachment"
        response.headers.extend(SAFE)
        return response

    def listing(self, request: Request, recipe: int, task: int | None = None, result: int | None = None) -> Response:
        """GET .../logs/: names of one level's logs as HTML or Atom."""
        names = self._gateway.logs.names(request.caller, recipe, task, result)
        base = "" if request.path.endswith("/") else "logs/"
        kinds = ["text/html", "application/atom+xml"]
        wanted = request.accept_mimetypes.best_match(kinds) if request.headers.get("Accept") else kinds[0]
        if wanted is None:
            raise NotAcceptable("a listing is text/html or application/atom+xml")
        if wanted == kinds[0]:
            return Response(wire.html_listing(names, base), content_type="text/html; charset=utf-8", headers=SAFE)
        return Response(wire.atom_listing(names, base), content_type="application/atom+xml", headers=SAFE)


def _declaration(request: Request) -> Declaration:
    """Return what a request declares. Raises `TooLarge`, `UnsupportedMediaType`, `BadDocument`, `Invalid`."""
    if (request.content_length or 0) > LONGEST_DECLARATION:
        raise TooLarge(f"a declaration has at most {LONGEST_DECLARATION} bytes")
    web.check_type(request, web.JSON)
    return logjson.parse_declaration(request.get_data())


def _one_range(request: Request) -> bool:
    """Return whether Range asks for one range of bytes; several in one answer are not worth their code."""
    asked = request.range
    return asked is not None and asked.units == "bytes" and len(asked.ranges) == 1
