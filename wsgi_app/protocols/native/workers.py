"""Workers and their gateways' calls: each handler decodes, calls one gateway method, encodes."""

import re
from typing import Any

from werkzeug.wrappers import Response

from wsgi_app.clock import Clock
from wsgi_app.config import Config
from wsgi_app.core import rollcall
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.roll import Present, RollCall
from wsgi_app.core.rollcall import MOST_WORKERS, Orders
from wsgi_app.documents import jobjson, jobvalue
from wsgi_app.errors import Invalid
from wsgi_app.model import Worker
from wsgi_app.protocols import web
from wsgi_app.protocols.native import wire
from wsgi_app.protocols.native.systems import new_system, read_object
from wsgi_app.protocols.native.wire import LARGEST_ID, LARGEST_PAGE, PAGE
from wsgi_app.protocols.web import Request

#: characters of a worker's name, version and address
_LONGEST_TEXT = 255
_LARGEST_SEQUENCE = 2**53
#: seconds since a worker was heard, at most: a day would be long
_LONGEST_HEARD = 86400.0
_GATEWAY = re.compile(r"[0-9a-f]{8,64}")
_HEX = re.compile(r"([0-9a-fA-F]{2}){1,256}")
_PRESENT = {"name", "version", "address", "heard", "recipe", "leaving", "stopping", "detach"}


class Workers:
    """The lab's workers."""

    def __init__(self, gateway: Gateway, config: Config, clock: Clock) -> None:
        self._gateway = gateway
        self._config = config
        self._clock = clock

    def add(self, request: Request) -> Response:
        """POST /workers/."""
        given = read_object(request)
        detach = _flag(given, "detach", "")
        rest = {name: value for name, value in given.items() if name != "detach"}
        hired = self._gateway.workers.add(request.caller, new_system(rest), detach=detach, new=len(rest) > 1)
        value = {**self._value(hired.worker), "password": hired.password}
        return web.json_response(value, 201, {"Location": f"{self._config.prefix}workers/{hired.worker.name}"})

    def page(self, request: Request) -> Response:
        """GET /workers/."""
        limit = request.number("limit", PAGE, least=1, most=LARGEST_PAGE)
        found = self._gateway.workers.page(after=request.text("after") or "", limit=limit)
        after = found[-1].name if len(found) == limit else None
        values = [self._value(worker) for worker in found]
        return web.json_response({"workers": values, "next": web.next_page(request, after)})

    def get(self, request: Request, name: str) -> Response:
        """GET /workers/NAME."""
        return web.json_response(self._value(self._gateway.workers.get(name)))

    def change(self, request: Request, name: str) -> Response:
        """PATCH /workers/NAME."""
        given = read_object(request)
        _only(given, {"detach"}, "a worker has no {}; its system may", "")
        detach = _flag(given, "detach", "") if "detach" in given else None
        return web.json_response(self._value(self._gateway.workers.change(request.caller, name, detach=detach)))

    def issue_password(self, request: Request, name: str) -> Response:
        """POST /workers/NAME/password."""
        password = self._gateway.workers.issue_password(request.caller, name)
        return web.json_response({"name": name, "password": password}, 201)

    def shut_down(self, request: Request, name: str) -> Response:
        """POST /workers/NAME/shutdown."""
        self._gateway.workers.shut_down(request.caller, name)
        return web.no_content()

    def remove(self, request: Request, name: str) -> Response:
        """DELETE /workers/NAME."""
        self._gateway.workers.remove(request.caller, name)
        return web.no_content()

    def admit(self, request: Request) -> Response:
        """POST /workers/login."""
        given = read_object(request)
        _only(given, {"name", "challenge", "response"}, "a login has no {}", "")
        name = _text(given, "name", "")
        challenge, response = _bytes(given, "challenge"), _bytes(given, "response")
        admitted = self._gateway.workers.admit(request.caller, name, challenge, response)
        return web.json_response({"name": admitted.name, "detach": admitted.detach})

    def roll_call(self, request: Request) -> Response:
        """POST /workers/roll-call."""
        wait = request.number("wait", 0, least=0, most=rollcall.LONGEST_WAIT)
        orders = self._gateway.roll_calls.call(request.caller, _call(read_object(request)), wait=wait)
        return web.json_response(self._orders(orders))

    def _orders(self, orders: Orders) -> dict[str, Any]:
        return {
            "start": [
                {
                    **jobvalue.recipe_document(claimed.recipe, claimed.peers, self._clock),
                    "key": claimed.key.secret,
                }
                for claimed in orders.start
            ],
            "stop": [
                {"worker": stop.worker, "recipe": stop.recipe, "status": stop.status, "reason": stop.reason}
                for stop in orders.stop
            ],
            "shutdown": list(orders.shutdown),
            "drop": list(orders.drop),
            "detach": dict(orders.detach),
        }

    def _value(self, worker: Worker) -> dict[str, Any]:
        return wire.worker_value(worker, self._gateway.systems.state(worker.system))


