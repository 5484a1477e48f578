"""What printk, syslog and serial loggers put before a kernel's line."""

import re

#: a syslog header, a level, seconds since boot, and the caller (thread or CPU): each may be missing
PREFIX = (
    rb"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [^\s]{1,64} kernel: ?)?"
    rb"(?:<\d{1,3}>)?"
    rb"(?:\[ {0,8}\d{1,9}\.\d{3,9}\](?: ?\[ {0,8}[TC]\d{1,9}\])? ?)?"
)

#: a line with seconds since boot
STAMPED = re.compile(rb"(?m)^(?:[^\[\n]{0,80}kernel: ?)?(?:<\d{1,3}>)?\[ {0,8}\d{1,9}\.\d{3,9}\]")

_PREFIX = re.compile(PREFIX)


def strip(line: bytes) -> bytes:
    """Return the line without what the logging put before it; its indentation stays."""
    line = line.strip(b"\r")
    match = _PREFIX.match(line)
    return line[match.end() :] if match else line
