"""Waiting for a job to be over: what LAVA has not, so that no script needs to ask again and again."""

from werkzeug.wrappers import Response

from wsgi_app.core.gateway import Gateway
from wsgi_app.protocols import web
from wsgi_app.protocols.lava import references, words
from wsgi_app.protocols.web import Request
from wsgi_app.states import Verdict

#: seconds that the call lasts unless the caller says otherwise, and at most
WAIT = 30
LONGEST_WAIT = 300

#: as `tackroom job wait` exits
EXITS = {Verdict.PASS: 0, Verdict.FAIL: 10, Verdict.INFRASTRUCTURE: 11, Verdict.CANCELLED: 12}
UNSETTLED = 5


class Waiting:
    """Calls that are answered when something has happened."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def get(self, request: Request, job: str) -> Response:
        """GET jobs/ID/wait/: as soon as what ID means is settled, or as it is after `timeout` seconds."""
        seconds = request.number("timeout", WAIT, least=0, most=LONGEST_WAIT)
        waited = self._gateway.selections.wait(request.caller, references.parse(job), seconds=seconds)
        found = waited.selection
        verdict, failed = found.verdict, words.failed(found)
        return web.json_response(
            {
                "id": words.called(found, job),
                "state": words.state(found),
                "health": words.health(found),
                "verdict": verdict,
                "reason": waited.reason,
                "exit_code": UNSETTLED if verdict is None else EXITS[verdict],
                "error_type": None if failed is None else words.error_type(failed),
                "error_msg": None if failed is None else words.error_message(failed),
            }
        )
