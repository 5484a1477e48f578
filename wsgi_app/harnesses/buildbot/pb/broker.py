"""One connection, mistrusted: a deadline and a limit before login, a limit for each message, nonsense ends it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure
from twisted.spread import pb

#: of one message: output comes in pieces of 64 KiB (128 of old ones), a file's list of names in one
MESSAGE_LIMIT = 8 << 20
DEEPEST = 1000  #: lists in lists, as long as the outermost is open


class Watcher(Protocol):
    """Who is told of connections."""

    login_seconds: float
    login_bytes: int

    def opened(self, broker: GuardedBroker) -> None:
        """There is a new one."""

    def closed(self, broker: GuardedBroker) -> None:
        """One has ended."""

    def say(self, text: str) -> None:
        """Something for the log of the gateway."""


class GuardedBroker(pb.Broker):  # type: ignore[misc]
    """A worker's connection, from its first byte to its end."""

    watcher: Watcher
    transport: Any
    pending = 0  #: bytes since the last whole message
    received = 0  #: bytes in all
    admitted = False  #: the login is over
    dropped = False
    ended = False
    heard = 0.0
    on_lost: Callable[[], None] | None = None  #: called once, at the end
    _deadline: asyncio.TimerHandle | None = None
    _socket: Any = None

    def connectionMade(self) -> None:  # noqa: N802
        """Start the deadline of the login."""
        self.heard = time.monotonic()
        self.transport.setTcpNoDelay(True)
        self.transport.setTcpKeepAlive(True)
        self._socket = getattr(self.transport, "socket", None)
        self._deadline = asyncio.get_running_loop().call_later(
            self.watcher.login_seconds, self.drop, "it did not log in in time"
        )
        self.watcher.opened(self)
        super().connectionMade()

    def peer(self) -> str:
        """The other end, as text."""
        address: IAddress = self.transport.getPeer()
        host, port = getattr(address, "host", "?"), getattr(address, "port", "?")
        return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"

    def admit(self) -> None:
        """The login is over: only messages are limited from here on."""
        self.admitted = True
        if self._deadline:
            self._deadline.cancel()

    def drop(self, why: str = "") -> None:
        """End the connection at once, whatever is still to be sent; say why unless it is nobody's business."""
        if self.dropped or self.ended:
            return
        self.dropped = True
        if why:
            self.watcher.say(f"connection of {self.peer()} dropped: {why}")
        self.transport.abortConnection()

    def dataReceived(self, chunk: bytes) -> None:  # noqa: N802
        """Take what has come; whatever cannot be understood ends the connection, not us."""
        if self.dropped:
            return None
        self.heard = time.monotonic()
        self.received += len(chunk)
        self.pending += len(chunk)
        if not self.admitted and self.received > self.watcher.login_bytes:
            return self.drop("it said too much before it logged in")
        try:
            super().dataReceived(chunk)
        except Exception as error:  # noqa: BLE001 (of any kind, the peer chooses)
            return self.drop(f"it makes no sense ({type(error).__name__})")
        if self.pending > MESSAGE_LIMIT or len(self.listStack) > DEEPEST:
            return self.drop("its message is too large")
        self._acknowledge()
        return None

    def _acknowledge(self) -> None:
        """Acknowledge at once what has come: a worker waits for that before it sends more (five times the commands)."""
        if self._socket is not None and not self.dropped:
            try:
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            except OSError:  # it has just ended
                self._socket = None

    def expressionReceived(self, sexp: object) -> None:  # noqa: N802
        """One whole message."""
        self.pending = 0
        if not self.dropped:
            super().expressionReceived(sexp)

    def proto_answer(self, requestID: object, netResult: object) -> None:  # noqa: N803
        """An answer: when it cannot be read, that is an error answered, so that who waits is told."""
        waiting = self.waitingForAnswers.pop(requestID)
        try:
            value = self.unserialize(netResult)
        except Exception as error:  # noqa: BLE001
            waiting.errback(Failure(pb.Error(f"its answer makes no sense ({type(error).__name__})")))
        else:
            waiting.callback(value)

    def proto_error(self, requestID: object, fail: object) -> None:  # noqa: N803
        """An error answered: as above, and whatever else it is, it is a failure."""
        waiting = self.waitingForAnswers.pop(requestID)
        try:
            value = self.unserialize(fail)
        except Exception:  # noqa: BLE001
            value = None
        waiting.errback(value if isinstance(value, Failure) else Failure(pb.Error("it failed and did not say at what")))

    def _sendFailure(self, fail: Failure, requestID: object) -> None:  # noqa: N802, N803
        """Answer a refused login without a traceback in the log."""
        self._sendError(fail, requestID)

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802
        """Tell everybody, once."""
        if self.ended:
            return
        self.ended = True
        if self._deadline:
            self._deadline.cancel()
        super().connectionLost(reason)
        self._socket = None
        tell, self.on_lost = self.on_lost, None
        if tell:
            tell()
        self.watcher.closed(self)
