"""Device types: whatever the lab's systems are."""

from typing import Any

from werkzeug.wrappers import Response

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.errors import NotFound
from wsgi_app.model import Caller
from wsgi_app.protocols import web
from wsgi_app.protocols.lava.rest import paging, query, rows
from wsgi_app.protocols.lava.rest.query import TEXTS, Field
from wsgi_app.protocols.web import Request
from wsgi_app.states import SystemHealth

_FIELDS = {
    "name": Field(query.text, TEXTS),
    "display": Field(query.flag, ("exact",)),
}
_VALUES: rows.Values[str] = {"name": lambda name: name, "display": lambda _: True}


class DeviceTypes:
    """Types of the systems that are not retired."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._base = config.public_url

    def page(self, request: Request) -> Response:
        """GET devicetypes/."""
        found = rows.chosen(sorted(self._types(request.caller)), query.asked(request, _FIELDS), _VALUES)
        shown = rows.ordered(request, found, _VALUES, tuple(_VALUES), "name")
        return paging.part(request, self._base, shown, _row)

    def get(self, request: Request, name: str) -> Response:
        """GET devicetypes/NAME/."""
        if name not in self._types(request.caller):
            raise NotFound("no system is of this type")
        return web.json_response(_row(name))

    def _types(self, caller: Caller) -> set[str]:
        there = [machine.system for machine in self._gateway.machines.all(caller)]
        return {one.type for one in there if one.type is not None and one.health is not SystemHealth.RETIRED}


def _row(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "architecture": None,
        "processor": None,
        "cpu_model": None,
        "aliases": [],
        "bits": None,
        "cores": [],
        "core_count": None,
        "description": None,
        "health_frequency": 0,
        "disable_health_check": True,
        "health_denominator": 0,
        "display": True,
    }
