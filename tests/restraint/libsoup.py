"""How libsoup 2.4, restraint's HTTP library, goes about requests: harness-beaker.md 2.4 and 2.8."""

import base64
import re
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPException, HTTPResponse

from attrs import define, field, frozen


@frozen
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def good(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300


@frozen
class Exchange:
    """One request on the wire, what it was answered (0: not at all), and how long that took."""

    method: str
    target: str
    body: bytes
    content_range: str
    host: str
    status: int
    seconds: float


@define
class Session:
    """Keep-alive connections, one for each purpose; credentials remembered by directory and by realm."""

    address: tuple[str, int]
    #: everything that went over the wire, oldest first
    trace: list[Exchange]
    agent: str = ""
    #: seconds until it gives up; libsoup's are 60
    timeout: float = 60.0
    _connections: dict[str, socket.socket] = field(factory=dict)
    _directories: dict[str, str] = field(factory=dict)
    _realms: dict[str, str] = field(factory=dict)

    def request(
        self,
        method: str,
        target: str,
        *,
        host: str,
        userinfo: str | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        lane: str = "queue",
    ) -> Reply:
        """Make a request; after a 401 with Basic once more, with the URL's userinfo or what the realm is known to take.

        Raises OSError and HTTPException when there is no answer, in time or at all. No redirects: for PUT and POST
        libsoup follows none, and for GET and HEAD we give none.
        """
        directory = target.partition("?")[0].rpartition("/")[0] + "/"
        known = next((pair for place, pair in self._directories.items() if directory.startswith(place)), None)
        reply = self._exchange(method, target, host, body, headers or {}, known, lane)
        if reply.status != 401 or known is not None:
            return reply
        found = re.fullmatch('Basic realm="([^"]*)"', reply.headers.get("www-authenticate", ""))
        credentials = None if found is None else userinfo or self._realms.get(found[1])
        if found is None or credentials is None:
            return reply
        self._realms[found[1]] = credentials
        self._directories[directory] = credentials
        return self._exchange(method, target, host, body, headers or {}, credentials, lane)

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def _exchange(
        self,
        method: str,
        target: str,
        host: str,
        body: bytes | None,
        headers: Mapping[str, str],
        credentials: str | None,
        lane: str,
    ) -> Reply:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
        if self.agent:
            lines.append(f"User-Agent: {self.agent}")
        lines += ["Accept-Encoding: gzip, deflate", "Connection: Keep-Alive"]
        if credentials is not None:
            lines.append("Authorization: Basic " + base64.b64encode(credentials.encode()).decode())
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        data = ("\r\n".join(lines) + "\r\n\r\n").encode() + (body or b"")
        started = time.monotonic()
        status = 0
        try:
            reply = self._send(method, data, lane)
            status = reply.status
            return reply
        finally:
            took = time.monotonic() - started
            span = headers.get("Content-Range", "")
            self.trace.append(Exchange(method, target, body or b"", span, host, status, took))

    def _send(self, method: str, data: bytes, lane: str) -> Reply:
        """Send on the lane's connection; once more on a fresh one when that was closed meanwhile."""
        used = lane in self._connections
        try:
            return self._once(method, data, lane)
        except (OSError, HTTPException) as error:
            self._drop(lane)
            if not used or isinstance(error, TimeoutError):
                raise
        try:
            return self._once(method, data, lane)
        except (OSError, HTTPException):
            self._drop(lane)
            raise

    def _once(self, method: str, data: bytes, lane: str) -> Reply:
        if lane not in self._connections:
            self._connections[lane] = socket.create_connection(self.address, self.timeout)
        connection = self._connections[lane]
        # refused before all was sent: the answer says why
        with suppress(ConnectionError):
            connection.sendall(data)
        with HTTPResponse(connection, method=method) as response:
            response.begin()
            reply = Reply(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )
            if response.will_close:
                self._drop(lane)
        return reply

    def _drop(self, lane: str) -> None:
        connection = self._connections.pop(lane, None)
        if connection is not None:
            connection.close()
