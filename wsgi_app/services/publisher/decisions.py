"""The duty of looking at each event once, and deciding who is to be told of it."""

import threading
import time

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway

#: events that are looked at in one go
BATCH = 500
#: seconds between two looks while no bell is rung
LOOK_SECONDS = 1.0
#: seconds between two rounds of forgetting what has been over for long
SWEEP_SECONDS = 3600.0


class Decisions:
    """A duty of the publisher."""

    name = "notices"

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway

    def run(self, stop: threading.Event) -> None:
        """Decide until `stop` is set. Raises what a database that cannot be used does."""
        swept = 0.0
        with self._gateway.feed.listen() as ear:
            while not stop.is_set():
                while not stop.is_set() and self._gateway.notices.decide(BATCH):
                    pass
                if not swept or time.monotonic() - swept > SWEEP_SECONDS:
                    self._gateway.deliveries.sweep()
                    swept = time.monotonic()
                ear.wait(LOOK_SECONDS)

    def said(self) -> dict[str, object]:
        """Return nothing: what waits is told by who sends it."""
        return {}
