"""As many tiny logs as a lab takes, over connections that stay open."""

import socket
import threading
import time
from collections.abc import Iterable, Iterator

from attrs import frozen


@frozen
class Tiny:
    """One small log."""

    path: str
    key: str
    body: bytes


@frozen
class Flooded:
    """What a flood was answered."""

    #: how often each status came
    statuses: dict[int, int]
    seconds: float


def flood(port: int, logs: Iterable[Tiny], connections: int) -> Flooded:
    """PUT each log whole, one behind the other on each of so many connections."""
    waiting = iter(logs)
    lock = threading.Lock()
    statuses: dict[int, int] = {}
    troubles: list[BaseException] = []

    def upload() -> None:
        try:
            for status in _uploads(port, waiting, lock):
                with lock:
                    statuses[status] = statuses.get(status, 0) + 1
        except (OSError, ValueError) as error:
            troubles.append(error)

    threads = [threading.Thread(target=upload) for _ in range(connections)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not troubles, troubles
    return Flooded(statuses, time.monotonic() - began)


def _uploads(port: int, waiting: Iterator[Tiny], lock: threading.Lock) -> Iterator[int]:
    """Yield the statuses of one connection's uploads."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        while True:
            with lock:
                log = next(waiting, None)
            if log is None:
                return
            head = (
                f"PUT {log.path} HTTP/1.1\r\nHost: lab\r\nAuthorization: Bearer {log.key}\r\n"
                f"Content-Length: {len(log.body)}\r\n\r\n"
            )
            connection.sendall(head.encode() + log.body)
            yield _status(connection)


def _status(connection: socket.socket) -> int:
    """Read one answer, with its body, and return its status."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    left = (int(lengths[0]) if lengths else 0) - len(body)
    while left > 0:
        left -= len(_some(connection))
    return int(head.split(None, 2)[1])


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionResetError("the server has closed the connection")
    return data
