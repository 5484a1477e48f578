"""Requests byte for byte, as no well-behaved client sends them."""

import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http.client import HTTPException, HTTPResponse

from attrs import frozen
from lab import Answer, Lab


@frozen
class Raw(Answer):
    """What came back, and the head of it as it was."""

    #: all headers, also repeated ones
    pairs: Sequence[tuple[str, str]] = ()


def send(lab: Lab, request: bytes, *, timeout: float = 30) -> Raw:
    """Send these bytes over a connection of their own and return the first answer; status 0: closed without one."""
    method = request.split(b" ", 1)[0].decode("latin-1")
    with socket.create_connection(("127.0.0.1", lab.port), timeout) as connection:
        # a refusal may come before all is sent
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        response = HTTPResponse(connection, method=method)
        try:
            response.begin()
            body = response.read()
        except (HTTPException, ConnectionResetError):
            return Raw(0, {}, b"")
        return Raw(response.status, dict(response.getheaders()), body, response.getheaders())


def ask(
    lab: Lab,
    method: str,
    target: str,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    body: bytes | None = None,
    *,
    timeout: float = 30,
) -> Raw:
    """Send one request with exactly these headers, but for Host, Content-Length and Connection where they are not."""
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    given = {name.lower() for name, _ in pairs}
    usual = [("Host", f"127.0.0.1:{lab.port}"), ("Connection", "close")]
    if body is not None:
        usual.append(("Content-Length", str(len(body))))
    pairs += [(name, value) for name, value in usual if name.lower() not in given]
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in pairs), "", ""]
    return send(lab, "\r\n".join(lines).encode("utf-8", "surrogateescape") + (body or b""), timeout=timeout)
