"""Results as CSV (RFC 4180): a header line, a line for each result."""

import csv
import io
import re
from collections.abc import Iterator

from wsgi_app.cli.reports.outcome import Outcome
from wsgi_app.documents.reports.shown import UNSAFE, escaped

FIELDS = (
    *("id", "recipe", "task", "path", "result", "score", "message", "source", "log", "line", "time"),
    *("measurement", "units"),
)

#: what a spreadsheet would take for a formula
_FORMULA = re.compile(r"[=+\-@\t\r]")


def write(outcome: Outcome) -> Iterator[str]:
    """Yield the report, line by line."""
    line = io.StringIO()
    writer = csv.writer(line)
    writer.writerow(FIELDS)
    for result in outcome.results():
        writer.writerow([_cell(result[name]) for name in FIELDS])
        yield line.getvalue()
        line.seek(0)
        line.truncate()
    yield line.getvalue()


def _cell(value: object) -> object:
    """Return what is to stand in a cell: a text that reads like a formula begins with an apostrophe."""
    if not isinstance(value, str):
        return value
    text = UNSAFE.sub(lambda match: escaped(match[0]), value)
    return f"'{text}" if _FORMULA.match(value) else text
