"""scheduler.device_types.*: the types that systems have. They have no life of their own here."""

from collections.abc import Sequence
from typing import Any

from wsgi_app.core.gateway import Gateway
from wsgi_app.core.machines import Machine
from wsgi_app.errors import NotFound
from wsgi_app.protocols.lava import wire, words
from wsgi_app.protocols.lava.endpoint import Client
from wsgi_app.protocols.rpc import Fault
from wsgi_app.protocols.rpc.methods import Functions
from wsgi_app.states import SystemHealth

_SHOWN = 60


class DeviceTypes:
    """Types of systems."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def methods(self) -> Functions:
        """Return what can be called."""
        return {
            "scheduler.device_types.list": self.listed,
            "scheduler.device_types.show": self.show,
            "scheduler.device_types.devices": self.devices,
            "scheduler.device_types.aliases.list": self.aliases_list,
        }

    def listed(self, client: Client, show_all: bool = False) -> list[Any]:
        """Return the types, each with the number of its devices; those with retired devices only if asked for."""
        found = self._gateway.machines.all(client.caller)
        there = found if show_all else _in_use(found)
        names = sorted({machine.system.type for machine in there if machine.system.type is not None})
        return [
            {"name": name, "devices": len(_of(name, _in_use(found))), "installed": True, "template": False}
            for name in names
        ]

    def show(self, client: Client, name: str) -> dict[str, Any]:
        """Return a type. No health checks are run, and it has no template."""
        found = self._known(client, name)
        return {
            "name": name,
            "description": None,
            "display": True,
            "owners_only": False,
            "health_disabled": True,
            "health_denominator": "hours",
            "health_frequency": 0,
            "aliases": [],
            "devices": [machine.system.name for machine in _in_use(found)],
            "default_template": True,
        }

    def devices(self, client: Client, name: str, health: str | None = None) -> list[Any]:
        """Return the devices of a type, those of a health if one is named; else without the retired ones."""
        found = self._known(client, name)
        if health is None:
            return [wire.device_listed(machine) for machine in _in_use(found)]
        wanted = health.capitalize()
        if wanted not in words.DEVICE_HEALTHS.values() and wanted != "Looping":
            raise Fault(400, f"Invalid health '{health[:_SHOWN]}'")
        return [wire.device_listed(machine) for machine in found if _is(machine, wanted)]

    def aliases_list(self, client: Client, name: str) -> list[Any]:
        """Return the other names of a type: it has none."""
        self._known(client, name)
        return []

    def _known(self, client: Client, name: str) -> list[Machine]:
        """Return the devices of a type. Raises `NotFound` when there is none."""
        found = _of(name, self._gateway.machines.all(client.caller))
        if not found:
            raise NotFound(f"Device-type '{name[:_SHOWN]}' was not found.")
        return found


def _in_use(found: Sequence[Machine]) -> list[Machine]:
    return [machine for machine in found if machine.system.health is not SystemHealth.RETIRED]


def _of(name: str, found: Sequence[Machine]) -> list[Machine]:
    return [machine for machine in found if machine.system.type == name]


def _is(machine: Machine, health: str) -> bool:
    return words.DEVICE_HEALTHS[machine.system.health] == health
