"""The log formats, in the order in which they are tried."""

from wsgi_app.indexer.formats import binary, console, plain, tap
from wsgi_app.indexer.formats.format import Format

#: the last one takes everything
FORMATS: tuple[Format, ...] = (binary.FORMAT, console.FORMAT_WITH_TAP, console.FORMAT, tap.FORMAT, plain.FORMAT)


def detect(head: bytes, name: str) -> Format:
    """Return the format of the log that begins with these bytes and has this name."""
    return next(format_ for format_ in FORMATS if format_.detect(head, name))
