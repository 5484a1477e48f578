"""The timer: what happens because time has passed. Watchdogs expire, logs close, late recipes settle."""

import logging
import threading
from collections.abc import Callable, Mapping

from wsgi_app.core import disk
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.heartbeat import Heartbeat
from wsgi_app.errors import TackroomError
from wsgi_app.services import httpd
from wsgi_app.services.ports import PortLooks
from wsgi_app.services.sdnotify import Notices

log = logging.getLogger(__name__)

#: seconds between two rounds; a watchdog is to expire within 5 s
ROUND_SECONDS = 1.0
#: rounds between two comparisons of the gate with the database
GATE_ROUNDS = 60
#: rounds between two looks at a part of it
DRIFT_ROUNDS = 4


class Timer:
    """Does what is due, one round after the other."""

    def __init__(
        self,
        gateway: Gateway,
        others: Mapping[str, Callable[[], None]] | None = None,
        notices: Notices | None = None,
    ) -> None:
        """`others` are duties beside core's, by what they are called; `notices` tell the service manager how it is."""
        self._gateway = gateway
        self._others = dict(others or {})
        self._notices = notices or Notices(None, None)
        self._ports = PortLooks(gateway)
        self._rounds = 0
        #: what the last round could not do, and why
        self.problems: dict[str, str] = {}
        #: up to which settled recipe the gate was made; None: all of them
        self._settled: int | None = 0

    def run(self, stop: threading.Event, heartbeat: Heartbeat) -> None:
        """Go round every second until `stop` is set, and give a sign of life each time."""
        while not stop.wait(ROUND_SECONDS if self._rounds else 0):
            self.round()
            heartbeat.beat(problems=self.problems)
            self._notices.at_work()

    def round(self) -> None:
        """Do each duty; what a busy database or a full disk keeps from being done is put off, the rest is not."""
        gateway = self._gateway
        duties: dict[str, Callable[[], None]] = {
            # first: uploads wait for it, and it waits for nobody
            "freeing httpd's lock database": self._free_lock_database,
            # before all else that looks at the time: what is due is to be told from what only seems so
            "following the clock": self._follow_clock,
            "expiring watchdogs": self._expire,
            "closing logs": gateway.recipes.close_logs,
            # before campaigns: what ends here may let one go on
            "looking at ports": self._ports.round,
            "letting campaigns go on": gateway.campaigns.advance,
            "assigning systems": gateway.systems.assign_waiting,
            "mending the gate": self._mend_gate,
            **self._others,
        }
        problems = {}
        for name, duty in duties.items():
            if (why := _trouble(name, duty)) is not None:
                problems[name] = why
            # each may wait for a database that somebody has locked, and starting anew would not unlock it
            self._notices.alive()
        self.problems = problems
        self._rounds += 1

    def _free_lock_database(self) -> None:
        if httpd.free_lock_database(self._gateway.config):
            log.warning("httpd could not make its lock database: it tries again")

    def _follow_clock(self) -> None:
        self._gateway.steps.follow()

    def _expire(self) -> None:
        expired = self._gateway.watchdogs.expire()
        if expired:
            log.info("aborted %d recipes: watchdog expired", expired)

    def _mend_gate(self) -> None:
        if self._rounds % GATE_ROUNDS == 0:
            self._gateway.gate_image.rebuild()
        elif self._rounds % DRIFT_ROUNDS == 0:
            # what could not be made at its commit, for want of room: as soon as there is some
            self._gateway.drift.mend()
        if self._settled is not None:
            # once at our start, all of them: the database may be one that was restored
            self._settled = self._gateway.gate_image.rebuild_settled(self._settled)


def _trouble(name: str, duty: Callable[[], None]) -> str | None:
    """Do a duty, and return what kept it from being done."""
    try:
        duty()
    except (TackroomError, OSError) as error:
        why = error if isinstance(error, TackroomError) else disk.typed(error, "the disk")
        log.warning("%s is put off: %s", name, why)
        return why.message
    return None
