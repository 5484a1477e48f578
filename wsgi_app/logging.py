"""Log lines of our own processes, on standard error: one JSON object a line, or words when a person looks on.

What machines search by stands in fields of its own: pass it as `extra`, of the names in `FIELDS`. A request's id is
added to every line of the thread that answers it.
"""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime

#: the id of the request that this thread answers
request: ContextVar[str | None] = ContextVar("request", default=None)

#: what a line may have beside its message
FIELDS = ("request", "recipe", "log")

_LEVELS = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
    logging.CRITICAL: "critical",
}


def set_up(process: str) -> None:
    """Send this process's log records to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Words(process) if sys.stderr.isatty() else Lines(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # where a line cannot be written, the disk is full: the work goes on, and nobody would read the traceback
    logging.raiseExceptions = False
    # it tells every step of opening an up-to-date database
    logging.getLogger("alembic").setLevel(logging.WARNING)


def sayer(name: str) -> Callable[[str], None]:
    """Return a function that says a sentence in a log line."""

    def say(sentence: str) -> None:
        logging.getLogger(name).info("%s", sentence)

    return say


class Lines(logging.Formatter):
    """A record as one line of JSON: `time`, `level`, `process`, `message`, then what there is of `FIELDS`."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end; bytes that are no text are escaped as JSON has it."""
        value: dict[str, object] = {
            "time": _time(record.created),
            "level": _LEVELS.get(record.levelno, record.levelname.lower()),
            "process": self._process,
            "message": record.getMessage(),
            **fields(record),
        }
        if record.exc_info:
            value["traceback"] = self.formatException(record.exc_info)
        return json.dumps(value, default=str)


class Words(logging.Formatter):
    """A record as words for a terminal; control characters are escaped, but for a traceback's line ends."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with the traceback below it."""
        known = "".join(f" {name}={value}" for name, value in fields(record).items())
        line = _printable(f"{_time(record.created)} {record.levelname} {self._process}: {record.getMessage()}{known}")
        if not record.exc_info:
            return line
        below = self.formatException(record.exc_info).splitlines()
        return "\n".join([line, *map(_printable, below)])


def fields(record: logging.LogRecord) -> Mapping[str, object]:
    """Return what a record has of `FIELDS`; the request is the thread's unless the record names another."""
    found = {name: getattr(record, name) for name in FIELDS if getattr(record, name, None) is not None}
    here = request.get()
    return {"request": here, **found} if here is not None else found


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
