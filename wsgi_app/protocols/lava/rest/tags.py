"""Tags of the lab's systems, and the aliases of their types, of which there are none."""

from typing import Any

from attrs import frozen
from werkzeug.wrappers import Response

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.errors import NotFound
from wsgi_app.model import Caller
from wsgi_app.protocols import web
from wsgi_app.protocols.lava.rest import paging, query, rows
from wsgi_app.protocols.lava.rest.query import TEXTS, Field
from wsgi_app.protocols.web import Request

_FIELDS = {
    "id": Field(query.text, TEXTS),
    "name": Field(query.text, TEXTS),
    "description": Field(query.text, (*TEXTS, "isnull")),
}


@frozen
class _Tag:
    """A tag, and the systems that have it; its id is its name."""

    name: str
    devices: tuple[str, ...]


_VALUES: rows.Values[_Tag] = {
    "id": lambda tag: tag.name,
    "name": lambda tag: tag.name,
    "description": lambda _: None,
}


class Tags:
    """What systems are marked with."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._base = config.public_url

    def page(self, request: Request) -> Response:
        """GET tags/."""
        found = rows.chosen(self._tags(request.caller), query.asked(request, _FIELDS), _VALUES)
        return paging.part(request, self._base, rows.ordered(request, found, _VALUES, tuple(_VALUES), "name"), _row)

    def get(self, request: Request, name: str) -> Response:
        """GET tags/NAME/."""
        found = next((tag for tag in self._tags(request.caller) if tag.name == name), None)
        if found is None:
            raise NotFound("no system has this tag")
        return web.json_response(_row(found))

    def aliases(self, request: Request) -> Response:
        """GET aliases/: types have no other names here."""
        return paging.part(request, self._base, (), dict)

    def _tags(self, caller: Caller) -> list[_Tag]:
        devices: dict[str, list[str]] = {}
        for machine in self._gateway.machines.all(caller):
            for tag in machine.system.tags:
                devices.setdefault(tag, []).append(machine.system.name)
        return [_Tag(name, tuple(names)) for name, names in sorted(devices.items())]


def _row(tag: _Tag) -> dict[str, Any]:
    return {"id": tag.name, "name": tag.name, "description": None, "devices": list(tag.devices)}
