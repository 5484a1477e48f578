"""Jobs: each handler decodes, calls one gateway method, encodes. A job here is a recipe, or several (README.md)."""

import json
from collections.abc import Iterator, Sequence

from werkzeug.wrappers import Response

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.listing import Listed
from wsgi_app.errors import Invalid
from wsgi_app.model import Caller
from wsgi_app.protocols import web
from wsgi_app.protocols.lava import references
from wsgi_app.protocols.lava.rest import filters, paging
from wsgi_app.protocols.lava.rest.jobrow import job_row
from wsgi_app.protocols.web import Request
from wsgi_app.submitted import Document


class Jobs:
    """Jobs, listed and shown, and what they were submitted as."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._base = config.public_url

    def page(self, request: Request) -> Response:
        """GET jobs/."""
        asked, order = paging.window(request), filters.order(request)
        where = filters.conditions(request)
        try:
            count = self._gateway.listing.count(request.caller, where)
            found = self._gateway.listing.page(request.caller, where, order, offset=asked.offset, limit=asked.limit)
        except Invalid as error:
            raise filters.stored_key(error, request) from None
        return paging.page(request, self._base, asked, count, self._rows(request.caller, found))

    def get(self, request: Request, job: str) -> Response:
        """GET jobs/ID/."""
        found = self._find(request, job)
        return web.json_response(job_row(found, self._document(request.caller, found[0]), asked=job))

    def metadata(self, request: Request, job: str) -> Response:
        """GET jobs/ID/metadata/."""
        (first, *_) = self._find(request, job)
        noted = first.job.metadata.items()
        return web.json_response({"metadata": [{key: _text(value)} for key, value in noted]})

    def definition(self, request: Request, job: str) -> Response:
        """GET jobs/ID/definition/: what was submitted, as it was."""
        document = self._document(request.caller, self._find(request, job)[0])
        return Response(document.text, content_type=f"{document.kind}; charset=utf-8")

    def _find(self, request: Request, job: str) -> tuple[Listed, ...]:
        return self._gateway.listing.find(request.caller, references.parse(job))

    def _document(self, caller: Caller, listed: Listed) -> Document:
        return self._gateway.jobs.document(caller, listed.job.id)

    def _rows(self, caller: Caller, found: Sequence[Listed]) -> Iterator[dict[str, object]]:
        """Yield the rows of a page, each with its document, which may be large."""
        for listed in found:
            yield job_row([listed], self._document(caller, listed))


def _text(value: object) -> str:
    """Return a value of the metadata as text: LAVA has nothing else there."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
