"""The timer: what happens because time has passed. Watchdogs expire, logs close, late recipes settle."""

import logging
import threading

from wsgi_app.core.gateway import Gateway
from wsgi_app.errors import TackroomError

log = logging.getLogger(__name__)

#: seconds between two rounds; a watchdog is to expire within 5 s
ROUND_SECONDS = 1.0
#: rounds between two comparisons of the gate with the database
GATE_ROUNDS = 60


def run(gateway: Gateway, stop: threading.Event) -> None:
    """Do what is due every second until `stop` is set. A busy database or a full disk puts a round off."""
    rounds = 0
    # once at our start, all of them: the database may be one that was restored
    settled: int | None = 0
    while True:
        try:
            if rounds % GATE_ROUNDS == 0:
                gateway.gate_image.rebuild()
            if settled is not None:
                settled = gateway.gate_image.rebuild_settled(settled)
            expired = gateway.watchdogs.expire()
            if expired:
                log.info("aborted %d recipes: watchdog expired", expired)
            gateway.recipes.close_logs()
            rounds += 1
        except TackroomError as error:
            log.warning("this round was put off: %s", error)
        if stop.wait(ROUND_SECONDS):
            return
