"""A receiver of callbacks: it notes what comes, and answers as it is told."""

import http.server
import json
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from attrs import define, field, frozen
from certificates import Issued
from lab import Lab
from waiting import until

#: where receivers of tests are
PRIVATE = "127.0.0.0/8"


@frozen
class Got:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def key(self) -> str:
        """What tells it from others."""
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@define
class Receiver:
    """What came, oldest first."""

    port: int
    secure: bool = False
    got: list[Got] = field(factory=list)
    #: what is answered to the next ones, then 200: statuses, with headers
    answers: list[tuple[int, dict[str, str]]] = field(factory=list)
    #: connections that were made
    connected: int = 0
    #: called with each request before it is answered
    meanwhile: Callable[[Got], None] = lambda _: None

    def url(self, path: str = "/") -> str:
        """A URL of it."""
        return f"http{'s' if self.secure else ''}://127.0.0.1:{self.port}{path}"

    def wait(self, number: int = 1, seconds: float = 20) -> list[Got]:
        """Return what came, when so many have."""
        until(lambda: len(self.got) >= number, f"{number} callbacks", seconds)
        return self.got

    def keys(self) -> Counter[str]:
        """Return how often each key came."""
        return Counter(one.key for one in self.got)


@contextmanager
def receiving(port: int = 0, certificate: Issued | None = None) -> Iterator[Receiver]:
    """A receiver on 127.0.0.1, by TLS where it has a certificate."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            got = Got(self.command, self.path, dict(self.headers.items()), body)
            receiver.got.append(got)
            receiver.meanwhile(got)
            status, headers = receiver.answers.pop(0) if receiver.answers else (200, {})
            self.send_response(status)
            for name, value in {"Content-Length": "2", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *args: object) -> None:
            pass

        def handle(self) -> None:
            receiver.connected += 1
            # who called may be gone
            with suppress(ConnectionError):
                super().handle()

    for method in ("GET", "POST"):
        setattr(Handler, f"do_{method}", Handler.answer)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate.certificate, certificate.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver = Receiver(server.server_address[1], secure=certificate is not None)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def notify(*callbacks: Mapping[str, object], status: str = "finished", **more: object) -> dict[str, object]:
    """A job's block that asks for callbacks."""
    return {"criteria": {"status": status}, "callbacks": list(callbacks), **more}


def deliveries(lab: Lab, query: str = "") -> list[Any]:
    """Return deliveries as admins see them, newest first."""
    found: list[Any] = lab.call("GET", f"/deliveries/?limit=1000&{query}").json["deliveries"]
    return found


def over(lab: Lab, number: int, seconds: float = 20) -> list[Any]:
    """Return all deliveries, oldest first, when there are so many and none of them waits."""

    def done() -> Any:
        found = deliveries(lab)
        return found if len(found) >= number and all(one["state"] != "waiting" for one in found) else None

    found: list[Any] = until(done, f"{number} deliveries", seconds)[::-1]
    return found


def attempts(lab: Lab, delivery: Mapping[str, Any]) -> list[Any]:
    """Return the attempts at a delivery."""
    found: list[Any] = lab.call("GET", f"/deliveries/{delivery['id']}").json["log"]
    return found
