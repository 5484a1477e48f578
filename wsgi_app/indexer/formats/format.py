"""What a log format is, to the reader of logs."""

import re
from collections.abc import Callable, Iterator

from attrs import frozen

from wsgi_app.model import Mark, ParsedResult

#: a line's number, from 1, and its bytes without the newline (of a very long line: the part around what is interesting)
Line = tuple[int, bytes]
Found = ParsedResult | Mark

#: longest path, message or title that a format makes, in characters
MAX_TEXT = 1000

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


@frozen
class Format:
    """A log format: how it is known, which of its lines matter, and what they say.

    `interesting` picks those lines out of a megabyte at a time, so it must be quick and linear; it sees a newline
    before every line, the first one too, and may begin with it. From a line on that contains `trigger`, `more` is used
    instead. None: no line matters, nor do holes, for the log is no text. `parse` must not raise, whatever the lines.
    """

    #: None: plain text
    name: str | None
    #: from the log's first 64 KiB and its name
    detect: Callable[[bytes, str], bool]
    interesting: re.Pattern[bytes] | None
    parse: Callable[[Iterator[Line]], Iterator[Found]]
    trigger: bytes | None = None
    more: re.Pattern[bytes] | None = None


def text(data: bytes) -> str:
    """Return the bytes as one line of text: what cannot be decoded is replaced, control characters become a space."""
    decoded = data[: 4 * MAX_TEXT].decode("utf-8", "replace")
    return _CONTROL.sub(" ", decoded).strip()[:MAX_TEXT]
