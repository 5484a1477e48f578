"""What time it is. Inside, a time is seconds since the epoch (float, UTC); on the wire it is RFC 3339.

Stored times are the system's clock's, which somebody may step while recipes run (decision 0015). Until the step has
been dealt with, whoever asks a `SteadyClock` gets the time as it was, in whatever process: so stored times and the
present one always fit.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import asdict, evolve, frozen

Clock = Callable[[], float]

#: by how many seconds at once the system's clock changes when it is stepped; less is followed: a leap second, slewing
STEP_SECONDS = 2.0
#: longer between two looks at two clocks, and they do not belong together
_TOGETHER_SECONDS = 0.05
#: for so long, in seconds, what was read from the database may be from before a step
_LONGEST_SNAPSHOT = 60.0


def rfc3339(seconds: float | None) -> str | None:
    """Return the time as RFC 3339 in UTC with milliseconds (`2026-11-22T08:00:00.000Z`); None stays None."""
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@frozen
class Reading:
    """The system's clock, and the one that nobody can step: seconds since the boot, those asleep included."""

    wall: float
    uptime: float

    @classmethod
    def take(cls) -> "Reading":
        """Read both at one moment."""
        while True:
            before = time.clock_gettime(time.CLOCK_BOOTTIME)
            wall = time.time()
            # a process may be stopped in between
            if time.clock_gettime(time.CLOCK_BOOTTIME) - before < _TOGETHER_SECONDS:
                return cls(wall, before)

    @property
    def epoch(self) -> float:
        """When this boot began, as the system's clock has it: another time when that was stepped."""
        return self.wall - self.uptime


@frozen
class Mark:
    """How the system's clock stood when all stored times fitted it; kept in a file that all processes read."""

    #: which boot of the machine
    boot: str
    epoch: float
    #: what the clock said when this was written
    seen: float
    #: the last step, in seconds, and when it was dealt with; None: there was none
    step: float | None = None
    stepped: float | None = None
    #: how many steps have been dealt with, as the database counts them
    steps: int = 0
    #: while the last one may not be committed yet: the mark before it
    undo: Mapping[str, Any] | None = None

    @classmethod
    def load(cls, path: Path) -> "Mark | None":
        """Return what the file says, None when there is none that can be read."""
        try:
            value: dict[str, Any] = json.loads(path.read_text())
            return cls(**value)
        # a power cut leaves it empty: then nothing is known of the time before
        except (OSError, ValueError, TypeError):
            return None

    def committed(self, steps: int) -> "Mark":
        """Return the mark that holds when the database has dealt with so many steps: this, or the one before it."""
        if self.undo is not None and self.steps > steps:
            return Mark(**self.undo)
        return evolve(self, undo=None)

    def store(self, path: Path) -> None:
        """Write the file; who reads it meanwhile finds the old one or this. Raises OSError."""
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            fresh.write_text(json.dumps(asdict(self)) + "\n")
            fresh.replace(path)
        except OSError:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise

    def step_to(self, reading: Reading) -> float:
        """Return by how many seconds the clock was stepped since; 0.0 when it was not.

        What happened while the machine was off cannot be known, but for one thing: time did not run backwards.
        """
        step = reading.epoch - self.epoch if self.boot == boot_id() else min(0.0, reading.wall - self.seen)
        return step if abs(step) >= STEP_SECONDS else 0.0


@frozen
class _Fit:
    """That stored times fit the system's clock: since when it begins, and by which mark (as a file: inode, mtime)."""

    file: tuple[int, int] | None
    epoch: float


class SteadyClock:
    """The system's time; after a step the time as it was, until the mark in the file `path` knows of the step."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fit: _Fit | None = None

    def __call__(self) -> float:
        """Return what time it is; while a step is being dealt with: as it was before."""
        return self._now(None)

    def within(self, steps: Callable[[], int]) -> float:
        """Return what time it is for a transaction, in which the database says how many steps have been dealt with."""
        return self._now(steps)

    def _now(self, steps: Callable[[], int] | None) -> float:
        reading, file, fit = Reading.take(), self._file(), self._fit
        # by another mark, the clock may have been elsewhere meanwhile, and be back
        if fit is None or fit.file != file or abs(reading.epoch - fit.epoch) >= STEP_SECONDS:
            mark = Mark.load(self._path)
            epoch = _epoch(mark, reading, steps)
            if abs(reading.epoch - epoch) >= STEP_SECONDS:
                return epoch + reading.uptime
            if mark is None or mark.undo is not None or _recent(mark, reading):
                # another transaction may see other times
                self._fit = None
                return reading.wall
        # slewing is followed
        self._fit = _Fit(file, reading.epoch)
        return reading.wall

    def _file(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)  # noqa: PTH116 (for every time that is asked for: half of what Path takes)
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns


def _epoch(mark: Mark | None, reading: Reading, steps: Callable[[], int] | None) -> float:
    """Return the epoch that stored times fit, for a transaction in which `steps` have been dealt with."""
    if mark is None or mark.boot != boot_id():
        return reading.epoch
    if mark.undo is not None:
        return mark.committed(mark.steps - 1 if steps is None else steps()).epoch
    # what a snapshot shows may be older than the mark
    if mark.step is not None and steps is not None and _recent(mark, reading) and steps() < mark.steps:
        return mark.epoch - mark.step
    return mark.epoch


def _recent(mark: Mark, reading: Reading) -> bool:
    """Whether a snapshot may be open in which the last step has not been dealt with."""
    return mark.stepped is not None and abs(reading.wall - mark.stepped) < _LONGEST_SNAPSHOT


def boot_id() -> str:
    """Return what tells this boot of the machine from all others."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
