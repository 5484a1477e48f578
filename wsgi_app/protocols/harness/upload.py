"""The body of a log PUT as core wants it. Source: RFC 9110 section 14.4, harness-beaker.md 1.5."""

import re

from wsgi_app.errors import BadRange, LateUpload
from wsgi_app.model import Span
from wsgi_app.protocols.web import Environ, Request

#: as httpd takes it: the unit in any case, digits only, nothing before or behind
_CONTENT_RANGE = re.compile(r"bytes ([0-9]+)-([0-9]+)/(?:([0-9]+)|\*)", re.IGNORECASE | re.ASCII)

#: more digits than any place in a file has; larger numbers are all alike to us
_DIGITS = 19


class WsgiUpload:
    """A PUT's body, read as it comes."""

    def __init__(self, request: Request) -> None:
        self._range = request.headers.get("Content-Range")
        self._stream = request.environ["wsgi.input"]
        self.length = _length(request.environ)

    def span(self) -> Span | None:
        """Return the range that the body is, None when it is the whole log. Raises `BadRange`."""
        return None if self._range is None else parse_content_range(self._range)

    def read(self, size: int) -> bytes:
        """Return at most so many further bytes, none at the end. Raises `LateUpload` when the connection breaks."""
        try:
            data: bytes = self._stream.read(size)
        except OSError:
            # also when we have waited long enough: the client is told so, if it is there
            raise LateUpload from None
        return data


def parse_content_range(text: str) -> Span:
    """Read a Content-Range of a PUT, whatever its numbers are. Raises `BadRange` when it is none."""
    found = _CONTENT_RANGE.fullmatch(text)
    if found is None:
        raise BadRange
    return Span(_number(found[1]), _number(found[2]), None if found[3] is None else _number(found[3]))


def _number(digits: str) -> int:
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _DIGITS else int(10**_DIGITS)


def _length(environ: Environ) -> int | None:
    text = environ.get("CONTENT_LENGTH", "")
    if environ.get("HTTP_TRANSFER_ENCODING") or not (text.isascii() and text.isdigit()):
        return None
    return int(text)
