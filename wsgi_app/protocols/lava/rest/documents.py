"""A job's results as documents: JUnit, TAP, CSV, YAML, JSON lines. All tell the same cases."""

import re
from collections.abc import Iterable

from werkzeug.wrappers import Response

from wsgi_app.core.cases import Sheet
from wsgi_app.core.gateway import Gateway
from wsgi_app.protocols.lava import references
from wsgi_app.protocols.lava.reports import csvrows, jsonlines, junit, tap, yamlrows
from wsgi_app.protocols.lava.reports.excerpts import Excerpts
from wsgi_app.protocols.lava.rest.suites import suite_of
from wsgi_app.protocols.lava.suites import cases, cases_of
from wsgi_app.protocols.web import Request

#: no list is longer
_FURTHEST = 2**31 - 1
_NO_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]")


class Documents:
    """Reports, each one stream."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def junit(self, request: Request, job: str) -> Response:
        """GET jobs/ID/junit/; `classname_prefix` goes before the names of classes."""
        prefix = request.text("classname_prefix") or ""
        sheet = self._sheet(request, job)
        text = junit.write(cases(sheet), Excerpts(sheet), name=f"job {job}", prefix=prefix)
        return attachment(self._gateway.long_reads.share(text), f"job_{job}.xml", "application/xml")

    def tap13(self, request: Request, job: str) -> Response:
        """GET jobs/ID/tap13/."""
        sheet = self._sheet(request, job)
        text = self._gateway.long_reads.share(tap.write(cases(sheet), Excerpts(sheet)))
        return attachment(text, f"job_{job}.tap", "text/plain")

    def csv(self, request: Request, job: str) -> Response:
        """GET jobs/ID/csv/; `limit` and `offset` count cases."""
        offset, limit = part(request)
        text = csvrows.write(cases(self._sheet(request, job), offset=offset, limit=limit))
        return attachment(text, f"job_{job}.csv", "application/csv")

    def yaml(self, request: Request, job: str) -> Response:
        """GET jobs/ID/yaml/; `limit` and `offset` count cases."""
        offset, limit = part(request)
        text = yamlrows.write(cases(self._sheet(request, job), offset=offset, limit=limit))
        return attachment(text, f"job_{job}.yaml", "application/yaml")

    def jsonl(self, request: Request, job: str) -> Response:
        """GET jobs/ID/jsonl/: a JSON object in each line."""
        offset, limit = part(request)
        text = jsonlines.write(cases(self._sheet(request, job), offset=offset, limit=limit))
        return attachment(text, f"job_{job}.jsonl", "application/x-ndjson")

    def suite_csv(self, request: Request, job: str, suite: int) -> Response:
        """GET jobs/ID/suites/SID/csv/."""
        sheet, (offset, limit) = self._sheet(request, job), part(request)
        found = suite_of(sheet, suite)
        text = csvrows.write(cases_of(sheet, found, offset=offset, limit=limit))
        return attachment(text, f"suite_{found.name}.csv", "application/csv")

    def suite_yaml(self, request: Request, job: str, suite: int) -> Response:
        """GET jobs/ID/suites/SID/yaml/."""
        sheet, (offset, limit) = self._sheet(request, job), part(request)
        found = suite_of(sheet, suite)
        text = yamlrows.write(cases_of(sheet, found, offset=offset, limit=limit))
        return attachment(text, f"suite_{found.name}.yaml", "application/yaml")

    def _sheet(self, request: Request, job: str) -> Sheet:
        return self._gateway.cases.read(request.caller, references.parse(job))


def part(request: Request) -> tuple[int, int | None]:
    """Return which cases are wanted: how many to pass over, and how many (None: all). Raises `Invalid`."""
    limit = None if request.text("limit") is None else request.number("limit", 0, least=0, most=_FURTHEST)
    return request.number("offset", 0, least=0, most=_FURTHEST), limit


def attachment(text: Iterable[str], name: str, kind: str) -> Response:
    """Answer with a document as it is made."""
    response = Response(text, content_type=f"{kind}; charset=utf-8")
    # a header is no place for what a test may be called
    response.headers.set("Content-Disposition", "attachment", filename=_NO_FILE_NAME.sub("_", name))
    return response
