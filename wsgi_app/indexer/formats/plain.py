"""Plain text: no results; the first line that looks like an error is marked."""

import re
from collections.abc import Iterator

from wsgi_app.indexer.formats.format import Format, Found, Line, text
from wsgi_app.model import Mark

_ERROR = re.compile(
    rb"[Ee]rror: |ERROR\b|F(?:ATAL|atal)\b|fatal: |FAILED\b|Traceback \(most recent call last\)|Segmentation fault|"
    rb"[a-z]: command not found|No space left on device"
)


def _parse(lines: Iterator[Line]) -> Iterator[Found]:
    for number, line in lines:
        yield Mark("error", number, text(line))
        return


FORMAT = Format(None, lambda head, name: True, _ERROR, _parse)
