"""What time it is. Inside, a time is seconds since the epoch (float, UTC); on the wire it is RFC 3339."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], float]

system_clock: Clock = time.time


def rfc3339(seconds: float | None) -> str | None:
    """Return the time as RFC 3339 in UTC with milliseconds (`2026-11-22T08:00:00.000Z`); None stays None."""
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
