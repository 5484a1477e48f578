"""Workers: the lab itself, and each Buildbot worker."""

from typing import Any

from werkzeug.wrappers import Response

from wsgi_app.clock import rfc3339
from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.protocols import web
from wsgi_app.protocols.lava import words
from wsgi_app.protocols.lava.app import VERSION
from wsgi_app.protocols.lava.fleet import Fleet, Host
from wsgi_app.protocols.lava.rest import body, paging, query, rows
from wsgi_app.protocols.lava.rest.query import TEXTS, TIMES, Field
from wsgi_app.protocols.web import Request

_FIELDS = {
    "hostname": Field(query.text, TEXTS),
    "description": Field(query.text, TEXTS),
    "state": Field(query.word("Online", "Offline")),
    "health": Field(query.word(*words.WORKER_HEALTHS.values())),
    "last_ping": Field(query.time, TIMES),
}
_VALUES: rows.Values[Host] = {
    "hostname": lambda host: host.hostname,
    "description": lambda host: host.description,
    "state": lambda host: host.state,
    "health": lambda host: words.WORKER_HEALTHS[host.health],
    "last_ping": lambda host: host.heard,
}


class Workers:
    """The lab and the workers that are connected to it."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._fleet = Fleet(gateway, config)
        self._base = config.public_url

    def page(self, request: Request) -> Response:
        """GET workers/."""
        found = rows.chosen(self._fleet.all(), query.asked(request, _FIELDS), _VALUES)
        shown = rows.ordered(request, found, _VALUES, tuple(_VALUES), "hostname")
        return paging.part(request, self._base, shown, _row)

    def get(self, _request: Request, name: str) -> Response:
        """GET workers/NAME/."""
        return web.json_response(_row(self._fleet.get(name)))

    def set_health(self, request: Request, name: str) -> Response:
        """POST workers/NAME/set_health/: 202, as LAVA does."""
        self._fleet.get(name)
        health = body.word(body.fields(request), "health", words.WORKER_HEALTHS)
        self._fleet.change(request.caller, name, health=health)
        return web.json_response({"message": f"{name} is {words.WORKER_HEALTHS[health]}."}, 202)


def _row(host: Host) -> dict[str, Any]:
    return {
        "hostname": host.hostname,
        "state": host.state,
        "health": words.WORKER_HEALTHS[host.health],
        "description": host.description,
        "last_ping": rfc3339(host.heard),
        "job_limit": host.job_limit,
        "version": VERSION if host.own else host.version,
    }
