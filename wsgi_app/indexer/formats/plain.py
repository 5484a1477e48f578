"""Plain text: no results; the first line that looks like an error is marked."""

import re
from collections.abc import Iterator

from wsgi_app.indexer.formats.format import Format, Found, Line, text
from wsgi_app.indexer.formats.picker import Picker
from wsgi_app.indexer.formats.sieve import Sieve
from wsgi_app.model import Mark

#: begins with a colon, which text has seldom, and not with what stands before it
_COLON = rb": (?:(?<=[Ee]rror: )|(?<=fatal: )|(?<=[a-z]: )command not found)"
_WORDS = (b"Traceback (most recent call last)", b"Segmentation fault", b"No space left on device")
_ERROR = re.compile(_COLON + rb"|ERROR\b|F(?:A(?:TAL|ILED)|atal)\b|" + b"|".join(re.escape(word) for word in _WORDS))
_SIEVE = Sieve.of(b"ERROR", b"FATAL", b"FAILED", b"Fatal", *_WORDS)


def _parse(lines: Iterator[Line]) -> Iterator[Found]:
    for number, line in lines:
        yield Mark("error", number, text(line))
        return


FORMAT = Format(None, lambda head, name: True, Picker(_ERROR, _SIEVE, re.compile(_COLON)), _parse)
