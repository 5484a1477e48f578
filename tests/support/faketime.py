"""A system's clock that a test can step, for the processes that begin with it: libfaketime."""

import os
from pathlib import Path

import pytest
from attrs import frozen

#: libfaketime 0.9.10 takes sleeping until a moment of the monotonic clock, as Python does, for one of the true time
SLEEP = "import select, time\ntime.sleep = lambda seconds: select.select([], [], [], seconds) and None\n"


@frozen
class SteppedClock:
    """Puts CLOCK_REALTIME ahead or back, but not the clocks that nobody can set, and not what the disk says."""

    #: a directory that the processes can read
    place: Path

    @classmethod
    def at(cls, place: Path) -> "SteppedClock":
        """Make one that keeps its files in the directory `place`."""
        made = cls(place)
        (place / "sitecustomize.py").write_text(SLEEP)
        made.step(0)
        return made

    @property
    def environ(self) -> dict[str, str]:
        """What the environment of its processes has; skips the test where there is no libfaketime."""
        return {
            "LD_PRELOAD": _library(),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DISABLE_SHM": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, (str(self.place), os.environ.get("PYTHONPATH")))),
        }

    def step(self, seconds: int) -> None:
        """Let the clock differ from the true time by so many seconds from now on."""
        fresh = self.place / "offset.new"
        fresh.write_text(f"{seconds:+d}\n")
        fresh.chmod(0o644)
        # by rename: who reads it finds it whole
        fresh.replace(self._offset)

    @property
    def _offset(self) -> Path:
        return self.place / "offset"


def _library() -> str:
    for found in Path("/usr/lib").glob("*/faketime/libfaketime.so.1"):
        return str(found)
    pytest.skip("no libfaketime on this machine")
