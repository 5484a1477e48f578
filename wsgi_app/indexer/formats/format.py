"""What a log format is, to the reader of logs."""

import re
from collections.abc import Callable, Iterator

from attrs import frozen

from wsgi_app.indexer.formats.picker import Picker
from wsgi_app.model import Mark, ParsedResult, Signal

#: a line's number, from 1, and its bytes without the newline (of a very long line: the part around what is interesting)
Line = tuple[int, bytes]
Found = ParsedResult | Mark | Signal

#: longest path, message or title that a format makes, in characters
MAX_TEXT = 1000

#: what would be a line's end or a terminal's command to somebody
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@frozen
class Format:
    """A log format that is read by lines: how it is known, which of its lines matter, and what they say.

    From a line on that contains `trigger`, `more` picks them and not `interesting`. `parse` must not raise, whatever
    the lines.
    """

    #: None: plain text
    name: str | None
    #: from the log's first 64 KiB and its name
    detect: Callable[[bytes, str], bool]
    interesting: Picker
    parse: Callable[[Iterator[Line]], Iterator[Found]]
    trigger: bytes | None = None
    more: Picker | None = None
    #: after a line that this fits comes one that matters, whatever stands in it
    continued: re.Pattern[bytes] | None = None


@frozen
class ByteFormat:
    """A log format that lines do not make: its `parse` gets all of the log, in blocks of any size.

    It counts lines itself, and bounds its own time and memory: both grow with the log at most, and memory not for long.
    `text`: whether a run of NUL bytes is a hole. `parse` must not raise, whatever the bytes.
    """

    name: str
    #: from the log's first 64 KiB and its name
    detect: Callable[[bytes, str], bool]
    parse: Callable[[Iterator[bytes]], Iterator[Found]]
    text: bool


def text(data: bytes) -> str:
    """Return the bytes as one line of text: what cannot be decoded is replaced, control characters become a space."""
    return one_line(data[: 4 * MAX_TEXT].decode("utf-8", "replace"))


def one_line(value: str) -> str:
    """Return the text as one line without control characters, and not at any length."""
    return _CONTROL.sub(" ", value[: 4 * MAX_TEXT]).strip()[:MAX_TEXT]


def path(*names: str) -> str:
    """Return the path of a result that is known by these names, from the outermost; empty ones say nothing.

    GLib's names, and others', begin with a slash themselves: none is doubled.
    """
    return ("/" + "/".join(filter(None, (name.strip("/") for name in names))))[:MAX_TEXT]
