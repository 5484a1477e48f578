"""Cases as CSV, as LAVA has it: every field in quotes, metadata as JSON.

Names stand there as they do in all other documents: it is for programs, and none of what a spreadsheet would take for
a formula is touched.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from wsgi_app.protocols.lava.blocks import blocks
from wsgi_app.protocols.lava.reports.items import item, suite_item
from wsgi_app.protocols.lava.suites import Case, Suite

COLUMNS = (
    "job",
    "suite",
    "result",
    "measurement",
    "unit",
    "duration",
    "timeout",
    "logged",
    "level",
    "metadata",
    "url",
    "name",
    "id",
    "log_start_line",
    "log_end_line",
)
SUITE_COLUMNS = ("name", "job", "id")


def write(cases: Iterable[Case]) -> Iterator[str]:
    """Yield the document."""
    return blocks(_lines(COLUMNS, map(_row, cases)))


def write_suites(suites: Iterable[Suite]) -> Iterator[str]:
    """Yield a list of suites."""
    return blocks(_lines(SUITE_COLUMNS, map(suite_item, suites)))


def _row(case: Case) -> Mapping[str, object]:
    # how long a case took, and might have, is not known
    return {**item(case), "metadata": json.dumps(case.metadata), "duration": "", "timeout": ""}


def _lines(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line, quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    for row in rows:
        yield line.getvalue()
        line.seek(0)
        line.truncate()
        writer.writerow([row[name] for name in columns])
    yield line.getvalue()
