"""Calls of the machine: one connection that is kept, and a record of who answered what."""

import http.client
import json
import time
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from attrs import define, field, frozen
from lab import Answer, Lab

#: httpd closes connections that are idle for longer
IDLE_SECONDS = 30
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@frozen
class Call:
    """A call that was made, as httpd's access log will have it."""

    port: int
    method: str
    status: int
    #: what `by=` must be, None when that is not known
    by: str | None


@define
class Wire:
    """Calls httpd over one connection."""

    lab: Lab
    #: what was called, for the trace and for the access log
    calls: list[Call] = field(factory=list)
    trace: list[str] = field(factory=list)
    _connection: http.client.HTTPConnection | None = None
    _used: float = 0.0

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        authorization: str | None = None,
        measured: bool = True,
        quiet: bool = False,
    ) -> Answer:
        """Make a call; `path` is not quoted yet, a query may follow. Not `measured`: no length is sent, and no body."""
        if time.monotonic() - self._used > IDLE_SECONDS:
            self.close()
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.lab.port, timeout=60)
            self._connection.connect()
        way, mark, query = path.partition("?")
        self._connection.putrequest(method, quote(way) + mark + query, skip_accept_encoding=True)
        if measured:
            self._connection.putheader("Content-Length", str(len(body)))
        if authorization is not None:
            self._connection.putheader("Authorization", authorization)
        for name, value in (headers or {}).items():
            self._connection.putheader(name, value)
        self._connection.endheaders(body if measured else None)
        port: int = self._connection.sock.getsockname()[1]
        response = self._connection.getresponse()
        answer = Answer(response.status, dict(response.getheaders()), response.read())
        if response.will_close:
            self.close()
        self._used = time.monotonic()
        self.calls.append(Call(port, method, answer.status, _by(method, way, answer.status)))
        if not quiet:
            said = answer.body[:80] if "json" in answer.headers.get("Content-Type", "") else b""
            self.trace.append(f"{method} {path} {dict(headers or {})} {body[:40]!r} -> {answer.status} {said!r}")
        return answer

    def form(self, method: str, path: str, fields: Mapping[str, str], authorization: str | None, **more: str) -> Answer:
        """Send a form."""
        headers = {"Content-Type": FORM, **more}
        return self.call(method, path, urlencode(fields).encode(), headers, authorization=authorization)

    def json(self, method: str, path: str, value: object, authorization: str | None, **more: str) -> Answer:
        """Send a JSON value."""
        body = json.dumps(value).encode()
        return self.call(method, path, body, {"Content-Type": JSON, **more}, authorization=authorization)


def _by(method: str, path: str, status: int) -> str | None:
    """Who must have answered a PUT of a log: the routing table of design.md section 2."""
    if method != "PUT" or "/logs/" not in path:
        return None
    return {201: "proxy-server", 204: "dav-handler", 401: "-", 411: "-", 416: "-"}.get(status)
