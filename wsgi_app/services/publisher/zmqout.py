"""Events by ZMQ: five frames each, to whoever subscribes. No credentials, so only what anyone may read.

Who subscribes late, or reads too slowly, misses messages: that is how such sockets are. What is published while this
process is down is published by the next one. Source: readers-lava.md section 9.4.
"""

import threading
import time
from collections.abc import Sequence
from contextlib import closing

import zmq

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.errors import Unavailable
from wsgi_app.protocols.lava.events import Message, Messages

#: messages that are kept for one slow subscriber
MOST_WAITING = 10_000
#: milliseconds between two signs of life on a connection, and without any until it is given up
BEAT, SILENCE = 5_000, 15_000
#: milliseconds for which what was published may still go out when it ends
_LINGER = 500
#: subscribers have nothing long to say
_LONGEST_SAID = 4096
#: seconds for which a new socket waits for its first subscriber: those of the last one need a moment to come back
FIRST_SECONDS = 2.0
#: seconds between two looks for subscribers, and whether it is to end
_LOOK_SECONDS = 0.25
#: seconds between two notes of how far it is, while there is something to publish, and while there is not
_NOTE_SECONDS, _IDLE_NOTE_SECONDS = 0.5, 60.0


class ZmqOut:
    """Publishes what happens, from where the last one ended."""

    name = "zmq"

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._listen = config.zmq_listen
        self._messages = Messages(gateway, config)
        self._published = 0

    def said(self) -> dict[str, object]:
        """Return how it is, for the sign of life."""
        return {"zmq": {"listen": self._listen, "published": self._published}}

    def run(self, stop: threading.Event) -> None:
        """Publish until `stop` is set. Raises `Unavailable` when it cannot listen."""
        with closing(Outlet(self._listen)) as outlet, self._gateway.feed.listen() as ear:
            position = _Position(self._gateway, self.name)
            outlet.wait(stop, FIRST_SECONDS)
            try:
                while not stop.is_set():
                    outlet.look()
                    told = self._gateway.feed.after(position.reached)
                    if told:
                        sent = outlet.publish(self._messages.of(told))
                        self._published += sent
                        position.move(told[-1].event.id, sent=sent > 0)
                    else:
                        position.note()
                        ear.wait(_LOOK_SECONDS)
            finally:
                position.note(last=True)


class Outlet:
    """The socket."""

    def __init__(self, listen: str) -> None:
        """Listen at `tcp://HOST:PORT`. Raises `Unavailable`."""
        self._context = zmq.Context()
        # as PUB, but it can be seen that somebody subscribes
        self._socket = self._context.socket(zmq.XPUB)
        options = {
            zmq.SNDHWM: MOST_WAITING,
            zmq.HEARTBEAT_IVL: BEAT,
            zmq.HEARTBEAT_TIMEOUT: SILENCE,
            zmq.LINGER: _LINGER,
            zmq.MAXMSGSIZE: _LONGEST_SAID,
            zmq.IPV6: int("[" in listen),
        }
        for option, value in options.items():
            self._socket.setsockopt(option, value)
        try:
            self._socket.bind(listen)
        except zmq.ZMQError as error:
            self.close()
            raise Unavailable(f"{listen}: {error.strerror}") from None

    def wait(self, stop: threading.Event, seconds: float) -> None:
        """Return when somebody has subscribed, or after so many seconds."""
        end = time.monotonic() + seconds
        while not stop.is_set() and time.monotonic() < end:
            if self._socket.poll(int(_LOOK_SECONDS * 1000)):
                return

    def look(self) -> None:
        """Take who has come and gone: the socket knows them by itself, but what it says of them must be read."""
        while self._socket.poll(0):
            self._socket.recv()

    def publish(self, messages: Sequence[Message]) -> int:
        """Send those that anyone may read, and return how many these were; it waits for nobody."""
        public = [message for message in messages if message.private_to is None]
        for message in public:
            self._socket.send_multipart([frame.encode() for frame in message.frames()])
        return len(public)

    def close(self) -> None:
        """Let go; what was sent may still arrive."""
        self._socket.close()
        self._context.term()


class _Position:
    """How far it is; noted now and then, and at the end. After a kill, what came since the last note comes again."""

    def __init__(self, gateway: Gateway, name: str) -> None:
        self._positions = gateway.positions
        self._name = name
        self.reached = self._noted = self._positions.begin(name)
        self._positions.move(name, self.reached)
        self._sent = False
        self._time = time.monotonic()

    def move(self, event: int, *, sent: bool) -> None:
        """It has come so far, and has `sent` something of that."""
        self.reached = event
        self._sent = self._sent or sent
        self.note()

    def note(self, *, last: bool = False) -> None:
        """Note it, if it is time."""
        waited = time.monotonic() - self._time
        due = last or waited >= (_NOTE_SECONDS if self._sent else _IDLE_NOTE_SECONDS)
        if due and self.reached != self._noted:
            self._positions.move(self._name, self.reached)
            self._noted, self._sent, self._time = self.reached, False, time.monotonic()
