"""Tells the service manager how this process is, in the way of sd_notify(3): a datagram to the socket it names.

Nothing is told where nobody asked: without NOTIFY_SOCKET in the environment every call does nothing.
"""

import logging
import os
import socket
import time
from collections.abc import MutableMapping

#: of the time after which a silent service is ended: sd_watchdog_enabled(3) asks for half of it or less
PINGS_IN_TIME = 3

_log = logging.getLogger(__name__)


class Notices:
    """What one service says of itself. Fork it: what it knows holds for a worker too."""

    def __init__(self, address: str | None, interval: float | None) -> None:
        """`address` is that of the socket; `interval` the seconds between two signs of life, None: nobody waits."""
        self._address = address
        self.interval = interval
        self._ready = False
        self._next = 0.0

    @property
    def wanted(self) -> bool:
        """Whether anybody listens."""
        return self._address is not None

    def at_work(self) -> None:
        """Say that it does its work: the first time that it has started (READY=1), later that it is alive."""
        if not self._ready:
            # whoever starts us waits for it: where it could not be sent, the next call sends it
            self._ready = self.tell("READY=1")
        self.alive()

    def alive(self) -> None:
        """Give a sign of life (WATCHDOG=1), when one is due and somebody waits for it."""
        if self.interval is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + self.interval
            self.tell("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that it ends now, as it was meant to."""
        self.tell("STOPPING=1")

    def tell(self, *lines: str) -> bool:
        """Send assignments as sd_notify(3) lists them, such as `STATUS=...`; True when they are sent."""
        if self._address is None:
            return False
        # @ stands for the NUL that an abstract socket's name begins with
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                # a service manager that does not read must not hold up the work
                sender.setblocking(False)
                sender.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            _log.warning("the service manager cannot be told %s: %s", lines[0], error.strerror)
            return False
        return True


def taken(environ: MutableMapping[str, str]) -> Notices:
    """Return whom to tell, by what the service manager put into the environment, and take it out of there.

    A process that is started from here is no business of the service manager's, and gunicorn's master would say READY
    before there is anybody to answer. Source: sd_watchdog_enabled(3): WATCHDOG_USEC counts for WATCHDOG_PID alone. A
    forked worker has another process id, so it is the main process that asks.
    """
    address = environ.pop("NOTIFY_SOCKET", None)
    microseconds, pid = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
    ours = not pid or pid == str(os.getpid())
    watched = address and ours and microseconds.isdecimal() and int(microseconds) > 0
    return Notices(address or None, int(microseconds) / 1e6 / PINGS_IN_TIME if watched else None)
