"""The line from a harness to its controller: each call is repeated, the same, until it is answered for good.

As restraint does: 2xx is delivered, 4xx is dropped, all else (5xx, and no answer at all) is sent again. Only the pauses
are shorter than its 3 s and more.
"""

import base64
import http.client
import select
import ssl
import time
from collections.abc import Mapping

from attrs import define, field, frozen
from fleet.ledger import Tally
from lab import Lab

PAUSE = 0.1
LONGEST_PAUSE = 1.0
#: seconds after which a call that nobody answers, however often it is sent, is a failure; one that waits is cut by
#: every kill that comes while it is held
GIVE_UP = 60.0
GIVE_UP_WAITING = 240.0
#: seconds within which one attempt is answered or cut; beyond that it hangs
PATIENCE = 30.0
#: seconds that a waiting call may be held longer than it has asked for, on a busy machine
MARGIN = 15.0


#: how a kept connection is found to be gone when a call is sent over it
GOODBYES = (
    http.client.RemoteDisconnected,
    BrokenPipeError,
    ConnectionResetError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)


class Unanswered(Exception):
    """A call hung, or got no answer for too long."""


@frozen
class Reply:
    """What came back in the end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    #: how often it was sent
    attempts: int


def bearer(key: str) -> str:
    """The header of our own harness."""
    return f"Bearer {key}"


def basic(recipe: int, key: str) -> str:
    """The header of a stock harness, whose key is part of its URL."""
    return "Basic " + base64.b64encode(f"{recipe}:{key}".encode()).decode()


@define
class Line:
    """A connection that is opened again whenever it breaks. For one thread."""

    lab: Lab
    tally: Tally
    authorization: str
    _connection: http.client.HTTPConnection | None = field(default=None)
    #: whether it has answered a call
    _kept: bool = field(default=False)

    def call(
        self,
        kind: str,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        wait: float | None = None,
    ) -> Reply:
        """Send a call until it is answered 2xx or 4xx; `wait`: how many seconds it asks to be held at most.

        Raises `Unanswered`.
        """
        sent = {"Authorization": self.authorization, **(headers or {})}
        begun = time.monotonic()
        attempts, pause = 0, PAUSE
        while True:
            attempts += 1
            reply = self._attempt(kind, method, path, body, sent, wait)
            if reply is not None and reply.status < 500:
                if wait is None:
                    self.tally.answered(kind, time.monotonic() - begun)
                return Reply(reply.status, reply.headers, reply.body, attempts)
            if time.monotonic() - begun > (GIVE_UP if wait is None else GIVE_UP_WAITING):
                raise Unanswered(f"{method} {path}: sent {attempts} times without an answer: {reply}")
            # one that was kept and has gone meanwhile is opened again at once, as every client does
            if reply is not None or not self._kept:
                time.sleep(pause)
            self._kept = False
            pause = min(LONGEST_PAUSE, pause * 1.5)

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> http.client.HTTPConnection:
        """Return the connection; what a kept one says unasked is good-bye, and it is opened again."""
        if self._connection is not None and select.select([self._connection.sock], [], [], 0)[0]:
            self.close()
        if self._connection is None:
            self._kept = False
            self._connection = self.lab.connect(PATIENCE)
            self._connection.connect()
        return self._connection

    def _attempt(
        self, kind: str, method: str, path: str, body: bytes | None, headers: Mapping[str, str], wait: float | None
    ) -> Reply | None:
        begun = time.monotonic()
        patience = PATIENCE if wait is None else wait + MARGIN
        try:
            connection = self._open()
            connection.sock.settimeout(patience)
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            reply: Reply | None = Reply(response.status, dict(response.getheaders()), response.read(), 1)
        except TimeoutError:
            raise Unanswered(f"{method} {path} hung: no answer in {patience} s") from None
        except (OSError, http.client.HTTPException) as error:
            self.close()
            self._kept = self._kept and isinstance(error, GOODBYES)
            self.tally.count(kind, "idle" if self._kept else "cut")
            reply = None
        else:
            self.tally.count(kind, f"{response.status // 100}xx")
            self._kept = True
            if response.will_close:
                self.close()
        if wait is not None:
            self.tally.waited(time.monotonic() - begun - wait)
        return reply
