"""scheduler.workers.*: there is one, this lab controller."""

from typing import Any

from wsgi_app import __version__
from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.errors import NotFound
from wsgi_app.protocols.lava import wire, words
from wsgi_app.protocols.lava.configuration import worker_name
from wsgi_app.protocols.lava.endpoint import Client
from wsgi_app.protocols.rpc import Fault
from wsgi_app.protocols.rpc.methods import Functions
from wsgi_app.states import LabHealth

_HEALTHS = {word: health for health, word in words.WORKER_HEALTHS.items()}
_SHOWN = 60


class Workers:
    """The lab controller."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._name = worker_name(config)

    def methods(self) -> Functions:
        """Return what can be called."""
        return {
            "scheduler.workers.list": self.listed,
            "scheduler.workers.show": self.show,
            "scheduler.workers.update": self.update,
        }

    def listed(self, client: Client, show_all: bool = False) -> list[Any]:
        """Return the names of the workers; of one that is retired only if asked for."""
        retired = self._gateway.lab.get().health is LabHealth.RETIRED
        return [self._name] if show_all or not retired else []

    def show(self, client: Client, hostname: str) -> dict[str, Any]:
        """Return a worker; `job_limit` is 0 where there is none but the number of devices."""
        self._check(hostname)
        seen = self._gateway.lab.look()
        lab = seen.lab
        return {
            "hostname": self._name,
            "description": lab.description,
            "state": "Offline" if seen.heard is None else "Online",
            "health": words.WORKER_HEALTHS[lab.health],
            "devices": list(seen.systems),
            # clients read a time from it in any case
            "last_ping": wire.moment(seen.heard or 0.0),
            "job_limit": lab.most_recipes or 0,
            "version": __version__,
            "default_config": True,
            "default_env": True,
            "default_env_dut": True,
        }

    def update(
        self,
        client: Client,
        hostname: str,
        description: str | None = None,
        health: str | None = None,
        job_limit: int | None = None,
    ) -> None:
        """Change description, health (ACTIVE, MAINTENANCE, RETIRED) or limit of jobs of a worker; what is nil stays.

        While it is not ACTIVE no job gets a device; what runs goes on.
        """
        self._check(hostname)
        values: dict[str, Any] = {}
        if description is not None:
            values["description"] = description
        if health is not None:
            if health.capitalize() not in _HEALTHS:
                raise Fault(400, f"Invalid health '{health[:_SHOWN]}': it is one of {', '.join(_HEALTHS)}")
            values["health"] = _HEALTHS[health.capitalize()]
        if job_limit is not None:
            values["most_recipes"] = job_limit or None
        self._gateway.lab.change(client.caller, **values)

    def _check(self, hostname: str) -> None:
        if hostname != self._name:
            raise NotFound(f"Worker '{hostname[:_SHOWN]}' was not found.")
