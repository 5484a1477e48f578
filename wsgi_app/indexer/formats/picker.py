"""Which lines of a log a format looks at: those that an expression fits, found as fast as the engine can."""

import re

from attrs import define, frozen

from wsgi_app.indexer.formats.sieve import Sieve

#: lines that a sieve may show in vain in one piece of a log; each takes as long as the expression takes for 400 bytes
_MOST_VAIN = 256


@frozen
class Picker:
    """Picks the lines that an expression fits.

    The expression sees a newline before every line, the first one too, and may begin with it; it must not go on over
    the one behind the line, and must be linear.
    """

    expression: re.Pattern[bytes]
    #: one of its words is in each line that the expression fits; None: no such words are known
    sieve: Sieve | None = None
    #: picks the lines that the expression fits although no word is in them; None: there are none
    rest: re.Pattern[bytes] | None = None

    def over(self, data: bytes, end: int) -> "Picking":
        """Return what picks from the lines that end there."""
        sieved = None if self.sieve is None else _Sieved(self.expression, self.sieve, data, end)
        return Picking(self, data, end, sieved)


@define
class Picking:
    """Picks lines of one piece of a log, from the first one on."""

    _picker: Picker
    _data: bytes
    _end: int
    _sieved: "_Sieved | None"

    def next(self, position: int) -> re.Match[bytes] | None:
        """Return what picks the first line behind `position`, which is where another ends and may not go back."""
        sieved = self._sieved
        if sieved is not None:
            sieved.go_on(position)
            if sieved.vain <= _MOST_VAIN:
                before = self._picker.rest and self._picker.rest.search(self._data, position, sieved.line)
                return before or sieved.match
            self._sieved = None
        return self._picker.expression.search(self._data, position, self._end)


class _Sieved:
    """The lines that a sieve shows and the expression fits, one after the other."""

    def __init__(self, expression: re.Pattern[bytes], sieve: Sieve, data: bytes, end: int) -> None:
        self._expression = expression
        self._sieve = sieve
        self._data = data
        self._sifted = sieve.sifted(data)
        self._end = end
        #: where the current line begins, with the newline before it; the end, if there is none
        self.line = -1
        #: what fits it
        self.match: re.Match[bytes] | None = None
        #: lines that were shown and nothing fits
        self.vain = 0

    def go_on(self, position: int) -> None:
        """Go to the first line behind `position`, unless that is where we are; give up where too many are in vain."""
        if self.line >= position:
            return
        while self.vain <= _MOST_VAIN and (word := self._sieve.search(self._sifted, position, self._end)):
            self.line = self._data.rfind(b"\n", 0, word.start())
            position = self._data.find(b"\n", word.end(), self._end)
            position = self._end if position < 0 else position
            self.match = self._expression.search(self._data, self.line, position)
            if self.match is not None:
                return
            self.vain += 1
        self.line, self.match = self._end, None
