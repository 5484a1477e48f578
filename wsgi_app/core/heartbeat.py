"""Signs of life: each long-running process writes how it is into a small file, and whoever wants to know reads it.

Age is told by the kernel's monotonic clock, which is one for all processes of a machine: a wall clock that is set
makes nobody look dead.
"""

import json
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

#: the files, below DATA/run
INDEXER = "indexer.json"
TIMER = "timer.json"
WORKERS = "workers.json"
PUBLISHER = "publisher.json"
#: how often a process writes, while it goes round
BEAT_SECONDS = 1.0
#: whoever has written nothing for so long hangs
STALE_SECONDS = 30.0

_log = logging.getLogger(__name__)


@frozen
class Beat:
    """The last sign of life of a process."""

    pid: int
    #: seconds since it was written; endless when that was before the machine was started
    age: float
    #: what the process says of itself
    said: Mapping[str, Any] = field(factory=dict)

    @property
    def stale(self) -> bool:
        """Whether it is so old that the process hangs."""
        return self.age > STALE_SECONDS


class Heartbeat:
    """One process's file, written by it alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next = 0.0
        self._fails = False

    @property
    def due(self) -> bool:
        """Whether it is time to write again."""
        return time.monotonic() >= self._next

    def beat(self, **said: object) -> None:
        """Write how this process is. Where that fails, the file grows old, and says so by that; the process goes on."""
        now = time.monotonic()
        self._next = now + BEAT_SECONDS
        value = {"pid": os.getpid(), "time": time.time(), "monotonic": now, **said}
        fresh = self._path.with_name(self._path.name + ".new")
        try:
            fresh.write_text(json.dumps(value) + "\n", encoding="utf-8")
            fresh.replace(self._path)
        except OSError as error:
            if not self._fails:
                _log.warning("%s cannot be written: %s", self._path, error.strerror)
            self._fails = True
        else:
            self._fails = False


def last(path: Path) -> Beat | None:
    """Return the last sign of life in a process's file, None when there is none that can be read."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        age = time.monotonic() - float(value.pop("monotonic"))
        return Beat(int(value.pop("pid")), age if age >= 0 else float("inf"), value)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
