"""scheduler.workers.*: this lab controller, and each Buildbot worker."""

from typing import Any

from wsgi_app import __version__
from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.protocols.lava import wire, words
from wsgi_app.protocols.lava.endpoint import Client
from wsgi_app.protocols.lava.fleet import Fleet
from wsgi_app.protocols.rpc import Fault
from wsgi_app.protocols.rpc.methods import Functions
from wsgi_app.states import LabHealth

_HEALTHS = {word: health for health, word in words.WORKER_HEALTHS.items()}
_SHOWN = 60


class Workers:
    """The lab controller and the workers that are connected to it."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._fleet = Fleet(gateway, config)

    def methods(self) -> Functions:
        """Return what can be called."""
        return {
            "scheduler.workers.list": self.listed,
            "scheduler.workers.show": self.show,
            "scheduler.workers.update": self.update,
        }

    def listed(self, client: Client, show_all: bool = False) -> list[Any]:
        """Return the names of the workers; of those that are retired only if asked for."""
        return [host.hostname for host in self._fleet.all() if show_all or host.health is not LabHealth.RETIRED]

    def show(self, client: Client, hostname: str) -> dict[str, Any]:
        """Return a worker; `job_limit` is 0 where there is none but the number of devices."""
        host = self._fleet.get(hostname)
        return {
            "hostname": host.hostname,
            "description": host.description,
            "state": host.state,
            "health": words.WORKER_HEALTHS[host.health],
            "devices": list(host.devices),
            # clients read a time from it in any case
            "last_ping": wire.moment(host.heard or 0.0),
            "job_limit": host.job_limit,
            "version": __version__ if host.own else host.version,
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

        While it is not ACTIVE no job gets a device of it; what runs goes on.
        """
        wanted = None
        if health is not None:
            if health.capitalize() not in _HEALTHS:
                # one that there is not is told first
                self._fleet.get(hostname)
                raise Fault(400, f"Invalid health '{health[:_SHOWN]}': it is one of {', '.join(_HEALTHS)}")
            wanted = _HEALTHS[health.capitalize()]
        self._fleet.change(client.caller, hostname, health=wanted, description=description, job_limit=job_limit)
