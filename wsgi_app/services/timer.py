"""The timer: what happens because time has passed. Watchdogs expire, logs close, late recipes settle."""

import logging
import threading
from collections.abc import Callable

from wsgi_app.core.gateway import Gateway
from wsgi_app.errors import TackroomError

log = logging.getLogger(__name__)

#: seconds between two rounds; a watchdog is to expire within 5 s
ROUND_SECONDS = 1.0
#: rounds between two comparisons of the gate with the database
GATE_ROUNDS = 60


class Timer:
    """Does what is due, one round after the other."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._rounds = 0
        #: up to which settled recipe the gate was made; None: all of them
        self._settled: int | None = 0

    def run(self, stop: threading.Event) -> None:
        """Go round every second until `stop` is set."""
        while not stop.wait(ROUND_SECONDS if self._rounds else 0):
            self.round()

    def round(self) -> None:
        """Do each duty; what a busy database or a full disk keeps from being done is put off, the rest is not."""
        gateway = self._gateway
        for duty in (self._expire, gateway.recipes.close_logs, gateway.systems.assign_waiting, self._mend_gate):
            _try(duty)
        self._rounds += 1

    def _expire(self) -> None:
        expired = self._gateway.watchdogs.expire()
        if expired:
            log.info("aborted %d recipes: watchdog expired", expired)

    def _mend_gate(self) -> None:
        if self._rounds % GATE_ROUNDS == 0:
            self._gateway.gate_image.rebuild()
        if self._settled is not None:
            # once at our start, all of them: the database may be one that was restored
            self._settled = self._gateway.gate_image.rebuild_settled(self._settled)


def _try(duty: Callable[[], None]) -> None:
    try:
        duty()
    except TackroomError as error:
        log.warning("put off: %s", error)
