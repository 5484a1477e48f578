"""gunicorn's worker in embedded mode: clients speak to it themselves, so it waits for them no longer than httpd does.

gunicorn's own waits without end for the head of a request, and for whoever does not take an answer; and it waits two
seconds for each client that does not hang up, one after the other, before it takes further connections.
"""

import contextlib
import errno
import socket
import sys
import time
from typing import Any

from gunicorn.http import errors

from wsgi_app.config import load
from wsgi_app.protocols.urlpath import BadPath, canonical
from wsgi_app.services import handover
from wsgi_app.services.accepting import AcceptingWorker

#: for the head of a request to begin with; each half KiB adds a second; and in all
HEAD_SECONDS = 5.0
HEAD_RATE = 500
LONGEST_HEAD = 20.0
#: for a body, and for an answer to be taken, to begin with; each KiB adds a second
FIRST_SECONDS = 20.0
RATE = 1024
#: nothing comes or goes for so long: the client is gone
SILENT_SECONDS = 60.0
#: until a client has hung up, after our last word
GOODBYE_SECONDS = 2.0
#: whose texts have in them what came
_REPEATING = (
    errors.InvalidHeader,
    errors.InvalidHeaderName,
    errors.InvalidHTTPVersion,
    errors.InvalidRequestLine,
    errors.InvalidRequestMethod,
)
#: bytes of a file that are sent before the time is looked at
_PIECE = 1 << 18


class Connection(socket.socket):
    """A client's connection. What takes too long fails as if the client had broken it."""

    def __init__(self, accepted: socket.socket, most: float) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        #: seconds that a body may take, however fast it comes
        self._most = most
        self._said_goodbye = False
        self.expect_head()

    def expect_head(self) -> None:
        """Begin the time for the head of a request: it runs from the first byte on."""
        self._first, self._rate, self._longest = HEAD_SECONDS, HEAD_RATE, LONGEST_HEAD
        self._began: float | None = None

    def expect_body(self) -> None:
        """Begin the time for a body."""
        self._first, self._rate, self._longest = min(FIRST_SECONDS, self._most), RATE, self._most
        self._began = None

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Receive. Raises `ConnectionResetError` when the time is over."""
        if self._said_goodbye:
            return super().recv(size, flags)
        now = time.monotonic()
        if self._began is None:
            self._began, self._received = now, 0
        left = self._began + min(self._longest, self._first + self._received / self._rate) - now
        if left <= 0:
            raise _gone()
        before = self.gettimeout()
        self.settimeout(min(left, SILENT_SECONDS, *([] if before is None else [before])))
        try:
            data = super().recv(size, flags)
        except TimeoutError:
            raise _gone() from None
        finally:
            self.settimeout(before)
        self._received += len(data)
        return data

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send. Raises `ConnectionResetError` when it is taken too slowly."""
        self.settimeout(SILENT_SECONDS + len(data) / RATE)
        try:
            super().sendall(data, flags)
        except TimeoutError:
            raise _gone() from None

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """Send a part of a file, or all that there is of it.

        Raises `ConnectionResetError` when it is taken too slowly; and when the part is there no more, as in a log that
        was replaced meanwhile: the answer's length was told before, and the next one would be taken for its rest.
        """
        most = sys.maxsize if count is None else count
        began, sent = time.monotonic(), 0
        self.settimeout(SILENT_SECONDS)
        while sent < most:
            try:
                now = super().sendfile(file, offset + sent, min(_PIECE, most - sent))
            except TimeoutError:
                raise _gone() from None
            sent += now
            if now == 0:
                if count is not None:
                    raise _gone("the file has become shorter")
                break
            if time.monotonic() - began > SILENT_SECONDS + sent / RATE:
                raise _gone()
        return sent

    def shutdown(self, how: int, /) -> None:
        """Say that nothing more is sent; once is enough."""
        if self._said_goodbye:
            raise OSError(errno.ENOTCONN, "the connection has ended")
        super().shutdown(how)

    def say_goodbye(self) -> None:
        """End it so that our last answer arrives: wait a little for the client to hang up."""
        with contextlib.suppress(OSError):
            self.shutdown(socket.SHUT_WR)
            self._said_goodbye = True
            end = time.monotonic() + GOODBYE_SECONDS
            while (left := end - time.monotonic()) > 0:
                self.settimeout(left)
                if not self.recv(65536):
                    break


class Worker(AcceptingWorker):
    """A worker whose threads no client holds for long."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        config = load().config
        self._most = float(config.put_max_seconds)
        self._run = config.run
        #: where readers of events come in
        self._sockets = {config.prefix.encode() + place for place in (b"ws", b"ws/")}

    def enqueue_req(self, conn: Any) -> None:
        """Have a connection's next request handled."""
        if not isinstance(conn.sock, Connection):
            conn.sock = Connection(conn.sock, self._most)
        super().enqueue_req(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request whose head is there, or give its connection to the publisher."""
        if self._wants_socket(req) and self._hand_over(req, conn):
            return False
        conn.sock.expect_body()
        return super().handle_request(req, conn)

    def _wants_socket(self, req: Any) -> bool:
        """Whether it asks for what only the publisher can give; without that the application says so."""
        upgrade = next((word.lower() for name, word in req.headers if name == "UPGRADE"), "")
        if req.method != "GET" or "websocket" not in upgrade:
            return False
        try:
            return canonical(req.uri) in self._sockets
        except BadPath:
            return False

    def _hand_over(self, req: Any, conn: Any) -> bool:
        """Give a connection to the publisher, and have another one, which is closed, in its place."""
        version = ".".join(map(str, req.version))
        head = handover.head(req.method, req.uri, version, req.headers)
        if not handover.give(self._run, conn.sock, head + conn.parser.unreader.take_buffered()):
            return False
        # ended here in the usual way, it would be ended for the publisher, too
        ended, other = socket.socketpair()
        other.close()
        given, conn.sock = conn.sock, Connection(ended, self._most)
        given.close()
        return True

    def handle(self, conn: Any) -> Any:
        """Handle a request. Its thread, and not the one that takes connections, waits for the client to hang up."""
        conn.sock.expect_head()
        kept = super().handle(conn)
        if kept is False:
            conn.sock.say_goodbye()
        return kept

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Refuse what is no HTTP; what came may be a secret in the wrong place: neither log nor answer repeats it."""
        if isinstance(exc, _REPEATING):
            exc = type(exc)("(not shown)")
        super().handle_error(req, client, addr, exc)


def _gone(why: str = "the client is too slow") -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, why)
