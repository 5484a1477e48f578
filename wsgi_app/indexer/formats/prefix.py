"""What printk, syslog and serial loggers put before a kernel's line."""

import re

_DATE = rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
_SYSLOG = (
    rb"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [^\s]{1,64} kernel: ?|"
    + _DATE
    + rb"[ \t]{1,4}(?:[^\s\[<]{1,64} kernel: ?)?)?"
)
_LEVEL = rb"(?:<\d{1,3}>)?"
_CALLER = rb"(?: ?\[ {0,8}([TC]\d{1,9})\])?"
_SECONDS = rb"\[ {0,8}\d{1,9}\.\d{3,9}\]"

#: a syslog header or a logger's date, a level, seconds since boot, and the caller (thread or CPU): each may be missing
PREFIX = _SYSLOG + _LEVEL + rb"(?:" + _SECONDS + _CALLER.replace(b"([", b"(?:[") + rb" ?)?"

#: a line with seconds since boot
STAMPED = re.compile(rb"(?m)^(?:[^\[\n]{0,80}kernel: ?|" + _DATE + rb"[ \t]{1,4})?" + _LEVEL + _SECONDS)

_PREFIX = re.compile(_SYSLOG + _LEVEL + rb"(?:" + _SECONDS + _CALLER + rb" ?)?")


def split(line: bytes) -> tuple[bytes, bytes]:
    """Return the caller (`T12`, `C0`; empty where it is not told) and the line as `strip` returns it."""
    line = line.strip(b"\r")
    match = _PREFIX.match(line)
    return (match[1] or b"", line[match.end() :]) if match else (b"", line)


def strip(line: bytes) -> bytes:
    """Return the line without what the logging put before it; its indentation stays."""
    return split(line)[1]
