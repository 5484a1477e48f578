"""scheduler.devices.*: devices are systems. What LAVA has of them and we have not is refused in a sentence."""

from typing import Any

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.protocols.lava import wire, words
from wsgi_app.protocols.lava.endpoint import Client
from wsgi_app.protocols.lava.fleet import Fleet
from wsgi_app.protocols.rpc import Fault
from wsgi_app.protocols.rpc.methods import Functions
from wsgi_app.states import SystemHealth

_HEALTHS = {word: health for health, word in words.DEVICE_HEALTHS.items()}
_SHOWN = 60


class Devices:
    """The lab's systems."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._fleet = Fleet(gateway, config)

    def methods(self) -> Functions:
        """Return what can be called."""
        return {
            "scheduler.devices.list": self.listed,
            "scheduler.devices.show": self.show,
            "scheduler.devices.update": self.update,
            "scheduler.devices.get_dictionary": self.get_dictionary,
            "scheduler.devices.tags.list": self.tags_list,
            "scheduler.devices.tags.add": self.tags_add,
            "scheduler.devices.tags.delete": self.tags_delete,
        }

    def listed(self, client: Client, show_all: bool = False) -> list[Any]:
        """Return all devices, retired ones only if asked for."""
        found = self._gateway.machines.all(client.caller)
        return [
            wire.device_listed(machine)
            for machine in found
            if show_all or machine.system.health is not SystemHealth.RETIRED
        ]

    def show(self, client: Client, hostname: str) -> dict[str, Any]:
        """Return a device."""
        return wire.device_shown(self._gateway.machines.get(client.caller, hostname), self._fleet.of_device(hostname))

    def update(
        self,
        client: Client,
        hostname: str,
        worker_hostname: str | None = None,
        user_name: str | None = None,
        group_name: str | None = None,
        public: bool | None = None,
        health: str | None = None,
        description: str | None = None,
        device_type: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Change health (GOOD, UNKNOWN, BAD, MAINTENANCE, RETIRED) with its reason, description or type of a device.

        What is nil stays. Whose worker it is, that it is public and nobody's: nothing else can be said of that.
        """
        if worker_hostname is not None and worker_hostname != (worker := self._fleet.of_device(hostname)):
            only = "a Buildbot worker's is on itself" if worker == hostname else f"this one is on {worker!r}"
            raise Fault(400, f"Every device is on the worker that it is on: {only}")
        if user_name or group_name:
            raise Fault(400, "A device belongs to nobody here: leave user and group out")
        if public is False:
            raise Fault(400, "Every device is public here: leave it so")
        values: dict[str, Any] = {}
        if health is not None:
            values["health"] = _health(health)
        if reason is not None or "health" in values:
            # the reason of another health is none of this
            values["reason"] = reason or None
        if description is not None:
            values["description"] = description
        if device_type is not None:
            values["type"] = device_type or None
        self._gateway.systems.change(client.caller, hostname, **values)

    def get_dictionary(self, client: Client, hostname: str, render: bool = False, context: str | None = None) -> None:
        """Refuse: no device has a dictionary, since nothing here switches its power or opens its console."""
        self._gateway.machines.get(client.caller, hostname)
        raise Fault(404, f"Device '{hostname}' has no dictionary: nothing here switches its power or opens its console")

    def tags_list(self, client: Client, hostname: str) -> list[Any]:
        """Return the tags of a device."""
        return list(self._gateway.machines.get(client.caller, hostname).system.tags)

    def tags_add(self, client: Client, hostname: str, tag: str) -> None:
        """Give a device a tag; nothing is done where it has that."""
        self._gateway.systems.tag(client.caller, hostname, add=tag)

    def tags_delete(self, client: Client, hostname: str, tag: str) -> None:
        """Take a tag from a device; nothing is done where it has none such."""
        self._gateway.systems.tag(client.caller, hostname, remove=tag)


def _health(word: str) -> SystemHealth:
    """Return the health that a word means. Raises `Fault`."""
    plain = word.capitalize()
    if plain == "Looping":
        raise Fault(400, "Health LOOPING is refused: no health checks are run here, so there is nothing to repeat")
    if plain not in _HEALTHS:
        raise Fault(400, f"Invalid health '{word[:_SHOWN]}': it is one of {', '.join(_HEALTHS)}")
    return _HEALTHS[plain]
