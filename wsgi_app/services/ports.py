"""Looking at ports that tasks wait for: many at once, none of them waited for.

Names are looked up by a few threads, since that may take long and cannot be had without waiting; the rest is sockets
that do not block. A port over TCP answers when it can be connected to. One over UDP does unless its host says that
nobody is there: silence is all that can be expected of it.
"""

import errno
import os
import queue
import selectors
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

from attrs import define, field, frozen

from wsgi_app.core.gateway import Gateway
from wsgi_app.core.portwaits import Look
from wsgi_app.store.portwaits import PortWait

#: seconds that one attempt to connect may take, and one look with all that belongs to it
ATTEMPT_SECONDS = 1.0
LOOK_SECONDS = 5.0
#: seconds of a round that are spent on what has just been begun: what is near answers at once
MOMENT = 0.05
#: looks under way
MOST_LOOKS = 256
#: addresses of one name that are tried
MOST_ADDRESSES = 4
#: threads that look up names
MOST_THREADS = 8

_FAMILIES = {"4": socket.AF_INET, "6": socket.AF_INET6}
#: family, type, protocol, canonical name, address
_Address = tuple[Any, Any, int, str, Any]


class PortLooks:
    """The looks of one process at the ports that tasks wait for."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._names = _Names()
        self._selector = selectors.DefaultSelector()
        self._looks: dict[int, _Look] = {}

    def round(self) -> None:
        """Look at what is due, and tell core what was seen. What is still under way is seen by a later round."""
        waits = self._gateway.port_waits.due()
        wanted = {wait.task for wait in waits}
        for task in [task for task in self._looks if task not in wanted]:
            # it was ended, or told of by another process
            self._forget(task)
        for wait in waits:
            if wait.task not in self._looks and len(self._looks) < MOST_LOOKS:
                self._begin(wait)
        seen = self._follow() if self._looks else []
        if seen:
            self._gateway.port_waits.tell(seen)

    def _begin(self, wait: PortWait) -> None:
        look = _Look(wait, self._selector, time.monotonic() + LOOK_SECONDS)
        self._looks[wait.task] = look
        try:
            look.connect(_resolved(wait, socket.AI_NUMERICHOST))
        except OSError:
            self._names.ask(look)

    def _follow(self) -> list[Look]:
        """Follow all looks for a moment, and return what has been seen to its end."""
        seen: list[Look] = []
        end = time.monotonic() + MOMENT
        while True:
            for look, found in self._names.answers():
                if self._looks.get(look.wait.task) is look:
                    look.connect(found)
            for key, _ in self._selector.select(min(MOMENT / 5, max(end - time.monotonic(), 0.0))):
                key.data.ready(key.fileobj)
            now = time.monotonic()
            for task, look in list(self._looks.items()):
                if look.over(now):
                    seen.append(Look(task, look.problem))
                    self._forget(task)
            if not self._looks or now >= end:
                return seen

    def _forget(self, task: int) -> None:
        self._looks.pop(task).close()


@define(eq=False)
class _Look:
    """One look at one port; `problem` is what there is to say against it when it is over, None when it answers."""

    wait: PortWait
    _selector: selectors.BaseSelector
    #: when it is over in any case, by the monotonic clock
    _end: float
    _sockets: set[socket.socket] = field(factory=set)
    _answered: bool = False
    _begun: bool = False
    problem: str | None = "its name could not be looked up in time"

    def connect(self, found: "Sequence[_Address] | str") -> None:
        """Begin to connect to addresses; or learn why there are none."""
        self._begun = True
        if isinstance(found, str):
            self.problem = found
            return
        self.problem, self._end = "no answer", time.monotonic() + ATTEMPT_SECONDS
        for family, kind, protocol, _, address in found[:MOST_ADDRESSES]:
            try:
                one = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)
            except OSError as error:
                self.problem = error.strerror or str(error)
                continue
            self._sockets.add(one)
            self._selector.register(one, selectors.EVENT_READ if self._silent else selectors.EVENT_WRITE, self)
            code = one.connect_ex(address)
            if code not in (0, errno.EINPROGRESS):
                self._drop(one, code)
            elif self._silent:
                self._send(one)

    def ready(self, one: Any) -> None:
        """Take what has happened to a socket."""
        if one not in self._sockets:
            return
        code = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._drop(one, code)
        else:
            self._answered = True

    def over(self, now: float) -> bool:
        """Return whether nothing more is to be expected, and settle what is to be said."""
        if self._answered or (self._silent and self._sockets and now >= self._end):
            self.problem = None
            return True
        return now >= self._end or (self._begun and not self._sockets)

    def close(self) -> None:
        """Leave it."""
        for one in list(self._sockets):
            self._leave(one)

    @property
    def _silent(self) -> bool:
        return self.wait.protocol.startswith("udp")

    def _send(self, one: socket.socket) -> None:
        """Provoke a host to say that nobody is there."""
        try:
            one.send(b"")
        except OSError as error:
            self._drop(one, error.errno or 0)

    def _drop(self, one: socket.socket, code: int) -> None:
        self.problem = os.strerror(code).lower()
        self._leave(one)

    def _leave(self, one: socket.socket) -> None:
        self._sockets.discard(one)
        self._selector.unregister(one)
        one.close()


@frozen
class _Names:
    """Looks up the hosts of looks, in threads that nobody waits for."""

    _questions: "queue.SimpleQueue[_Look]" = field(factory=queue.SimpleQueue)
    _answers: "queue.SimpleQueue[tuple[_Look, Sequence[_Address] | str]]" = field(factory=queue.SimpleQueue)
    _threads: list[threading.Thread] = field(factory=list)

    def ask(self, look: _Look) -> None:
        """Have the host of a look looked up."""
        self._questions.put(look)
        if len(self._threads) < MOST_THREADS:
            thread = threading.Thread(target=self._work, name=f"names-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def answers(self) -> "list[tuple[_Look, Sequence[_Address] | str]]":
        """Return what was found since the last time: addresses, or why there are none."""
        found = []
        while not self._answers.empty():
            found.append(self._answers.get())
        return found

    def _work(self) -> None:
        while True:
            look = self._questions.get()
            found: Sequence[_Address] | str
            try:
                found = _resolved(look.wait, 0)
            except OSError as error:
                found = (error.strerror or str(error)).lower()
            self._answers.put((look, found))


def _resolved(wait: PortWait, flags: int) -> Sequence[_Address]:
    """Return the addresses of a wait's host. Raises OSError."""
    family = _FAMILIES.get(wait.protocol[-1], socket.AF_UNSPEC)
    kind = socket.SOCK_DGRAM if wait.protocol.startswith("udp") else socket.SOCK_STREAM
    try:
        return socket.getaddrinfo(wait.host, wait.port, family, kind, 0, flags)
    except UnicodeError as error:
        raise OSError(errno.EINVAL, f"{wait.host!r} is no name of a host") from error
