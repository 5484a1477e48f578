"""Workers: there is one, the lab itself."""

from typing import Any

from werkzeug.wrappers import Response

from wsgi_app.clock import rfc3339
from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.lab import LabSeen
from wsgi_app.errors import NotFound
from wsgi_app.protocols import web
from wsgi_app.protocols.lava import words
from wsgi_app.protocols.lava.app import VERSION
from wsgi_app.protocols.lava.configuration import worker_name
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


class Workers:
    """The lab, as the worker of all its devices."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._base = config.public_url
        self._name = worker_name(config)
        self._values: rows.Values[LabSeen] = {
            "hostname": lambda _: self._name,
            "description": lambda seen: seen.lab.description,
            "state": _state,
            "health": lambda seen: words.WORKER_HEALTHS[seen.lab.health],
            "last_ping": lambda seen: seen.heard,
        }

    def page(self, request: Request) -> Response:
        """GET workers/."""
        found = rows.chosen([self._gateway.lab.look()], query.asked(request, _FIELDS), self._values)
        shown = rows.ordered(request, found, self._values, tuple(self._values), "hostname")
        return paging.part(request, self._base, shown, self._row)

    def get(self, _request: Request, name: str) -> Response:
        """GET workers/NAME/."""
        self._check(name)
        return web.json_response(self._row(self._gateway.lab.look()))

    def set_health(self, request: Request, name: str) -> Response:
        """POST workers/NAME/set_health/: 202, as LAVA does."""
        self._check(name)
        health = body.word(body.fields(request), "health", words.WORKER_HEALTHS)
        self._gateway.lab.change(request.caller, health=health)
        return web.json_response({"message": f"{name} is {words.WORKER_HEALTHS[health]}."}, 202)

    def _check(self, name: str) -> None:
        if name != self._name:
            raise NotFound(f"there is one worker, {self._name}")

    def _row(self, seen: LabSeen) -> dict[str, Any]:
        lab = seen.lab
        return {
            "hostname": self._name,
            "state": _state(seen),
            "health": words.WORKER_HEALTHS[lab.health],
            "description": lab.description,
            "last_ping": rfc3339(seen.heard),
            "job_limit": lab.most_recipes or 0,
            "version": VERSION,
        }


def _state(seen: LabSeen) -> str:
    """Return whether the lab is alive."""
    return "Offline" if seen.heard is None else "Online"
