"""The log formats, in the order in which they are tried: the first one that knows a log has it."""

from wsgi_app.indexer.formats import (
    automake,
    beakerlib,
    binary,
    console,
    junit,
    lava,
    plain,
    subunit,
    tap,
    xmtest,
)
from wsgi_app.indexer.formats.format import ByteFormat, Format

FORMATS: tuple[Format | ByteFormat, ...] = (
    # by their first bytes, which nothing else begins with
    binary.FORMAT,
    subunit.FORMAT,
    junit.FORMAT,
    # a kernel's log may have any of the following in it, and not the other way round
    console.FORMAT_WITH_TESTS,
    console.FORMAT,
    # by lines that nobody writes by chance, from the outermost: they may have TAP between them
    lava.FORMAT,
    beakerlib.FORMAT,
    # xm-test's tests are run by automake
    xmtest.FORMAT,
    automake.FORMAT,
    # by little: a line that begins with `ok 1` or `1..3` is enough
    tap.FORMAT,
    # takes everything
    plain.FORMAT,
)


def detect(head: bytes, name: str) -> Format | ByteFormat:
    """Return the format of the log that begins with these bytes and has this name."""
    return next(format_ for format_ in FORMATS if format_.detect(head, name))
