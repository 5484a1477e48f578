"""The line from a harness to its controller: each call is repeated, the same, until it is answered for good.

As restraint does: 2xx is delivered, 4xx is dropped, all else (5xx, and no answer at all) is sent again. Only the pauses
are shorter than its 3 s and more.
"""

import base64
import http.client
import time
from collections.abc import Mapping

from attrs import define, field, frozen
from fleet.ledger import Tally

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

    port: int
    tally: Tally
    authorization: str
    _connection: http.client.HTTPConnection | None = field(default=None)

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
            time.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 1.5)

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _attempt(
        self, kind: str, method: str, path: str, body: bytes | None, headers: Mapping[str, str], wait: float | None
    ) -> Reply | None:
        begun = time.monotonic()
        patience = PATIENCE if wait is None else wait + MARGIN
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            if self._connection.sock is None:
                self._connection.connect()
            self._connection.sock.settimeout(patience)
            self._connection.request(method, path, body, dict(headers))
            response = self._connection.getresponse()
            reply: Reply | None = Reply(response.status, dict(response.getheaders()), response.read(), 1)
        except TimeoutError:
            raise Unanswered(f"{method} {path} hung: no answer in {patience} s") from None
        except (OSError, http.client.HTTPException):
            self.close()
            self.tally.count(kind, "cut")
            reply = None
        else:
            self.tally.count(kind, f"{response.status // 100}xx")
            if response.will_close:
                self.close()
        if wait is not None:
            self.tally.waited(time.monotonic() - begun - wait)
        return reply
