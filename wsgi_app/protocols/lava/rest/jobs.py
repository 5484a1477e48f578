"""Jobs: each handler decodes, calls one gateway method, encodes. A job here is a recipe, or several (README.md)."""

from werkzeug.wrappers import Response

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.selection import Submitted, selection_of
from wsgi_app.errors import Invalid
from wsgi_app.protocols import web
from wsgi_app.protocols.lava import references, wire
from wsgi_app.protocols.lava.rest import filters, paging
from wsgi_app.protocols.lava.rest.jobrow import job_row
from wsgi_app.protocols.web import Request


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
            page = self._gateway.listing.with_documents(
                request.caller, where, order, offset=asked.offset, limit=asked.limit
            )
        except Invalid as error:
            raise filters.stored_key(error, request) from None
        told = zip(page.found, page.documents, strict=True)
        rows = (job_row(Submitted(selection_of(listed), document)) for listed, document in told)
        return paging.page(request, self._base, asked, page.total, rows)

    def get(self, request: Request, job: str) -> Response:
        """GET jobs/ID/."""
        return web.json_response(job_row(self._submitted(request, job), job))

    def metadata(self, request: Request, job: str) -> Response:
        """GET jobs/ID/metadata/."""
        found = self._gateway.selections.find(request.caller, references.parse(job))
        return web.json_response({"metadata": wire.noted(found)})

    def definition(self, request: Request, job: str) -> Response:
        """GET jobs/ID/definition/: what was submitted, as it was."""
        document = self._submitted(request, job).document
        return Response(document.text, content_type=f"{document.kind}; charset=utf-8")

    def _submitted(self, request: Request, job: str) -> Submitted:
        return self._gateway.selections.submitted(request.caller, references.parse(job))
