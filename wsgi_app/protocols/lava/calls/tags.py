"""scheduler.tags.*, scheduler.aliases.*: tags of systems; and other names of types, of which there are none."""

from typing import Any

from wsgi_app.core.gateway import Gateway
from wsgi_app.errors import NotFound
from wsgi_app.protocols.lava.endpoint import Client
from wsgi_app.protocols.rpc.methods import Functions

_SHOWN = 60


class Tags:
    """Tags of systems."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def methods(self) -> Functions:
        """Return what can be called."""
        return {"scheduler.tags.list": self.listed, "scheduler.tags.show": self.show}

    def listed(self, client: Client) -> list[Any]:
        """Return the tags that devices have."""
        found = self._gateway.machines.all(client.caller)
        names = sorted({tag for machine in found for tag in machine.system.tags})
        return [{"name": name, "description": None} for name in names]

    def show(self, client: Client, name: str) -> dict[str, Any]:
        """Return a tag and the devices that have it."""
        found = self._gateway.machines.all(client.caller)
        devices = [machine.system.name for machine in found if name in machine.system.tags]
        if not devices:
            raise NotFound(f"Tag '{name[:_SHOWN]}' was not found.")
        return {"name": name, "description": None, "devices": devices}


class Aliases:
    """Other names of types."""

    def methods(self) -> Functions:
        """Return what can be called."""
        return {"scheduler.aliases.list": self.listed, "scheduler.aliases.show": self.show}

    def listed(self, client: Client) -> list[Any]:
        """Return the aliases: there are none."""
        return []

    def show(self, client: Client, name: str) -> None:
        """Refuse: there are no aliases."""
        raise NotFound(f"Alias '{name[:_SHOWN]}' was not found.")
