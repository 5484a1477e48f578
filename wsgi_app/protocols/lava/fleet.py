"""LAVA's workers: this lab controller, and each Buildbot worker, which has one device: the system of its name."""

from typing import Any

from attrs import frozen

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.errors import Invalid, NoSuchWorker, NotFound
from wsgi_app.model import Caller, Worker
from wsgi_app.protocols.lava.configuration import worker_name
from wsgi_app.states import LabHealth, SystemHealth

_SHOWN = 60
#: of a worker's system: what is not usable gets no work
HEALTHS: dict[SystemHealth, LabHealth] = {
    SystemHealth.GOOD: LabHealth.ACTIVE,
    SystemHealth.UNKNOWN: LabHealth.ACTIVE,
    SystemHealth.BAD: LabHealth.MAINTENANCE,
    SystemHealth.MAINTENANCE: LabHealth.MAINTENANCE,
    SystemHealth.RETIRED: LabHealth.RETIRED,
}
_SET: dict[LabHealth, SystemHealth] = {
    LabHealth.ACTIVE: SystemHealth.GOOD,
    LabHealth.MAINTENANCE: SystemHealth.MAINTENANCE,
    LabHealth.RETIRED: SystemHealth.RETIRED,
}


@frozen
class Host:
    """A worker as LAVA knows them."""

    hostname: str
    description: str
    online: bool
    health: LabHealth
    #: names of its devices, those that are not retired
    devices: tuple[str, ...]
    #: when it gave a sign of life, in seconds since the epoch
    heard: float | None
    #: how many jobs it has at a time; 0: as many as it has devices
    job_limit: int
    #: None: the lab controller's, or of a worker that was never there
    version: str | None
    #: it is the lab controller
    own: bool

    @property
    def state(self) -> str:
        """LAVA's word for whether it is there."""
        return presence(self.online)


def presence(online: bool) -> str:
    """Return LAVA's word for whether a worker is there."""
    return "Online" if online else "Offline"


class Fleet:
    """All workers. One that is called as the lab controller is hidden by that."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._own = worker_name(config)

    def all(self) -> list[Host]:
        """Return all of them, the lab controller first, then in order of name; retired ones included."""
        found = self._workers()
        return [self._lab({worker.name for worker in found}), *map(_host, found)]

    def get(self, hostname: str) -> Host:
        """Return one of them. Raises `NotFound`."""
        if hostname == self._own:
            return self._lab({worker.name for worker in self._workers()})
        try:
            return _host(self._gateway.workers.get(hostname))
        except NoSuchWorker:
            raise NotFound(f"Worker '{hostname[:_SHOWN]}' was not found.") from None

    def of_devices(self) -> dict[str, str]:
        """Return the workers of those devices that are not the lab controller's, by the names of the devices."""
        return {worker.name: worker.name for worker in self._workers()}

    def of_device(self, name: str) -> str:
        """Return the worker of a device."""
        return name if name != self._own and self._gateway.workers.of_systems([name]) else self._own

    def change(
        self,
        caller: Caller,
        hostname: str,
        *,
        health: LabHealth | None = None,
        description: str | None = None,
        job_limit: int | None = None,
    ) -> None:
        """Change what is given of a worker (admins only): a Buildbot worker's is its system's.

        Raises `NotFound`; `Invalid` for a limit that a Buildbot worker cannot have.
        """
        host = self.get(hostname)
        values: dict[str, Any] = {} if description is None else {"description": description}
        if host.own:
            if health is not None:
                values["health"] = health
            if job_limit is not None:
                values["most_recipes"] = job_limit or None
            self._gateway.lab.change(caller, **values)
            return
        if job_limit not in (None, 0, 1):
            raise Invalid("a Buildbot worker has one job at a time: job_limit is 1", field="job_limit")
        # active is what a system of unknown health is, too: it stays that
        if health is not None and health is not host.health:
            # the reason of another health is none of this
            values |= {"health": _SET[health], "reason": None}
        self._gateway.systems.change(caller, hostname, **values)

    def _workers(self) -> list[Worker]:
        return [worker for worker in self._gateway.workers.all() if worker.name != self._own]

    def _lab(self, others: set[str]) -> Host:
        seen = self._gateway.lab.look()
        return Host(
            hostname=self._own,
            description=seen.lab.description,
            online=seen.heard is not None,
            health=seen.lab.health,
            devices=tuple(name for name in seen.systems if name not in others),
            heard=seen.heard,
            job_limit=seen.lab.most_recipes or 0,
            version=None,
            own=True,
        )


def _host(worker: Worker) -> Host:
    system = worker.system
    return Host(
        hostname=worker.name,
        description=system.description,
        online=worker.online,
        health=HEALTHS[system.health],
        devices=() if system.health is SystemHealth.RETIRED else (worker.name,),
        heard=worker.last_seen,
        job_limit=1,
        version=worker.version,
        own=False,
    )