def _call(given: dict[str, Any]) -> RollCall:
    """Return the roll call that an object says. Raises `Invalid` naming the field."""
    _only(given, {"gateway", "sequence", "workers"}, "a roll call has no {}", "")
    gateway = given.get("gateway")
    if not (isinstance(gateway, str) and _GATEWAY.fullmatch(gateway)):
        raise Invalid("gateway must be 8 to 64 small hexadecimal digits", field="gateway")
    sequence = _whole(given, "sequence", "", most=_LARGEST_SEQUENCE)
    members = given.get("workers")
    if not (isinstance(members, list) and len(members) <= MOST_WORKERS):
        raise Invalid(f"workers must be an array of at most {MOST_WORKERS:,}", field="workers")
    present = tuple(_present(member, f"workers[{place}]") for place, member in enumerate(members))
    seen: set[str] = set()
    for place, worker in enumerate(present):
        if worker.name in seen:
            raise Invalid(f"{worker.name} is named twice", field=f"workers[{place}].name")
        seen.add(worker.name)
    return RollCall(gateway, sequence, present)


def _present(given: object, where: str) -> Present:
    if not isinstance(given, dict):
        raise Invalid(f"{where} must be an object", field=where)
    where += "."
    _only(given, _PRESENT, "a worker of a roll call has no {}", where)
    heard = given.get("heard")
    if isinstance(heard, bool) or not isinstance(heard, int | float) or not 0 <= heard <= _LONGEST_HEARD:
        raise Invalid(f"{where}heard must be seconds from 0 to {_LONGEST_HEARD:.0f}", field=f"{where}heard")
    return Present(
        name=_text(given, "name", where),
        version=_maybe_text(given, "version", where),
        address=_maybe_text(given, "address", where),
        heard=float(heard),
        recipe=None if given.get("recipe") is None else _whole(given, "recipe", where, most=LARGEST_ID),
        leaving=_flag(given, "leaving", where),
        stopping=_flag(given, "stopping", where),
        detach=None if given.get("detach") is None else _flag(given, "detach", where),
    )


def _only(given: dict[str, Any], names: set[str], message: str, where: str) -> None:
    for name in given:
        if name not in names:
            raise Invalid(message.format(name), field=f"{where}{name}")


def _flag(given: dict[str, Any], name: str, where: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise Invalid(f"{where}{name} must be true or false", field=f"{where}{name}")
    return value


def _whole(given: dict[str, Any], name: str, where: str, *, most: int) -> int:
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise Invalid(f"{where}{name} must be a whole number from 0 to {most}", field=f"{where}{name}")
    return value


def _text(given: dict[str, Any], name: str, where: str) -> str:
    value = given.get(name)
    if not (isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT and jobjson.is_text(value)):
        raise Invalid(f"{where}{name} must be a string of 1 to {_LONGEST_TEXT} characters", field=f"{where}{name}")
    return value


def _maybe_text(given: dict[str, Any], name: str, where: str) -> str | None:
    return _text(given, name, where) if given.get(name) is not None else None


def _bytes(given: dict[str, Any], name: str) -> bytes:
    value = given.get(name)
    if not (isinstance(value, str) and _HEX.fullmatch(value)):
        raise Invalid(f"{name} must be hexadecimal digits of 1 to 256 bytes", field=name)
    return bytes.fromhex(value)
