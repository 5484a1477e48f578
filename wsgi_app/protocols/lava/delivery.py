"""Whether an answer reaches its client. Clients of LAVA repeat a call that was too slow for them, up to three times.

Source: readers-lava.md, trap 1.
"""

import select
import socket
import time

from wsgi_app.config import Config
from wsgi_app.protocols.web import Environ

#: seconds for which the repetition of a call makes nothing new when its answer may not have arrived
KEPT_SECONDS = 30.0
#: seconds after which somebody may have given up waiting: the shortest patience that clients are known to be given
PATIENCE_SECONDS = 2.0


class Landing:
    """The end of one call; made at its begin."""

    def __init__(self, environ: Environ, config: Config) -> None:
        self._began = time.monotonic()
        # behind httpd the socket is httpd's, which waits whether its client does or not
        self._socket: socket.socket | None = environ.get("gunicorn.socket") if config.front == "none" else None

    def kept(self) -> float:
        """Return for how many seconds the call's repetition is the same call: 0.0 when its answer arrives."""
        late = time.monotonic() - self._began > PATIENCE_SECONDS
        lost = late if self._socket is None else _has_hung_up(self._socket)
        return KEPT_SECONDS if lost else 0.0


def _has_hung_up(connection: socket.socket) -> bool:
    """Whether a client has closed its connection, as one does that gives up."""
    ask = select.poll()
    ask.register(connection, select.POLLRDHUP)
    return bool(ask.poll(0))
