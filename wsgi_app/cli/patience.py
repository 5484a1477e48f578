"""Bearing with a server that does not answer for a while: it is restarted, or the network is down."""

import time
from collections.abc import Callable

import click

from wsgi_app.cli.client import Refused, Stranger, Unreachable
from wsgi_app.documents.reports.shown import printable

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
#: what passes by itself: a slow line, too many calls; and everything from 500 on
_PASSING = (408, 429)


def tell(words: str) -> None:
    """Say on standard error, in one line, what goes on."""
    click.echo(f"tackroom: {printable(words)}", err=True)


def passes(trouble: Unreachable | Refused) -> bool:
    """Whether it may be over by itself: a server that is away, or cannot answer now."""
    if isinstance(trouble, Refused):
        return trouble.status >= 500 or trouble.status in _PASSING
    return not isinstance(trouble, Stranger)


class Patience:
    """Pauses, longer each time, until something works again; gives up `seconds` after the first failure in a row."""

    def __init__(self, seconds: float, say: Callable[[str], None] = tell) -> None:
        self._seconds = seconds
        self._say = say
        self._until: float | None = None
        self._pause = FIRST_PAUSE

    def rest(self) -> None:
        """Something has worked."""
        self._until = None
        self._pause = FIRST_PAUSE

    def bear(self, trouble: Unreachable | Refused) -> None:
        """Pause before the next try, or raise the trouble: it is no passing one, or has lasted too long."""
        if not passes(trouble):
            raise trouble
        now = time.monotonic()
        if self._until is None:
            self._until = now + self._seconds
            self._say(f"trying again: {trouble}")
        if now >= self._until:
            raise trouble
        time.sleep(min(self._pause, self._until - now))
        self._pause = min(LONGEST_PAUSE, 2 * self._pause)
