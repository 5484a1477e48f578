"""A case as LAVA's result item: all values are texts but the metadata. Source: readers-lava.md section 3."""

from collections.abc import Mapping

from wsgi_app.protocols.lava.measures import moment
from wsgi_app.protocols.lava.suites import Case, Suite

Item = dict[str, str | Mapping[str, str]]


def item(case: Case) -> Item:
    """Return a case as an item."""
    line = "" if case.line is None else str(case.line)
    return {
        "name": case.name,
        "job": str(case.suite.job),
        "suite": case.suite.name,
        "result": case.result,
        "measurement": case.measurement,
        "unit": case.units,
        "level": "",
        "url": case.url,
        "id": str(case.id),
        "logged": moment(case.logged),
        "log_start_line": line,
        "log_end_line": line,
        "metadata": case.metadata,
    }


def suite_item(suite: Suite) -> dict[str, str]:
    """Return a suite as an item of the list of suites."""
    return {"name": suite.name, "job": str(suite.job), "id": str(suite.id)}
