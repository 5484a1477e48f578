"""What is done with one log: read, brought to the disk, recorded; and how a declared one comes to be sealed.

A declared log is read as soon as it may be what was declared, while its owner runs: a *look*. When it is that, core
shuts the gate (`Logs.looked`); what was read is recorded once nobody can have got past the gate any more, if the file
is still the same then (`Reader.record`). Every step may be the last one of this process: the next one looks again.
"""

import time
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from wsgi_app.config import Config
from wsgi_app.core.findings import Finding
from wsgi_app.core.gateway import Gateway
from wsgi_app.errors import TackroomError
from wsgi_app.indexer import index, settle
from wsgi_app.indexer.index import LogChanging, Stamp
from wsgi_app.model import Declaration, LogAddress, LogIndex

#: a log that keeps changing is looked at again after so many times what the last look took: at most 1/20 of the time
REST = 20


@frozen
class Look:
    """What a log was when it was read."""

    stamp: Stamp
    #: it is recorded
    finished: bool = False
    #: what was declared of it when the look began
    declared: Declaration | None = None
    #: what was found, of a sealed log that is still to be recorded
    found: LogIndex | None = None
    #: when the look ended (monotonic), and how many seconds it took
    ended: float = 0.0
    seconds: float = 0.0

    @property
    def rested(self) -> float:
        """From when on the log may be looked at again."""
        return self.ended + REST * self.seconds


#: what came of reading a log
Outcome = Look | OSError | TackroomError


class Reader:
    """Reads logs, in whatever thread."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._config = config

    def path(self, address: LogAddress) -> Path:
        """Where a log lies."""
        return self._config.logs / str(address.recipe) / address.path

    def index(self, addresses: Sequence[LogAddress]) -> list[Outcome]:
        """Read logs whose owners have finished, bring them to the disk, record what they hold; in this order.

        Return what came of each in turn. What is raised is everyone's: nothing is recorded.
        """
        outcomes: dict[LogAddress, Outcome] = {}
        findings: list[Finding] = []
        for address in addresses:
            path = self.path(address)
            try:
                found, stamp = index.read_stamped(path, address.name, self._config.max_parsed)
                index.flush_file(path)
            except (OSError, TackroomError) as error:
                outcomes[address] = error
            else:
                outcomes[address] = Look(stamp, finished=True)
                findings.append(Finding(address.recipe, address.path, found))
        read = [address for address in addresses if isinstance(outcomes[address], Look)]
        index.flush_names([self.path(address) for address in read], self._config.logs)
        for address, outcome in zip(read, self._gateway.logs.all_indexed(findings), strict=True):
            if isinstance(outcome, TackroomError):
                outcomes[address] = outcome
        return [outcomes[address] for address in addresses]

    def look(self, address: LogAddress, declared: Declaration) -> Look:
        """Read a declared log whose owner still runs, and have it sealed when it is what was declared."""
        began = time.monotonic()
        found, stamp = index.read_stamped(self.path(address), address.name, self._config.max_parsed)
        sealed = self._gateway.logs.looked(address.recipe, address.path, found.size, found.sha256)
        ended = time.monotonic()
        return Look(stamp, False, declared, found if sealed else None, ended, ended - began)

    def record(self, address: LogAddress, look: Look, found: LogIndex) -> Look:
        """Bring a sealed log to the disk and record what was found in it. Raises `LogChanging` when it is another."""
        path = self.path(address)
        index.flush(path, self._config.logs)
        # the gate has been shut for a while: what is the same now stays the same
        if not settle.settled(path) or Stamp.of(path.lstat()) != look.stamp:
            raise LogChanging(f"{address.name} changed while it was sealed")
        self._gateway.logs.indexed(address.recipe, address.path, found)
        return Look(look.stamp, finished=True)
