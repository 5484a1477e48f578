"""Embedded mode: a client that wants a WebSocket came to gunicorn, and its connection is given to the publisher.

A descriptor goes through a unix socket, with the head of the request that was read from it, and whatever came behind
that. Both ends are Tackroom's own processes, of one user.
"""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

NAME = "handover.sock"
#: seconds that the publisher gets to take it
PATIENCE = 5.0
#: bytes of one message: the longest head that gunicorn takes, and a buffer of it
LONGEST = 1 << 20


@frozen
class Handed:
    """A connection, and what was read from it, as it came: the head of the request, and what was behind it."""

    connection: socket.socket
    data: bytes


def give(run: Path, connection: socket.socket, data: bytes) -> bool:
    """Give a connection to the publisher, with what was read from it; False when that is not there to take it."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC) as way, _near(run) as name:
            way.settimeout(PATIENCE)
            way.connect(name)
            socket.send_fds(way, [data], [connection.fileno()])
            # it has taken it: else nobody would answer
            return way.recv(1) == b"+"
    except OSError:
        return False


def listening(run: Path) -> socket.socket:
    """Return the socket to which connections are given. Raises OSError."""
    way = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    try:
        (run / NAME).unlink(missing_ok=True)
        with _near(run) as name:
            way.bind(name)
        way.listen(1024)
        way.setblocking(False)
    except BaseException:
        way.close()
        raise
    return way


def take(way: socket.socket) -> Handed | None:
    """Return what came over a way that was accepted, None when it is nothing that can be used. Raises OSError."""
    way.settimeout(PATIENCE)
    data, descriptors, _flags, _address = socket.recv_fds(way, LONGEST, 1)
    if not descriptors:
        return None
    connection = socket.socket(fileno=descriptors[0])
    try:
        way.send(b"+")
    except OSError:
        # whoever gave it has answered the client by now
        connection.close()
        return None
    return Handed(connection, data)


def head(method: str, target: str, version: str, headers: Sequence[tuple[str, str]]) -> bytes:
    """Return the head of a request as it was, or as good as that."""
    lines = [f"{method} {target} HTTP/{version}", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")


@contextmanager
def _near(run: Path) -> Iterator[str]:
    """A short name for the socket: a unix socket's has 107 bytes at most, and a data directory may lie deep."""
    directory = os.open(run, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{NAME}"
    finally:
        os.close(directory)
