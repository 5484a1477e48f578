"""Devices: the lab's systems, shown as LAVA shows its own."""

from typing import Any

from werkzeug.wrappers import Response

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.machines import Machine
from wsgi_app.protocols import web
from wsgi_app.protocols.lava import wire, words
from wsgi_app.protocols.lava.configuration import worker_name
from wsgi_app.protocols.lava.fleet import Fleet
from wsgi_app.protocols.lava.rest import body, paging, query, rows
from wsgi_app.protocols.lava.rest.query import TEXTS, Field
from wsgi_app.protocols.web import Request
from wsgi_app.states import SystemHealth

_FIELDS = {
    "hostname": Field(query.text, TEXTS),
    "device_type": Field(query.text, (*TEXTS, "isnull")),
    "device_type__name": Field(query.text, TEXTS),
    "description": Field(query.text, TEXTS),
    "tags": Field(query.text, ("exact", "in")),
    "tags__name": Field(query.text, ("exact", "in")),
    "state": Field(query.word("Idle", "Reserved", "Running")),
    "health": Field(query.word(*words.DEVICE_HEALTHS.values())),
    "worker_host": Field(query.text, TEXTS),
    "worker_host__hostname": Field(query.text, TEXTS),
    "all": Field(query.flag, ("exact",)),
}
_ORDERS = ("hostname", "device_type", "state", "health", "description", "worker_host")

_VALUES: rows.Values[Machine] = {
    "hostname": lambda machine: machine.system.name,
    "device_type": lambda machine: machine.system.type,
    "device_type__name": lambda machine: machine.system.type,
    "description": lambda machine: machine.system.description,
    "tags": lambda machine: machine.system.tags,
    "tags__name": lambda machine: machine.system.tags,
    "state": wire.device_state,
    "health": lambda machine: words.DEVICE_HEALTHS[machine.system.health],
}


class Devices:
    """The lab's machines."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._base = config.public_url
        self._fleet = Fleet(gateway, config)
        self._own = worker_name(config)

    def page(self, request: Request) -> Response:
        """GET devices/; retired ones with `all=1`, or when their health is asked for."""
        wanted = query.asked(request, _FIELDS)
        retired = any(one.field == "health" or (one.field == "all" and one.value) for one in wanted)
        machines = self._gateway.machines.all(request.caller)
        there = [one for one in machines if retired or one.system.health is not SystemHealth.RETIRED]
        hosts = self._fleet.of_devices()

        def host(machine: Machine) -> str:
            return hosts.get(machine.system.name, self._own)

        values: rows.Values[Machine] = {**_VALUES, "worker_host": host, "worker_host__hostname": host}
        found = rows.chosen(there, [one for one in wanted if one.field != "all"], values)
        shown = rows.ordered(request, found, values, _ORDERS, "hostname")
        return paging.part(request, self._base, shown, lambda machine: _row(machine, host(machine)))

    def get(self, request: Request, name: str) -> Response:
        """GET devices/NAME/."""
        machine = self._gateway.machines.get(request.caller, name)
        return web.json_response(_row(machine, self._fleet.of_device(name)))

    def set_health(self, request: Request, name: str) -> Response:
        """POST devices/NAME/set_health/: 202, as LAVA does."""
        given = body.fields(request)
        values: dict[str, Any] = {"health": body.word(given, "health", words.DEVICE_HEALTHS)}
        if given.get("reason") is not None:
            values["reason"] = body.text(given, "reason")
        self._gateway.systems.change(request.caller, name, **values)
        return web.json_response({"message": f"{name} is {words.DEVICE_HEALTHS[values['health']]}."}, 202)


def _row(machine: Machine, worker: str) -> dict[str, Any]:
    system = machine.system
    return {
        "hostname": system.name,
        "device_type": system.type,
        "device_version": None,
        "physical_owner": None,
        "physical_group": None,
        "description": system.description,
        "tags": list(system.tags),
        "state": wire.device_state(machine),
        "health": words.DEVICE_HEALTHS[system.health],
        "last_health_report_job": None,
        "worker_host": worker,
        "is_synced": False,
        "current_job": wire.current_job(machine),
        "reason": system.reason,
    }
