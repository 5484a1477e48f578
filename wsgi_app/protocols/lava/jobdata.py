"""What a job told a callback, for who missed it."""

import tempfile
from collections.abc import Iterator
from typing import IO

from attrs import evolve
from werkzeug.wrappers import Response

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.errors import NotFound
from wsgi_app.notification import BodyForm, Callback, Delivery, Method, Moment
from wsgi_app.protocols.lava.notices import callback as bodies
from wsgi_app.protocols.lava.references import parse
from wsgi_app.protocols.web import JSON, Request

#: bytes of a body that are kept in memory; more are put on disk
_IN_MEMORY = 1 << 20
_BLOCK = 1 << 16
#: deliveries of a recipe that are looked through, with those that were sent once more
_MOST = 100


class JobData:
    """Bodies of callbacks."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._config = config

    def get(self, request: Request, job: str) -> Response:
        """GET /scheduler/job/ID/job_data: what its first POST told of its end, for its owner and admins, as JSON.

        It is made anew of what is stored. Raises `NotFound` when the job has not ended, or there was none.
        """
        found = self._gateway.selections.find(request.caller, parse(job))
        for part in found.parts:
            sent = self._gateway.deliveries.page(
                request.caller, recipe=part.recipe.id, methods=[Method.CALLBACK], limit=_MOST
            )
            posts = [(one, one.order.callback) for one in sent if one.order.callback is not None]
            ends = [pair for pair in posts if pair[0].transition is Moment.FINISHED and pair[1].method == "POST"]
            if ends:
                return self._answer(request, *ends[-1])
        raise NotFound("this job sent nothing to a callback")

    def _answer(self, request: Request, delivery: Delivery, callback: Callback) -> Response:
        callback = evolve(callback, content_type=BodyForm.JSON)
        body = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(self._config.run))  # noqa: SIM115 - it is sent later
        try:
            bodies.write(self._gateway, self._config, delivery, callback, body)
        except BaseException:
            body.close()
            raise
        headers = {"Content-Length": str(body.tell()), "Cache-Control": "private, no-cache"}
        body.seek(0)
        content = () if request.method == "HEAD" else _read(body)
        response = Response(content, headers=headers, content_type=JSON)
        response.call_on_close(body.close)
        return response


def _read(body: IO[bytes]) -> Iterator[bytes]:
    while block := body.read(_BLOCK):
        yield block
