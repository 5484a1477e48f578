"""What a command's updates hold, out of anything that a worker may have sent; unknown keys are skipped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from wsgi_app.harnesses.buildbot.transport import Ended

STREAMS = ("stdout", "stderr", "header")
REASONS = ("timeout", "timeout_without_output", "max_lines_failure")
MOST_PARTS = 10_000  #: of one message
MOST_BYTES = 16 << 20  #: of text in one message: one text may be named many times in few bytes
TAIL = 4096  #: bytes of the worker's own words that are looked through at the end

_SIGNAL = re.compile(rb"^process killed by signal (\d{1,3})\s*$", re.MULTILINE)
_TIMED_OUT = re.compile(rb"^command timed out: \d+ seconds (without output|elapsed)\b", re.MULTILINE)

#: ("text", stream, bytes), ("log", name, bytes), ("rc", "", number) or ("reason", text, b"")
Text = tuple[Literal["text", "log"], str, bytes]
Fact = tuple[Literal["rc", "reason"], str, int]


class Nonsense(Exception):
    """A message that no worker sends."""


def _name(value: object) -> str | None:
    """A key, or the name of a log, of a worker of any age."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if isinstance(value, str) else None


def _bytes(value: object) -> bytes | None:
    """Text as bytes: of Python 3 as UTF-8, of Python 2 unchanged."""
    if isinstance(value, str):
        return value.encode(errors="replace")
    return value if isinstance(value, bytes) else None


def _log(value: object) -> Text | None:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        return None
    name, data = _name(value[0]), _bytes(value[1])
    return None if name is None or data is None else ("log", name, data)


def _part(key: object, value: object) -> Text | Fact | None:
    """One pair, checked; None when it is of no interest or no sense."""
    name = _name(key)
    if name in STREAMS:
        data = _bytes(value)
        return None if data is None else ("text", name, data)
    if name == "log":
        return _log(value)
    if name == "rc" and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 31:
        return "rc", "", value
    if name == "failure_reason" and (reason := _name(value)) in REASONS:
        return "reason", reason or "", 0
    return None


def parts(updates: object) -> Iterator[Text | Fact]:
    """What the argument of `update` holds, in order; raises Nonsense when it is none, or out of all measure."""
    if not isinstance(updates, (list, tuple)):
        raise Nonsense("updates that are no list")
    count = size = 0
    for update in updates:
        if not isinstance(update, (list, tuple)) or not update or not isinstance(update[0], dict):
            raise Nonsense("an update that is none")
        for key, value in update[0].items():
            part = _part(key, value)
            count += 1
            if part is None:
                continue
            if isinstance(part[2], bytes):
                size += len(part[2])
            if count > MOST_PARTS or size > MOST_BYTES:
                raise Nonsense("more in one update than a worker sends")
            yield part


def ended(rc: int | None, failure: str | None, reason: str | None, header: bytes) -> Ended:
    """How a command ended; older workers give the reason only in `header`, whose tail this is."""
    if reason is None and (found := _TIMED_OUT.findall(header)):
        reason = "timeout_without_output" if found[-1] == b"without output" else "timeout"
    signals = _SIGNAL.findall(header) if rc == -1 else []
    return Ended(rc, failure, reason, int(signals[-1]) if signals else None)
