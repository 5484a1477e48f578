"""gunicorn's threaded worker, as it is to behave when it may open no more files: it waits, and calls go on.

gunicorn's own ends, with all the calls that it holds, when a connection cannot be accepted for want of a descriptor;
and it breaks a connection off when none is left to wait for its first byte with.
"""

import logging
import select
import time
from typing import Any

from gunicorn.workers import gthread

from wsgi_app.core import disk

#: until connections are accepted again; they wait in the kernel meanwhile
PAUSE_SECONDS = 0.5

_log = logging.getLogger(__name__)


class AcceptingWorker(gthread.ThreadWorker):  # type: ignore[misc]
    """A worker that outlives the want of descriptors."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._resume_at = 0.0
        self._said = False

    def set_accept_enabled(self, enabled: bool) -> None:
        """Accept connections, or do so no more; not before a pause is over."""
        if not enabled or time.monotonic() >= self._resume_at:
            super().set_accept_enabled(enabled)

    def accept(self, listener: Any) -> None:
        """Accept a connection; where none can be had, pause."""
        try:
            super().accept(listener)
            self._said = False
        except OSError as error:
            if error.errno not in disk.TROUBLE:
                raise
            if not self._said:
                _log.warning("no connection can be accepted: %s: the next ones wait", error.strerror)
            self._said = True
            self._resume_at = time.monotonic() + PAUSE_SECONDS
            self.set_accept_enabled(False)

    def handle(self, conn: Any) -> Any:
        """Handle a request, once its first byte is there; poll(2) needs no descriptor."""
        if not (conn.initialized or conn.data_ready):
            first = select.poll()
            first.register(conn.sock, select.POLLIN)
            if not first.poll(gthread.DEFAULT_WORKER_DATA_TIMEOUT * 1000):
                return gthread._DEFER
            conn.data_ready = True
        return super().handle(conn)
