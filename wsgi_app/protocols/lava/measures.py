"""Numbers and times as LAVA writes them: measurements with ten places, times with six and their zone."""

import math
from datetime import UTC, datetime
from decimal import Decimal


def measured(number: float | None) -> str:
    """Return a measurement's text, `None` for none; so is what is no number at all."""
    if number is None or not math.isfinite(number):
        return "None"
    return f"{Decimal(repr(number)):.10f}"


def moment(time: float) -> str:
    """Return a time (seconds since the epoch): `YYYY-MM-DD HH:MM:SS.ffffff+00:00`."""
    return datetime.fromtimestamp(time, UTC).isoformat(" ", "microseconds")
