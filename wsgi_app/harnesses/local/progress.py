"""One line that shows how far an upload is."""

from __future__ import annotations

import time
from typing import TextIO

MIB = 1024 * 1024
REDRAW = 0.1  #: seconds between two drawings on a terminal
STEP = 10  #: per cent between two lines where there is no terminal
BAR = 20


class Progress:
    """Shows `name` going from 0 to `total` bytes on `stream`: redrawn on a terminal, else a line for every 10 %."""

    def __init__(self, name: str, total: int, stream: TextIO) -> None:
        self._name = name
        self._total = max(total, 0)
        self._stream = stream
        self._terminal = stream.isatty()
        self._began = time.monotonic()
        self._first: int | None = None
        self._done = 0
        self._drawn = 0.0
        self._step = 0

    def update(self, done: int) -> None:
        """Say that `done` bytes of the total are there; the first call says where the upload starts."""
        if self._first is None:
            self._first = done
            self._step = self._percent(done) // STEP
        self._done = done
        if self._terminal:
            now = time.monotonic()
            if now - self._drawn >= REDRAW or done >= self._total:
                self._drawn = now
                self._stream.write(f"\r{self._line()}\x1b[K")
                self._stream.flush()
        elif self._percent(done) // STEP > self._step:
            self._step = self._percent(done) // STEP
            self._stream.write(self._line() + "\n")
            self._stream.flush()

    def close(self) -> None:
        """End the line; nothing is shown after this."""
        if self._terminal and self._first is not None:
            self._stream.write(f"\r{self._line()}\x1b[K\n")
            self._stream.flush()

    def _percent(self, done: int) -> int:
        return 100 if self._total == 0 else min(100, 100 * done // self._total)

    def _line(self) -> str:
        seconds = max(time.monotonic() - self._began, 1e-6)
        speed = (self._done - (self._first or 0)) / seconds
        left = max(self._total - self._done, 0)
        eta = f"{left / speed:.0f} s" if speed > 0 else "?"
        percent = self._percent(self._done)
        bar = ("#" * (percent * BAR // 100)).ljust(BAR, ".")
        size = f"{self._done / MIB:.1f}/{self._total / MIB:.1f} MiB"
        return f"{self._name} [{bar}] {percent:3d} % {size} {speed / MIB:.1f} MiB/s ETA {eta}"
