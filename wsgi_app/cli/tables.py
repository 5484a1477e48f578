"""Tables: as wide as they need to be in a pipe, as wide as the window on a terminal."""

import textwrap
import unicodedata
from collections.abc import Sequence

import click

from wsgi_app.documents.reports.shown import printable

#: no column is made narrower than this to fit a window
_LEAST = 10
#: lines of one cell in a window; the rest is left out
_MOST_LINES = 4

#: the colour of a word in a column of these names
_WORD_COLUMNS = {"RESULT", "STATUS", "STATE", "HEALTH", "VERDICT", "HARNESS", "LOGS"}
#: what is there to be copied: it is not broken over lines, and the terminal has to bear it
_WHOLE_COLUMNS = {"PATH"}
COLOURS = {
    **dict.fromkeys(("Pass", "pass", "Completed", "good", "finished"), "green"),
    **dict.fromkeys(("Fail", "Panic", "fail", "Aborted", "infrastructure", "bad", "damaged"), "red"),
    **dict.fromkeys(("Warn", "Cancelled", "cancelled", "cancelling", "maintenance", "offline"), "yellow"),
    **dict.fromkeys(("Running", "running", "growing"), "cyan"),
}


def table(
    head: Sequence[str], rows: Sequence[Sequence[object]], *, width: int | None = None, colour: bool = False
) -> str:
    """Return rows as columns under their headings; cells are wrapped when `width` columns are not enough.

    A cell that is a tuple of phrases is wrapped between them only.
    """
    cells = [[_phrases(cell) for cell in row] for row in rows]
    texts = [[" ".join(phrases) for phrases in row] for row in cells]
    widths = [max(map(columns, column)) for column in zip(head, *texts, strict=True)]
    if width is not None:
        least = [wide if name in _WHOLE_COLUMNS else columns(name) for name, wide in zip(head, widths, strict=True)]
        widths = _fit(widths, least, width)
    lines = [_line(head, widths), "  ".join("-" * wide for wide in widths)]
    for row in cells:
        wrapped = [_wrap(cell, wide) for cell, wide in zip(row, widths, strict=True)]
        for place in range(max(map(len, wrapped))):
            part = [cell[place] if place < len(cell) else "" for cell in wrapped]
            lines.append(_line(part, widths, head if colour else None))
    return "\n".join(lines)


def columns(text: str) -> int:
    """Return how many columns of a terminal a printable text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) != 0 for char in text)


def coloured(word: str) -> str:
    """Return a state, result or verdict in its colour; click leaves the colour out where there is no terminal."""
    # counts such as `3 Pass 1 Fail` have the colour of the worst
    for name in ("Panic", "Fail", "Warn"):
        if f" {name}" in word:
            return click.style(word, fg=COLOURS[name])
    return click.style(word, fg=COLOURS[word]) if word in COLOURS else printable(word)


def _line(cells: Sequence[str], widths: Sequence[int], head: Sequence[str] | None = None) -> str:
    last = len(cells) - 1
    shown = []
    for place, (cell, wide) in enumerate(zip(cells, widths, strict=True)):
        text = coloured(cell) if head is not None and head[place] in _WORD_COLUMNS else cell
        shown.append(text if place == last else text + " " * (wide - columns(cell)))
    return "  ".join(shown).rstrip()


def _phrases(cell: object) -> tuple[str, ...]:
    return tuple(map(printable, cell)) if isinstance(cell, tuple) else (printable(cell),)


def _fit(widths: Sequence[int], least: Sequence[int], width: int) -> list[int]:
    """Take from the widest columns until all fit, or until none can be made narrower."""
    fitted = list(widths)
    while sum(fitted) + 2 * (len(fitted) - 1) > width:
        widest = max(range(len(fitted)), key=lambda place: fitted[place] - max(_LEAST, least[place]))
        if fitted[widest] <= max(_LEAST, least[widest]):
            break
        fitted[widest] -= 1
    return fitted


def _wrap(phrases: tuple[str, ...], wide: int) -> list[str]:
    cell = " ".join(phrases)
    if columns(cell) <= wide:
        return [cell]
    if len(phrases) > 1:
        return _wrap_between(phrases, wide)
    # characters that take two columns: half as many fit
    room = wide if cell.isascii() else max(wide // 2, 1)
    return textwrap.wrap(cell, room, max_lines=_MOST_LINES, placeholder="...", break_on_hyphens=False) or [""]


def _wrap_between(phrases: tuple[str, ...], wide: int) -> list[str]:
    lines = [phrases[0]]
    for phrase in phrases[1:]:
        if columns(lines[-1]) + 1 + columns(phrase) <= wide:
            lines[-1] += f" {phrase}"
        else:
            lines.append(phrase)
    return lines
