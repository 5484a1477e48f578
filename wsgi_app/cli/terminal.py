"""Text of strangers on a terminal: what would steer the terminal, or lie to the eye, is shown instead of obeyed."""

import codecs
import re
import sys

from wsgi_app.documents.reports.shown import UNSAFE, escaped

#: serial consoles write \r\r\n, too
_LINE_END = re.compile("\r+\n")


class Harmless:
    """Makes a stream of bytes harmless, block after block; blocks may end anywhere, also inside a character.

    Control characters become `\\x1b`, those beyond one byte `\\u202e`; bytes that are no UTF-8 become `\\xff`.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        #: carriage returns that may belong to a line end
        self._held = ""

    def feed(self, data: bytes, *, final: bool = False) -> str:
        """Return what can be shown by now; with `final` all of it."""
        text = _LINE_END.sub("\n", self._held + self._decoder.decode(data, final))
        self._held = ""
        if not final:
            shown = text.rstrip("\r")
            text, self._held = shown, text[len(shown) :]
        return UNSAFE.sub(lambda found: escaped(found[0]), text)


def harmless(data: bytes) -> str:
    """Return a whole piece of text, made harmless."""
    return Harmless().feed(data, final=True)


def write(data: bytes | str) -> None:
    """Write bytes as they are, or text in the terminal's own character set, to standard output."""
    if isinstance(data, str):
        # another character set than UTF-8 lacks most characters; and UTF-8 bytes would be control characters in it
        data = data.encode(sys.stdout.encoding or "utf-8", "backslashreplace")
    sys.stdout.buffer.write(data)


def flush() -> None:
    """Let what was written be seen."""
    sys.stdout.buffer.flush()
