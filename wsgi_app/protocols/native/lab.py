"""The lab itself: each handler decodes, calls one gateway method, encodes."""

from typing import Any

from werkzeug.wrappers import Response

from wsgi_app.core.gateway import Gateway
from wsgi_app.documents import jobjson
from wsgi_app.errors import Invalid
from wsgi_app.protocols import web
from wsgi_app.protocols.native import wire
from wsgi_app.protocols.native.wire import LARGEST_ID
from wsgi_app.protocols.web import Request
from wsgi_app.states import LabHealth


class Lab:
    """Whether the lab gives out work, and how much."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def get(self, request: Request) -> Response:
        """GET /lab."""
        return web.json_response(wire.lab_value(self._gateway.lab.get()))

    def change(self, request: Request) -> Response:
        """PATCH /lab."""
        return web.json_response(wire.lab_value(self._gateway.lab.change(request.caller, **_read(request))))


def _read(request: Request) -> dict[str, Any]:
    """Return what the body sets of the lab. Raises `BadDocument`, `Invalid` naming the field."""
    given = wire.read_json(request)
    if not isinstance(given, dict):
        raise Invalid("a JSON object is expected")
    for name, value in given.items():
        if name == "health":
            if value not in list(LabHealth):
                raise Invalid(f"health is one of {', '.join(LabHealth)}", field=name)
        elif name == "description":
            if not (isinstance(value, str) and jobjson.is_text(value)):
                raise Invalid("description must be a string", field=name)
        elif name == "most_recipes":
            whole = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST_ID
            if not (value is None or whole):
                raise Invalid("most_recipes must be a whole number from 1 on, or null", field=name)
        else:
            raise Invalid(f"a lab has no {name}", field=name)
    return {name: LabHealth(value) if name == "health" else value for name, value in given.items()}
