"""Uploads that a test can stop half-way."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define
from lab import Lab


@define
class HalfUpload:
    """A PUT whose body comes when the test says so."""

    connection: socket.socket

    def send(self, data: bytes) -> None:
        """Send a part of the body."""
        self.connection.sendall(data)

    def status(self) -> int:
        """Return the answer's status."""
        with self.connection.makefile("rb") as stream:
            return int(stream.readline().split()[1])

    def die(self) -> None:
        """Break the connection as a crashed machine does: no goodbye."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.connection.close()


@contextmanager
def half_upload(lab: Lab, path: str, key: str, length: int, content_range: str | None = None) -> Iterator[HalfUpload]:
    """Send the head of a PUT."""
    lines = [
        f"PUT {path} HTTP/1.1",
        "Host: lab",
        f"Authorization: Bearer {key}",
        f"Content-Length: {length}",
        *([] if content_range is None else [f"Content-Range: {content_range}"]),
    ]
    with socket.create_connection(("127.0.0.1", lab.port), timeout=30) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        yield HalfUpload(connection)
