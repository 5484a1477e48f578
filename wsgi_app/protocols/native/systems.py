"""Systems: each handler decodes, calls one gateway method, encodes."""

from typing import Any

from werkzeug.wrappers import Response

from wsgi_app.clock import Clock
from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.documents import jobjson, jobvalue
from wsgi_app.errors import Invalid
from wsgi_app.model import System
from wsgi_app.protocols import web
from wsgi_app.protocols.native import wire
from wsgi_app.protocols.native.wire import LARGEST_PAGE, LONGEST_WAIT, PAGE
from wsgi_app.protocols.web import Request
from wsgi_app.states import SystemHealth

_TEXTS = ("name", "type", "address", "reason", "owner")
#: those that are "" rather than null
_WORDS = ("description",)


class Systems:
    """The lab's machines."""

    def __init__(self, gateway: Gateway, config: Config, clock: Clock) -> None:
        self._gateway = gateway
        self._config = config
        self._clock = clock

    def add(self, request: Request) -> Response:
        """POST /systems/."""
        system = self._gateway.systems.add(request.caller, new_system(read_object(request)))
        return self._answer(system, 201, {"Location": f"{self._config.prefix}systems/{system.name}"})

    def page(self, request: Request) -> Response:
        """GET /systems/."""
        limit = request.number("limit", PAGE, least=1, most=LARGEST_PAGE)
        health = request.words("health", SystemHealth)
        found = self._gateway.systems.page(health=health, after=request.text("after") or "", limit=limit)
        after = found[-1].name if len(found) == limit else None
        workers = self._gateway.workers.of_systems([system.name for system in found])
        values = [
            wire.system_value(system, self._gateway.systems.state(system), workers.get(system.name)) for system in found
        ]
        return web.json_response({"systems": values, "next": web.next_page(request, after)})

    def get(self, request: Request, name: str) -> Response:
        """GET /systems/NAME."""
        return self._answer(self._gateway.systems.get(name))

    def change(self, request: Request, name: str) -> Response:
        """PATCH /systems/NAME."""
        values = _read(read_object(request))
        if "name" in values:
            raise Invalid("a system keeps its name", field="name")
        return self._answer(self._gateway.systems.change(request.caller, name, **values))

    def remove(self, request: Request, name: str) -> Response:
        """DELETE /systems/NAME."""
        self._gateway.systems.remove(request.caller, name)
        return web.no_content()

    def issue_key(self, request: Request, name: str) -> Response:
        """POST /systems/NAME/key."""
        return web.json_response({"system": name, "key": self._gateway.systems.issue_key(request.caller, name)}, 201)

    def claim(self, request: Request, name: str) -> Response:
        """POST /systems/NAME/claim."""
        wait = request.number("wait", 0, least=0, most=LONGEST_WAIT)
        claimed = self._gateway.systems.claim(request.caller, name, wait=wait)
        if claimed is None:
            return web.no_content()
        value = {
            **jobvalue.recipe_document(claimed.recipe, claimed.peers, self._clock),
            "key": claimed.key.secret,
        }
        return web.json_response(value, headers={"Location": f"{self._config.prefix}recipes/{claimed.recipe.id}/"})

    def _answer(self, system: System, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        worker = self._gateway.workers.of_systems([system.name]).get(system.name)
        return web.json_response(
            wire.system_value(system, self._gateway.systems.state(system), worker), status, headers
        )


def read_object(request: Request) -> dict[str, Any]:
    """Return the body's JSON object. Raises `UnsupportedMediaType`, `BadDocument`, `Invalid`."""
    given = wire.read_json(request)
    if not isinstance(given, dict):
        raise Invalid("a JSON object is expected")
    return given


def new_system(given: dict[str, Any]) -> System:
    """Return the system that an object's fields say. Raises `Invalid` naming the field."""
    values = _read(given)
    if values.get("name") is None:
        raise Invalid("name is missing", field="name")
    defaults: dict[str, Any] = {
        "type": None,
        "tags": (),
        "address": None,
        "health": SystemHealth.UNKNOWN,
        "reason": None,
        "recipe": None,
        "last_seen": None,
        "claimed_until": None,
    }
    return System(**{**defaults, **values})


def _read(given: dict[str, Any]) -> dict[str, Any]:
    """Return what an object's fields set of a system. Raises `Invalid` naming the field."""
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name in (*_TEXTS, *_WORDS):
            if value is not None and not (isinstance(value, str) and jobjson.is_text(value)):
                raise Invalid(f"{name} must be a string", field=name)
            values[name] = value or "" if name in _WORDS else value
        elif name == "tags":
            if not (isinstance(value, list) and all(isinstance(tag, str) and jobjson.is_text(tag) for tag in value)):
                raise Invalid("tags must be an array of strings", field=name)
            values[name] = tuple(value)
        elif name == "health":
            if value not in list(SystemHealth):
                raise Invalid(f"health is one of {', '.join(SystemHealth)}", field=name)
            values[name] = SystemHealth(value)
        else:
            raise Invalid(f"a system has no {name}", field=name)
    return values
