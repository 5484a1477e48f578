"""A progress bar: how far an upload is, how fast it goes, how long it will take."""

import os
import time
from collections import deque
from typing import TextIO

from wsgi_app.documents.reports.shown import printable

#: seconds between two drawings
REDRAW_SECONDS = 0.1
#: the rate is that of the last seconds: an upload that stood still a while ago is not slow now
WINDOW_SECONDS = 5.0
#: columns of the bar itself, at most and at least, and of the figures behind it, at most
WIDEST = 30
NARROWEST = 5
FIGURES = 52
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


class Bar:
    """Shows `name` going from 0 to `total` bytes (None: not known) on a terminal; elsewhere it shows nothing."""

    def __init__(self, name: str, total: int | None, stream: TextIO) -> None:
        self._name = printable(name)
        self._total = total
        self._stream = stream
        self._shown = stream.isatty()
        self._past: deque[tuple[float, int]] = deque()
        self._drawn = 0.0

    def update(self, done: int) -> None:
        """So many bytes are there."""
        now = time.monotonic()
        if self._past and done < self._past[-1][1]:
            self._past.clear()
        self._past.append((now, done))
        while len(self._past) > 2 and now - self._past[0][0] > WINDOW_SECONDS:
            self._past.popleft()
        if now - self._drawn >= REDRAW_SECONDS or done == self._total:
            self._drawn = now
            self._draw(self._line(done))

    def reach(self, done: int, total: int) -> None:
        """So many bytes are there, of so many."""
        self._total = total
        self.update(done)

    def say(self, words: str) -> None:
        """Show a few words instead of the figures until the next `update`."""
        self._drawn = 0.0
        self._draw(f"{self._name}: {printable(words)}")

    def close(self) -> None:
        """Take the line away: what came of it is said elsewhere."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _draw(self, line: str) -> None:
        if self._shown:
            # one column less than there are: a full line would wrap, and \r not go back to its beginning
            self._stream.write(f"\r{line[: _columns(self._stream) - 1]}\x1b[K")
            self._stream.flush()

    def _line(self, done: int) -> str:
        rate = self._rate()
        speed = f" {human(rate)}/s" if rate else ""
        if self._total is None:
            return f"{self._name} {human(done)}{speed}"
        part = min(1.0, done / self._total) if self._total else 1.0
        left = f" ETA {_clock((self._total - done) / rate)}" if rate and done < self._total else ""
        figures = f"{100 * part:3.0f} % {human(done)}/{human(self._total)}{speed}{left}"
        columns = _columns(self._stream) - 1
        # as if the figures were at their widest: the bar is not to jump as they change
        width = min(WIDEST, (columns - FIGURES) // 2)
        bar = f"[{('#' * int(part * width)).ljust(width, '.')}] " if width >= NARROWEST else ""
        name = _shortened(self._name, columns - len(figures) - len(bar) - 1)
        return f"{name} {bar}{figures}"

    def _rate(self) -> float:
        (began, first), (now, last) = self._past[0], self._past[-1]
        return (last - first) / (now - began) if now > began else 0.0


def human(size: float) -> str:
    """Return a number of bytes with its unit, in three or four figures."""
    unit = 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size /= 1024
        unit += 1
    return f"{size:.0f} B" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _shortened(text: str, width: int) -> str:
    """Return the end of a name, which tells more of it than its beginning."""
    if len(text) <= width:
        return text
    return "..." + text[len(text) - width + 3 :] if width > 3 else ""


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80
