"""The URLs below /results/ and /scheduler/ that clients of LAVA still call, and that its links lead to.

Source: readers-lava.md sections 7 and 8.3. `?user=&token=` is taken for credentials here, as LAVA did.
"""

import base64
import io
import tarfile

import yaml
from werkzeug.wrappers import Response

from wsgi_app.config import Config
from wsgi_app.core.cases import Sheet
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.selection import Submitted
from wsgi_app.errors import NotFound
from wsgi_app.protocols.lava import records, references, wire, words
from wsgi_app.protocols.lava.blocks import blocks
from wsgi_app.protocols.lava.configuration import device_text
from wsgi_app.protocols.lava.pages import Pages
from wsgi_app.protocols.lava.reports import csvrows, yamlrows
from wsgi_app.protocols.lava.rest.documents import attachment, part
from wsgi_app.protocols.lava.suites import Case, cases, count, one, suites
from wsgi_app.protocols.web import Handler, Request

_YAML = "text/yaml"
_CSV = "text/csv"


class Older:
    """Pages and files about jobs."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._pages = Pages(config.prefix)

    def known(self, handler: Handler) -> Handler:
        """Return a handler that takes `user` and `token` of the query for credentials where there are no others."""

        def handle(request: Request, **values: object) -> Response:
            user, token = request.text("user"), request.text("token")
            if token and not request.headers.get("Authorization"):
                pair = base64.b64encode(f"{user or ''}:{token}".encode()).decode()
                request.environ["HTTP_AUTHORIZATION"] = f"Basic {pair}"
            return handler(request, **values)

        return handle

    def job_page(self, request: Request, job: str) -> Response:
        """GET /scheduler/job/ID: what became of it, for people."""
        found = self._gateway.selections.find(request.caller, references.parse(job), with_tasks=True)
        values = {
            "id": words.called(found, job),
            "job": found.job,
            "state": words.state(found),
            "health": words.health(found),
            "verdict": found.verdict,
            "visibility": words.visibility(found.job),
            "parts": [(words.number(listed), listed.recipe) for listed in found.parts],
            "device": ", ".join(dict.fromkeys(filter(None, map(wire.device, found.parts)))),
            "type": words.common(listed.type for listed in found.parts),
            "started": wire.begun(found),
            "finished": wire.ended(found),
        }
        return self._pages.page("job.html", values)

    def definition(self, request: Request, job: str) -> Response:
        """GET /scheduler/job/ID/definition: what was submitted, as it was."""
        return Response(self._submitted(request, job).document.text, content_type="text/plain; charset=utf-8")

    def definition_file(self, request: Request, job: str) -> Response:
        """GET /scheduler/job/ID/definition/plain: the same, as a file."""
        return attachment([self._submitted(request, job).document.text], f"job_{job}.yaml", "text/plain")

    def configuration(self, request: Request, job: str) -> Response:
        """GET /scheduler/job/ID/configuration: definition and device in an archive. 404 before it has a device."""
        given = self._gateway.machines.given(request.caller, references.parse(job))
        files = {"job.yaml": given.submitted.document.text, "device.yaml": device_text(given.machine)}
        response = Response(_archive(files), content_type="application/x-bzip2")
        response.headers.set("Content-Disposition", "attachment", filename="configuration.tar.bz2")
        return response

    def log(self, request: Request, job: str) -> Response:
        """GET /scheduler/job/ID/log_file/plain: the records of the log as YAML, as SQUAD reads them; also of none."""
        stream = self._gateway.records.read(request.caller, references.parse(job))
        lines = blocks(records.yaml_lines(stream.records))
        response = Response(lines, content_type="application/yaml")
        response.headers.set("Content-Disposition", "attachment", filename=f"job_{job.replace(':', '_')}.log")
        return response

    def results_page(self, request: Request, job: str) -> Response:
        """GET /results/ID: all cases, for people."""
        found = cases(self._sheet(request, job))
        return self._pages.page("results.html", {"id": job, "heading": f"Results of job {job}", "cases": found})

    def suite_page(self, request: Request, job: str, suite_name: str) -> Response:
        """GET /results/ID/SUITE: the cases of a suite, for people."""
        found = cases(self._sheet(request, job), suite_name)
        heading = f"{suite_name}: results of job {job}"
        return self._pages.page("results.html", {"id": job, "heading": heading, "cases": found})

    def named_case_page(self, request: Request, job: str, suite_name: str, case: str) -> Response:
        """GET /results/ID/SUITE/CASE: the cases of that name, for people."""
        found = cases(self._sheet(request, job), suite_name, case)
        heading = f"{suite_name}/{case}: results of job {job}"
        return self._pages.page("results.html", {"id": job, "heading": heading, "cases": found})

    def case_page(self, request: Request, test: int) -> Response:
        """GET /results/testcase/ID: one case, for people."""
        case = self._case(request, test)
        heading = f"{case.suite.name}/{case.name}"
        return self._pages.page("results.html", {"id": case.suite.job, "heading": heading, "cases": [case]})

    def case_yaml(self, request: Request, test: int) -> Response:
        """GET /results/testcase/ID/yaml."""
        return attachment(yamlrows.write([self._case(request, test)]), f"lava_testcase_{test}.yaml", _YAML)

    def csv(self, request: Request, job: str) -> Response:
        """GET /results/ID/csv."""
        return attachment(csvrows.write(cases(self._sheet(request, job))), f"lava_{job}.csv", _CSV)

    def yaml(self, request: Request, job: str) -> Response:
        """GET /results/ID/yaml."""
        return attachment(yamlrows.write(cases(self._sheet(request, job))), f"lava_{job}.yaml", _YAML)

    def summary(self, request: Request, job: str) -> Response:
        """GET /results/ID/yaml_summary: the suites."""
        text = yamlrows.write_suites(suites(self._sheet(request, job)))
        return attachment(text, f"lava_{job}_summary.yaml", _YAML)

    def metadata(self, request: Request, job: str) -> Response:
        """GET /results/ID/metadata."""
        noted = self._gateway.selections.find(request.caller, references.parse(job)).job.metadata
        return attachment([yaml.safe_dump(noted, sort_keys=False)], f"lava_metadata_{job}.yaml", _YAML)

    def suite_csv(self, request: Request, job: str, suite_name: str) -> Response:
        """GET /results/ID/SUITE/csv and /stream/csv; `limit` and `offset` count cases."""
        offset, limit = part(request)
        found = cases(self._sheet(request, job), suite_name, offset=offset, limit=limit)
        return attachment(csvrows.write(found), f"lava_{suite_name}.csv", _CSV)

    def suite_yaml(self, request: Request, job: str, suite_name: str) -> Response:
        """GET /results/ID/SUITE/yaml; `limit` and `offset` count cases."""
        offset, limit = part(request)
        found = cases(self._sheet(request, job), suite_name, offset=offset, limit=limit)
        return attachment(yamlrows.write(found), f"lava_{suite_name}.yaml", _YAML)

    def suite_count(self, request: Request, job: str, suite_name: str) -> Response:
        """GET /results/ID/SUITE/+testcase-count."""
        return Response(str(count(self._sheet(request, job), suite_name)), content_type="text/plain; charset=utf-8")

    def _submitted(self, request: Request, job: str) -> Submitted:
        return self._gateway.selections.submitted(request.caller, references.parse(job))

    def _sheet(self, request: Request, job: str) -> Sheet:
        return self._gateway.cases.read(request.caller, references.parse(job))

    def _case(self, request: Request, number: int) -> Case:
        """Return the case with an id. Raises `NotFound`."""
        found = one(self._sheet(request, str(number)), number)
        if found is None:
            raise NotFound("there is no such test case")
        return found


def _archive(files: dict[str, str]) -> bytes:
    """Return a compressed archive of these texts by their names."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:bz2") as archive:
        for name, text in files.items():
            content = text.encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return target.getvalue()
