"""Suites and cases: what was said of a job, as lists with filters. readers-lava.md 8.2."""

from collections.abc import Iterator
from typing import Any

from werkzeug.wrappers import Response

from wsgi_app.clock import rfc3339
from wsgi_app.config import Config
from wsgi_app.core.cases import Sheet
from wsgi_app.core.gateway import Gateway
from wsgi_app.errors import NotFound
from wsgi_app.protocols import web
from wsgi_app.protocols.lava import references
from wsgi_app.protocols.lava.reports import yamlrows
from wsgi_app.protocols.lava.rest import paging, query, rows
from wsgi_app.protocols.lava.rest.query import NUMBERS, TEXTS, TIMES, Asked, Field
from wsgi_app.protocols.lava.suites import WORDS, Case, Suite, cases, cases_of, count, count_of, one, suites
from wsgi_app.protocols.web import Request

_SUITE_FIELDS = {"id": Field(query.whole, NUMBERS), "name": Field(query.text, TEXTS)}
_SUITE_VALUES: rows.Values[Suite] = {"id": lambda suite: suite.id, "name": lambda suite: suite.name}

_CASE_FIELDS = {
    "id": Field(query.whole, NUMBERS),
    "name": Field(query.text, TEXTS),
    "suite": Field(query.whole, NUMBERS),
    "suite__name": Field(query.text, TEXTS),
    "result": Field(query.word(*WORDS)),
    "test_set": Field(query.text, (*TEXTS, "isnull")),
    "test_set__name": Field(query.text, TEXTS),
    "unit": Field(query.text, TEXTS),
    "units": Field(query.text, TEXTS),
    "metadata": Field(query.text, ("contains", "icontains")),
    "measurement": Field(query.decimal, (*NUMBERS, "isnull")),
    "start_log_line": Field(query.whole, (*NUMBERS, "isnull")),
    "end_log_line": Field(query.whole, (*NUMBERS, "isnull")),
    "logged": Field(query.time, TIMES),
}
_CASE_VALUES: rows.Values[Case] = {
    "id": lambda case: case.id,
    "name": lambda case: case.name,
    "suite": lambda case: case.suite.id,
    "suite__name": lambda case: case.suite.name,
    "result": lambda case: case.result,
    "test_set": lambda case: case.set or None,
    "test_set__name": lambda case: case.set or None,
    "unit": lambda case: case.units,
    "units": lambda case: case.units,
    "metadata": yamlrows.metadata,
    "measurement": lambda case: None if case.measurement == _UNSET else float(case.measurement),
    "start_log_line": lambda case: case.line,
    "end_log_line": lambda case: case.line,
    "logged": lambda case: case.logged,
}
_CASE_ORDERS = ("id", "name", "result", "logged", "suite")
#: a case that measured nothing
_UNSET = "None"


class Suites:
    """What was said of jobs."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._base = config.public_url
        self._place = f"{config.prefix}api/v0.2/"

    def page(self, request: Request, job: str) -> Response:
        """GET jobs/ID/suites/."""
        wanted = query.asked(request, _SUITE_FIELDS)
        found = rows.chosen(suites(self._sheet(request, job)), wanted, _SUITE_VALUES)
        shown = rows.ordered(request, found, _SUITE_VALUES, tuple(_SUITE_VALUES), "id")
        return paging.part(request, self._base, shown, self._suite_row)

    def get(self, request: Request, job: str, suite: int) -> Response:
        """GET jobs/ID/suites/SID/."""
        return web.json_response(self._suite_row(suite_of(self._sheet(request, job), suite)))

    def all_cases(self, request: Request, job: str) -> Response:
        """GET jobs/ID/tests/."""
        sheet = self._sheet(request, job)
        wanted, asked = query.asked(request, _CASE_FIELDS), paging.window(request)
        if wanted or request.args.get("ordering"):
            return self._chosen(request, cases(sheet), wanted)
        shown = cases(sheet, offset=asked.offset, limit=asked.limit)
        return paging.page(request, self._base, asked, count(sheet), map(self._case_row, shown))

    def cases(self, request: Request, job: str, suite: int) -> Response:
        """GET jobs/ID/suites/SID/tests/."""
        sheet = self._sheet(request, job)
        found = suite_of(sheet, suite)
        wanted, asked = query.asked(request, _CASE_FIELDS), paging.window(request)
        if wanted or request.args.get("ordering"):
            return self._chosen(request, cases_of(sheet, found), wanted)
        shown = cases_of(sheet, found, offset=asked.offset, limit=asked.limit)
        return paging.page(request, self._base, asked, count_of(sheet, found), map(self._case_row, shown))

    def case(self, request: Request, job: str, suite: int, test: int) -> Response:
        """GET jobs/ID/suites/SID/tests/TID/."""
        sheet = self._sheet(request, job)
        found = one(sheet, test)
        if found is None or found.suite.id != suite:
            raise NotFound("there is no such test in this suite")
        return web.json_response(self._case_row(found))

    def _sheet(self, request: Request, job: str) -> Sheet:
        return self._gateway.cases.read(request.caller, references.parse(job))

    def _chosen(self, request: Request, found: Iterator[Case], wanted: list[Asked]) -> Response:
        """Answer with the cases that fit what is asked, in the order that is asked for."""
        chosen = rows.chosen(self._gateway.long_reads.share(found), wanted, _CASE_VALUES)
        shown = rows.ordered(request, chosen, _CASE_VALUES, _CASE_ORDERS, "id")
        return paging.part(request, self._base, shown, self._case_row)

    def _suite_row(self, suite: Suite) -> dict[str, Any]:
        return {
            "id": suite.id,
            "name": suite.name,
            "job": suite.job,
            "resource_uri": f"{self._place}jobs/{suite.job}/suites/{suite.id}/",
        }

    def _case_row(self, case: Case) -> dict[str, Any]:
        return {
            "id": case.id,
            "name": case.name,
            "unit": case.units,
            "result": case.result,
            "measurement": None if case.measurement == _UNSET else case.measurement,
            "metadata": yamlrows.metadata(case),
            "suite": case.suite.id,
            "start_log_line": case.line,
            "end_log_line": case.line,
            "test_set": case.set or None,
            "logged": rfc3339(case.logged),
            "resource_uri": f"{self._place}jobs/{case.suite.job}/suites/{case.suite.id}/tests/{case.id}/",
        }


def suite_of(sheet: Sheet, number: int) -> Suite:
    """Return the suite with this id. Raises `NotFound`."""
    found = next((suite for suite in suites(sheet) if suite.id == number), None)
    if found is None:
        raise NotFound("there is no such suite in this job")
    return found
