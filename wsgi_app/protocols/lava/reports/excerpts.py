"""What stood in the console log around a case's line: of failures, for those who read reports only."""

from collections import deque
from collections.abc import Iterator, Sequence

from wsgi_app.core.cases import Sheet
from wsgi_app.core.excerpt import short
from wsgi_app.core.record import Record
from wsgi_app.core.selection import Listed
from wsgi_app.protocols.lava.suites import Case

#: records before and after the one that is meant
_BEFORE, _AFTER = 3, 2
#: records that are rather read than looked for
_NEAR = 300


class Excerpts:
    """Reads records near cases; whoever asks in the order of the records reads each of them once."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._recipe = 0
        self._next = 0
        self._ahead: Iterator[Record] = iter(())
        self._held: deque[tuple[int, str | None]] = deque(maxlen=_BEFORE + 1 + _AFTER)

    def of(self, case: Case) -> Sequence[str]:
        """Return the lines around a case's own, nothing when it has none."""
        if case.line is None:
            return ()
        first, last = max(0, case.line - _BEFORE), case.line + _AFTER
        self._approach(case.suite.part, first)
        while self._next <= last and (record := next(self._ahead, None)) is not None:
            self._held.append((record.number, _shown(record)))
            self._next = record.number + 1
        return self._around(case.line, first, last)

    def _around(self, line: int, first: int, last: int) -> list[str]:
        """Return what is held of a range, as far as it is of the same task as the line."""
        found: list[str] = []
        for number, text in self._held:
            if text is not None and first <= number <= last:
                found.append(text)
            elif text is None and number < line:
                found.clear()
            elif text is None:
                break
        return found

    def _approach(self, part: Listed, first: int) -> None:
        """Be where the record can be read from, if it is not held."""
        held = self._held[0][0] if self._held else self._next
        if part.recipe.id == self._recipe and held <= first <= self._next + _NEAR:
            return
        self._recipe, self._next = part.recipe.id, first
        self._ahead = self._sheet.records(part, first)
        self._held.clear()


def _shown(record: Record) -> str | None:
    """Return a line; None: a task begins or ends there."""
    return short(record.words) if record.phase is None else None
