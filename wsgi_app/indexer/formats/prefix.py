"""What printk, syslog and serial loggers put before a kernel's line."""

import re

#: a terminal's colour
COLOUR = rb"(?:\x1b\[[\d;]{0,16}m)"
_DATE = rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
#: `dmesg -T`; Apache's old error logs have the same, and then another bracket
_CTIME = rb"\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}\] (?!\[)"
#: of a line of the kernel's in the system's log
_HEADER = rb"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,6})?|" + _DATE + rb")[ \t]{1,4}[^\s\[<]{1,64} kernel: ?"
_SYSLOG = rb"(?:" + _CTIME + rb"|" + _HEADER + rb"|" + _DATE + rb"[ \t]{1,4})?"
_LEVEL = rb"(?:<\d{1,3}>)?"
_CALLER = rb"(?: ?\[ {0,8}([TC]\d{1,9})\])?"
_SECONDS = rb"\[ {0,8}\d{1,9}\.\d{3,9}\]"

#: a syslog header or a logger's date, a level, seconds since boot, and the caller (thread or CPU): each may be missing.
#: Nothing of it is given back: nobody looks for what could be a part of it
PREFIX = rb"(?>" + _SYSLOG + _LEVEL + rb"(?:" + _SECONDS + _CALLER.replace(b"([", b"(?:[") + rb" ?)?)"

#: a line that a kernel has said: it has the time since boot, or dmesg's clock, or a header that says so
STAMPED = re.compile(
    rb"(?m)^" + COLOUR + rb"?(?:" + _HEADER + rb"|(?:[^\[\n]{0,80}kernel: ?|" + _DATE + rb"[ \t]{1,4})?"
    + _LEVEL + rb"(?:" + _SECONDS + rb"|" + _CTIME + rb"))"
)  # fmt: skip

_COLOURS = re.compile(COLOUR)
_PREFIX = re.compile(_SYSLOG + _LEVEL + rb"(?:" + _SECONDS + _CALLER + rb" ?)?")


def split(line: bytes) -> tuple[bytes, bytes]:
    """Return the caller (`T12`, `C0`; empty where it is not told) and the line as `strip` returns it."""
    line = line.strip(b"\r")
    match = _PREFIX.match(line)
    return (match[1] or b"", line[match.end() :]) if match else (b"", line)


def strip(line: bytes) -> bytes:
    """Return the line without what the logging put before it; its indentation stays."""
    return split(line)[1]


def uncoloured(line: bytes) -> bytes:
    """Return the line without the colours that `dmesg`, or a terminal's program, gave it."""
    return _COLOURS.sub(b"", line) if b"\x1b" in line else line
