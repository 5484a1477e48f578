"""What was measured, as people read it: a table of figures, and one that shows how costs grow."""

from collections.abc import Sequence

from figure import Figure
from growth import Growth

_COLUMNS = ("ours", "other", "ratio", "bar", "goal", "met")


def lines(rows: Sequence[Figure | Growth], judged: bool) -> list[str]:
    """Return the lines of one group; `judged`: whether bars are shown and compared."""
    found = [row for row in rows if isinstance(row, Figure)]
    grown = [row for row in rows if isinstance(row, Growth)]
    made = _figures(found, judged) if found else []
    # one table for what was measured at the same sizes
    for key in dict.fromkeys((row.sizes, row.sized) for row in grown):
        made += _growth([row for row in grown if (row.sizes, row.sized) == key], judged)
    return made


def _figures(rows: list[Figure], judged: bool) -> list[str]:
    cells = [[row.figure, *_numbers(row, judged)] for row in rows]
    return _aligned([["figure", *_COLUMNS], *cells])


def _growth(rows: list[Growth], judged: bool) -> list[str]:
    head = [rows[0].sized or "figure", *(f"{size:,}" for size in rows[0].sizes), "ratio", "bar", "met"]
    cells = []
    for row in rows:
        _, _, ratio, bar, _, met = _numbers(row.figure, judged)
        values = [_number(value) for value in row.values]
        cells.append([f"{row.what}, {row.unit}" if row.unit else row.what, *values, ratio, bar, met])
    return _aligned([head, *cells])


def _numbers(row: Figure, judged: bool) -> list[str]:
    unit = f" {row.unit}" if row.unit else ""
    other = "" if row.other is None else _number(row.other) + unit
    ratio = "" if row.ratio is None else f"{row.ratio:.3f}"
    asked = [_number(row.bar), _number(row.goal), row.met] if judged else ["", "", ""]
    return [_number(row.ours) + unit, other, ratio, *asked]


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}"


def _aligned(cells: list[list[str]]) -> list[str]:
    widths = [max(len(row[place]) for row in cells) for place in range(len(cells[0]))]
    return [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
