"""system.*: who answers, and who asks."""

from typing import Any

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.errors import Denied, NotFound, Unauthenticated
from wsgi_app.model import Caller
from wsgi_app.protocols.lava import references
from wsgi_app.protocols.lava.configuration import master_config
from wsgi_app.protocols.lava.endpoint import Client
from wsgi_app.protocols.rpc import Fault
from wsgi_app.protocols.rpc.methods import Functions
from wsgi_app.states import Visibility

API_VERSION = 2
#: jobs of one question
MOST_JOBS = 1000


class System:
    """The server."""

    def __init__(self, gateway: Gateway, config: Config, version: str) -> None:
        self._gateway = gateway
        self._config = config
        self._version = version

    def methods(self) -> Functions:
        """Return what can be called."""
        return {
            "close": self.close,
            "system.version": self.version,
            "system.api_version": self.api_version,
            "system.whoami": self.whoami,
            "system.master_config": self.master_config,
            "system.user_can_view_jobs": self.user_can_view_jobs,
            "system.user_can_view_devices": self.user_can_view_devices,
        }

    def close(self, client: Client) -> None:
        """Do nothing: some clients say goodbye."""

    def version(self, client: Client) -> str:
        """Return the version of LAVA that this server is like, and its own."""
        return self._version

    def api_version(self, client: Client) -> int:
        """Return the version of the API."""
        return API_VERSION

    def whoami(self, client: Client) -> str | None:
        """Return the name of the user who calls, nil for nobody in particular."""
        return client.user

    def master_config(self, client: Client) -> dict[str, Any]:
        """Return what clients may want to know of the settings; no events are published by ZMQ."""
        return master_config(self._config)

    def user_can_view_jobs(self, client: Client, username: str, job_list: list[Any]) -> dict[str, bool]:
        """Return for each of these jobs whether that user may see it; of those that you may not: False."""
        if len(job_list) > MOST_JOBS:
            raise Fault(400, f"At most {MOST_JOBS} jobs are looked at by one call")
        found: dict[str, bool] = {}
        for given in job_list:
            if isinstance(given, int | str):
                found[str(given)] = self._may_see(client.caller, username, given)
        return found

    def user_can_view_devices(self, client: Client, username: str, device_list: list[Any]) -> dict[str, bool]:
        """Return for each of these devices whether that user may see it: all that there are, as anybody."""
        known = {machine.system.name for machine in self._gateway.machines.all(client.caller)}
        return {str(given): given in known for given in device_list if isinstance(given, str)}

    def _may_see(self, caller: Caller, username: str, given: int | str) -> bool:
        try:
            job = self._gateway.selections.find(caller, references.parse(given)).job
        except (NotFound, Unauthenticated, Denied):
            return False
        return job.visibility is Visibility.PUBLIC or job.owner == username
