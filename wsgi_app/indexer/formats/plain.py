"""Plain text: no results; the first line that looks like an error is marked."""

import re
from collections.abc import Iterator

from wsgi_app.indexer.formats.format import Format, Found, Line, text
from wsgi_app.model import Mark

#: each branch begins with a letter, or a colon, that text seldom has: the expression engine skips all else, eight times
#: as fast as with branches that begin with `[Ee]rror` or `[a-z]`
_ERROR = re.compile(
    rb": (?:(?<=[Ee]rror: )|(?<=fatal: )|(?<=[a-z]: )command not found)|ERROR\b|F(?:A(?:TAL|ILED)|atal)\b|"
    rb"Traceback \(most recent call last\)|Segmentation fault|No space left on device"
)


def _parse(lines: Iterator[Line]) -> Iterator[Found]:
    for number, line in lines:
        yield Mark("error", number, text(line))
        return


FORMAT = Format(None, lambda head, name: True, _ERROR, _parse)
