"""What has come in, counted from the access log: bytes and uploads of logs, and how long calls took.

The timer counts; whoever shows the figures reads the file that it leaves. With the counts stands how far which file was
read, so that neither a rotation nor a restart counts a line twice, or not at all.
"""

import json
from bisect import bisect_left
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

FILE = "traffic.json"
#: upper bounds of the histogram, in seconds: a waiting call may take five minutes
BOUNDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0)


@frozen
class Call:
    """A kind of call: method, rule of its URL (`other` for what no rule has) and class of its status (`2xx`)."""

    method: str
    route: str
    status: str


@define
class Durations:
    """How long calls of one kind took."""

    #: how many were within each bound and above the one before; the last: longer than all
    counts: list[int] = field(factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        """Count a call."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


@define
class Traffic:
    """All that was counted."""

    #: accepted uploads of logs, whole or in ranges, and their bytes
    puts: int = 0
    bytes: int = 0
    calls: dict[Call, Durations] = field(factory=dict)
    #: how many bytes of a file were read, by what its first line says
    read: dict[str, int] = field(factory=dict)

    def add(self, call: Call, seconds: float) -> None:
        """Count a call."""
        self.calls.setdefault(call, Durations()).add(seconds)

    def store(self, path: Path) -> None:
        """Write it to a file, by rename. Raises OSError."""
        value = {
            "puts": self.puts,
            "bytes": self.bytes,
            "bounds": BOUNDS,
            "calls": [
                [call.method, call.route, call.status, known.counts, known.seconds]
                for call, known in self.calls.items()
            ],
            "read": self.read,
        }
        fresh = path.with_name(path.name + ".new")
        fresh.write_text(json.dumps(value) + "\n", encoding="utf-8")
        fresh.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Traffic | None":
        """Return what a file has, None when there is none that can be read."""
        try:
            value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            # other bounds cannot be brought to ours: these begin anew, as counters may
            known = value["calls"] if tuple(value["bounds"]) == BOUNDS else []
            calls = {Call(*words): Durations(counts, seconds) for *words, counts, seconds in known}
            return cls(int(value["puts"]), int(value["bytes"]), calls, dict(value["read"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
