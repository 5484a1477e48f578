"""One reader's connection: its handshake, what it may send, and what goes out. Source: RFC 6455.

The protocol's bytes are the business of the library `websockets`; what goes to many readers is framed once (`text`) and
written by each of them as it is. Nothing is compressed: a thousand readers would have a thousand compressors.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import cast

from attrs import field, frozen
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

#: bytes of the head of a request, and of a message from a client, which says nothing that we listen to
LONGEST_HEAD = 16 << 10
LONGEST_MESSAGE = 4 << 10
#: bytes that a client may say at once, its head included, and a second in the long run: each frame is work for us, and
#: each ping has an answer that waits to be taken
MOST_SAID, SAID_RATE = 48 << 10, 1 << 10
#: seconds for the head of a request, and for a client to hang up after our last word
HANDSHAKE_SECONDS = 10.0
GOODBYE_SECONDS = 5.0
#: bytes that may wait to be taken by a reader, before what can wait does, and before the reader is given up when there
#: is more for it: what comes at once may be more than that
HIGH_WATER = 64 << 10
MOST_WAITING = 1 << 20
#: how many seconds a reader may be silent, and after how many it is asked whether it is there
SILENT_SECONDS = 60.0
PING_SECONDS = 20.0
#: close codes
POLICY, GOING_AWAY, TRY_LATER = 1008, 1001, 1013

_NOT_SO = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_NOT_THAT = b"HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_PING = Frame(Opcode.PING, b"").serialize(mask=False)
#: httpd's words for the client's address and the host that it called; nobody else comes by its socket
_HOST = "X-Tackroom-Host"


def text(words: str) -> bytes:
    """Return a text message as it goes to every reader."""
    return Frame(Opcode.TEXT, words.encode()).serialize(mask=False)


@frozen
class Asked:
    """What a client asked for: the target of its request, and its headers, in small letters."""

    target: str
    headers: Mapping[str, str] = field(repr=False)

    @property
    def foreign(self) -> bool:
        """Whether a browser asks, for a page of another site, which it says; it would lend it what it knows of us."""
        if self.headers.get("sec-fetch-site", "").lower() in ("cross-site", "same-site"):
            return True
        origin = self.headers.get("origin", "").lower()
        host = self.headers.get(_HOST.lower()) or self.headers.get("host", "")
        return bool(origin) and origin not in (f"http://{host.lower()}", f"https://{host.lower()}")


@frozen
class Hooks:
    """Whom a connection belongs to."""

    #: why there is no room for one more, None when there is
    full: Callable[[], str | None]
    #: whether a page of that origin may read here, though it is foreign
    welcome: Callable[[str], bool]
    opened: Callable[["Socket", Asked], None]
    #: a connection that was opened is lost
    lost: Callable[["Socket"], None]


class Socket(asyncio.Protocol):
    """A connection; `opened` is called when its handshake is done."""

    def __init__(self, house: Hooks, *, trusted: bool) -> None:
        """`trusted`: httpd is between us and the client, and says who that is."""
        self._house = house
        self._trusted = trusted
        self._protocol = ServerProtocol(max_size=LONGEST_MESSAGE)
        self._transport: asyncio.Transport | None = None
        self._head = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._method = b""
        self._answered = False
        self._opened = False
        #: bytes that it has said, less those that time has made up for, as of `heard`; and whether they were too many
        self._said = 0.0
        self._deaf = False
        self._flowing = asyncio.Event()
        self._flowing.set()
        #: when anything came from it, and when it was asked last (monotonic)
        self.heard = self.asked = time.monotonic()

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the time for the head of a request."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        self._limit(HANDSHAKE_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Take what came: the head of a request, pongs, or what nobody reads."""
        now = time.monotonic()
        self._said = max(0.0, self._said - (now - self.heard) * SAID_RATE) + len(data)
        self.heard = now
        if self._deaf:
            return
        if self._said > MOST_SAID:
            self._deaf = True
            if self._transport is not None:
                self._transport.pause_reading()
            if self.open:
                self.end(POLICY, "this is too much: nobody listens here")
            else:
                self.abort()
            return
        if not self._head:
            self._method = data[:4]
        self._head += len(data)
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._answer(event)
        if not self._answered and self._protocol.handshake_exc is not None:
            self._answered = True
            # the library says nothing to one with a body, for one
            self._write(_NOT_SO if self._method == b"GET " else _NOT_THAT)
        elif not self._answered and self._head > LONGEST_HEAD:
            self.abort()
            return
        self._flush()

    def eof_received(self) -> bool:
        """Hang up when the other side has."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._limit(None)
        self._flowing.set()
        if self._opened:
            self._house.lost(self)

    def pause_writing(self) -> None:
        """More waits to be taken than is good."""
        self._flowing.clear()

    def resume_writing(self) -> None:
        """It was taken."""
        self._flowing.set()

    # what its house calls

    @property
    def open(self) -> bool:
        """Whether anything may be written."""
        return self._opened and self._protocol.state is State.OPEN and not self._gone

    def write(self, frames: bytes) -> bool:
        """Send whole frames; False when the reader has taken so little of what came before that it is given up."""
        if self._transport is None:
            return False
        if self._transport.get_write_buffer_size() > MOST_WAITING:
            self.abort()
            return False
        self._transport.write(frames)
        return True

    async def flowing(self) -> bool:
        """Wait until what was written is taken, or most of it; False when that takes so long that it is given up."""
        try:
            await asyncio.wait_for(self._flowing.wait(), SILENT_SECONDS)
        except TimeoutError:
            self.abort()
            return False
        return True

    def look(self, now: float) -> bool:
        """Ask whether it is there, when it is time for that; False when it was silent for too long and is given up."""
        if now - self.heard > SILENT_SECONDS:
            self.abort()
            return False
        if now - self.asked >= PING_SECONDS and self.open:
            self.asked = now
            # it may be busy with a lot that came at once: no reason to give it up
            self._write(_PING)
        return True

    def refuse(self, words: str) -> None:
        """Say why, and end it."""
        if self.open:
            self.write(text(json.dumps({"error": words})))
        self.end(POLICY, words)

    def end(self, code: int, reason: str = "") -> None:
        """End it in the protocol's way."""
        if self.open:
            self._protocol.send_close(code, reason[:100])
            self._flush()
            self._limit(GOODBYE_SECONDS)

    def abort(self) -> None:
        """End it at once."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def _gone(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _answer(self, request: Request) -> None:
        self._answered = True
        self._limit(None)
        headers = {name.lower(): ", ".join(request.headers.get_all(name)) for name in request.headers}
        if not self._trusted:
            headers.pop(_HOST.lower(), None)
        asked = Asked(request.path, headers)
        response = self._protocol.accept(request)
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            if asked.foreign and not self._house.welcome(asked.headers.get("origin", "")):
                response = self._protocol.reject(HTTPStatus.FORBIDDEN, "a page of another site may not read this\n")
            elif (why := self._house.full()) is not None:
                response = self._protocol.reject(HTTPStatus.SERVICE_UNAVAILABLE, why + "\n")
                response.headers["Retry-After"] = "5"
        elif response.status_code == HTTPStatus.UPGRADE_REQUIRED:
            # as the application says it, which gets such a call in embedded mode
            response = self._protocol.reject(HTTPStatus.UPGRADE_REQUIRED, "events are read by WebSocket here\n")
            response.headers["Upgrade"] = "websocket"
        self._protocol.send_response(response)
        self._flush()
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            self._opened = True
            self._house.opened(self, asked)

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if self._transport is None or self._transport.is_closing():
                return
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                # the protocol's word for its end. The other half is closed by the client, or by the limit: closed here
                # with something unread, the connection would lose our last words
                self._transport.write_eof()
                self._limit(GOODBYE_SECONDS)

    def _limit(self, seconds: float | None) -> None:
        """End it when nothing happens for so long; None: do not."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if seconds is not None:
            self._deadline = asyncio.get_running_loop().call_later(seconds, self.abort)
