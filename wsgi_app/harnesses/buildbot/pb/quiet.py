"""Twisted's log, which would print a traceback for every wrong password, as debug lines of Python's own."""

from __future__ import annotations

import logging

from twisted.logger import LogEvent, formatEvent, globalLogBeginner

_LOG = logging.getLogger("tackroom.workers.twisted")
_begun: list[bool] = []


def _observe(event: LogEvent) -> None:
    if not _LOG.isEnabledFor(logging.DEBUG):
        return
    failure = event.get("log_failure")
    # words of strangers: at most a line of them
    _LOG.debug("%s", ascii(formatEvent(event) or str(getattr(failure, "value", "")))[:2000])


def begin() -> None:
    """Send what Twisted logs to the logger `tackroom.workers.twisted` at level debug; once in a process."""
    if not _begun:
        _begun.append(True)
        globalLogBeginner.beginLoggingTo([_observe], redirectStandardIO=False, discardBuffer=True)
