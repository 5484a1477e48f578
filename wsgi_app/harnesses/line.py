"""One kept connection to the controller, and what its answers mean.

Source: protocols/harness-beaker.md section 0. 2xx is delivered, 4xx is refused for good, everything else (5xx, no
connection, a timeout) is worth another attempt; 408 and 429 too: they mean "later".
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from wsgi_app.harnesses.address import Address
from wsgi_app.harnesses.mistrust import mistrust

TIMEOUT = 60.0  #: seconds without a byte after which a call counts as failed
FIRST_DELAY = 1.0  #: seconds between the first attempt and the second
DELAY_FACTOR = 1.5
LONGEST_DELAY = 60.0
IDLE = 1.0  #: seconds after which a kept connection is not trusted any more
ANSWER_LIMIT = 16 * 1024 * 1024
COME_BACK = (408, 429)  #: the two 4xx that mean "later"


class Refused(Exception):
    """The controller answered 4xx (or a redirect): saying it again would not help."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(f"{status} {message}".strip())
        self.status = status
        self.message = message
        self.code = code  #: such as "sync.dead-peer", where the controller says one


class Unreachable(Exception):
    """The controller has neither taken nor refused a call in the time that there was."""


class Answer(NamedTuple):
    """A 2xx answer."""

    status: int
    location: str  #: the Location header as it was sent, or ""
    length: int  #: the Content-Length header; for HEAD that of what was asked for
    body: bytes


class Trouble(Exception):
    """This attempt came to nothing, for the reason that is the text; another one may not."""


class Line:
    """Sends requests to the controller at `base`, one at a time, over a connection that it keeps for a moment."""

    def __init__(self, base: Address) -> None:
        self.base = base
        self._connection: http.client.HTTPConnection | None = None
        self._used = 0.0
        self._cut = False

    def attempt(
        self,
        method: str,
        path: str,
        *,
        key: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
    ) -> Answer:
        """Send one request once, with a bearer `key`; raises Refused, or Trouble when another attempt is of use."""
        try:
            answer = self._exchange(method, path, key, body, dict(headers or {}), timeout)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Trouble(mistrust(error) or str(error) or type(error).__name__) from None
        if self._cut:
            self.close()
        if 200 <= answer.status < 300:
            return answer
        code, words = _complaint(answer)
        if answer.status < 500 and answer.status not in COME_BACK:
            raise Refused(answer.status, words, code)
        raise Trouble(f"{answer.status} {words}".strip())

    def close(self) -> None:
        """Drop the connection; the next request makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def cut(self) -> None:
        """Break the connection from another thread, for good: who waits on it hears of it at once."""
        self._cut = True
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def _exchange(
        self, method: str, path: str, key: str, body: bytes | None, headers: dict[str, str], timeout: float
    ) -> Answer:
        if time.monotonic() - self._used > IDLE:
            self.close()
        if self._connection is None:
            self._connection = self._open(timeout)
        elif self._connection.sock is not None:
            self._connection.sock.settimeout(timeout)
        headers["Authorization"] = f"Bearer {key}"
        headers["User-Agent"] = "tackroom-harness"
        if method in ("POST", "PUT"):
            body = body or b""
            headers["Content-Length"] = str(len(body))
        if self._cut:
            raise ConnectionAbortedError("nobody waits for the answer")
        self._connection.request(method, self.base.prefix + path, body=body, headers=headers)
        response = self._connection.getresponse()
        content = response.read(ANSWER_LIMIT)
        if response.length:  # read(amount) does not complain about an answer that was cut off
            raise http.client.IncompleteRead(content, response.length)
        self._used = time.monotonic()
        if response.will_close or not response.isclosed():
            self.close()
        length = response.headers.get("Content-Length") or ""
        location = response.headers.get("Location") or ""
        return Answer(response.status, location, int(length) if length.isdigit() else 0, content)

    def _open(self, timeout: float) -> http.client.HTTPConnection:
        host, port = self.base.host, self.base.port
        if self.base.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=timeout, context=self._trust())
        return http.client.HTTPConnection(host, port, timeout=timeout)

    def _trust(self) -> ssl.SSLContext:
        # anew for each connection: CAs may be installed meanwhile
        context = ssl.create_default_context()
        if self.base.ca_file:
            context.load_verify_locations(self.base.ca_file)
        return context


def _complaint(answer: Answer) -> tuple[str, str]:
    """What an error's body says: its code, if it has one, and its message on one line and cut short."""
    text = " ".join(answer.body.decode("utf-8", "replace").split())
    if text.startswith("<"):
        return "", ""  # a page for browsers says nothing of use
    try:
        error = json.loads(text)["error"]
        return str(error["code"]), str(error["message"])[:300]
    except (ValueError, KeyError, TypeError):
        return "", text[:300]
