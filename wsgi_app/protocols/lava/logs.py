"""Logs over HTTP, at the addresses that LAVA has for them."""

from collections.abc import Iterator
from itertools import chain

from werkzeug.wrappers import Response

from wsgi_app.core.gateway import Gateway
from wsgi_app.core.records import MOST_TAIL
from wsgi_app.errors import NoSuchLog
from wsgi_app.protocols.lava import records
from wsgi_app.protocols.lava.blocks import blocks
from wsgi_app.protocols.lava.references import parse
from wsgi_app.protocols.web import JSON, Request

#: an uploaded log never becomes a page that runs something
SAFE = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"}
#: it grows, and belongs to nobody who serves others
KEPT = {"Cache-Control": "private, no-cache", **SAFE}
#: above all numbers of records
_LAST = 10**18


class Logs:
    """Reading the logs of jobs."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def plain(self, request: Request, job: str) -> Response:
        """GET /scheduler/job/ID/log_file/raw: the console logs as they are, but for secrets."""
        content = self._gateway.records.raw(request.caller, parse(job))
        headers = {"Content-Disposition": f'attachment; filename="job_{_file(job)}.log"', **KEPT}
        return _streamed(request, content, "text/plain; charset=utf-8", headers)

    def incremental(self, request: Request, job: str) -> Response:
        """GET /scheduler/job/ID/log_pipeline_incremental?line=N: the records from N on, as JSON."""
        first = request.number("line", 0, least=0, most=_LAST)
        stream = self._gateway.records.read(request.caller, parse(job), first)
        headers = {"X-Is-Finished": "1", **KEPT} if stream.finished else KEPT
        return _streamed(request, blocks(records.json_lines(stream.records)), JSON, headers)

    def yaml(self, request: Request, job: str) -> Response:
        """GET .../jobs/ID/logs/?start=&end=&tail=&level=&grep=: records as YAML. Raises `NoSuchLog` for none."""
        asked = request.text("end")
        stream = self._gateway.records.search(
            request.caller,
            parse(job),
            tail=None if request.text("tail") is None else request.number("tail", 0, least=0, most=MOST_TAIL),
            levels=records.levels(request.args.getlist("level")),
            grep=request.text("grep"),
            start=request.number("start", 0, least=0, most=_LAST),
            end=None if asked in (None, "") else request.number("end", 0, least=0, most=_LAST),
        )
        # most of what is searched through is not sent
        lines = self._gateway.long_reads.share(blocks(records.yaml_lines(stream.records)))
        first = next(lines, None)
        if first is None:
            raise NoSuchLog
        headers = {"Content-Disposition": f'attachment; filename="job_{_file(job)}.yaml"', **KEPT}
        return _streamed(request, chain([first], lines), "application/yaml", headers)


def _streamed(request: Request, content: Iterator[bytes], kind: str, headers: dict[str, str]) -> Response:
    """Answer with what comes; of HEAD only the headers."""
    return Response(() if request.method == "HEAD" else content, headers=headers, content_type=kind)


def _file(job: str) -> str:
    """Return an id, whose letters are known by now, as part of a file's name."""
    return job.replace(":", "_")
