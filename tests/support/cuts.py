"""Uploads that end at a byte of one's choice."""

import socket
from collections.abc import Callable, Mapping

from attrs import frozen
from lab import Lab

#: where a PUT may be cut: a function of the lengths of its head and its body
PLACES: dict[str, Callable[[int, int], int]] = {
    "request line": lambda head, body: 10,
    "header": lambda head, body: head - 20,
    "before the body": lambda head, body: head,
    "first byte": lambda head, body: head + 1,
    "middle": lambda head, body: head + body // 2,
    "last byte": lambda head, body: head + body - 1,
    "before the answer": lambda head, body: head + body,
}
#: how the connection ends: a crashed machine, a process that goes, one that only stops sending
ENDINGS = ("reset", "close", "half")


@frozen
class Put:
    """A PUT, byte for byte."""

    path: str
    key: str
    body: bytes
    first: int | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """Its Content-Range, if it is a range."""
        if self.first is None:
            return {}
        return {"Content-Range": f"bytes {self.first}-{self.first + len(self.body) - 1}/*"}

    def whole(self, lab: Lab) -> int:
        """Send all of it and return the answer's status."""
        return lab.call("PUT", self.path, self.body, self.headers, self.key).status

    def cut(self, lab: Lab, place: str, ending: str) -> int | None:
        """Send it up to a place and end the connection; return the answer's status, if one came and was read."""
        lines = [f"PUT {self.path} HTTP/1.1", "Host: lab", f"Authorization: Bearer {self.key}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines.append(f"Content-Length: {len(self.body)}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode()
        with socket.create_connection(("127.0.0.1", lab.port), timeout=30) as connection:
            connection.sendall((head + self.body)[: PLACES[place](len(head), len(self.body))])
            if ending == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            elif ending == "half":
                connection.shutdown(socket.SHUT_WR)
                with connection.makefile("rb") as stream:
                    line = stream.readline().split()
                return int(line[1]) if line else None
        return None
