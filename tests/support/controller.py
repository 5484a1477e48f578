"""A lab controller that was provisioned by the play, and all that a test asks of it from outside."""

import http.client
import os
import ssl
import subprocess
from pathlib import Path

from attrs import define, field
from lab import Lab, free_port, tackroom
from nspawn import Machine
from plays import Operator, Play
from releases import Release

#: what runs all the time
SERVICES = (
    *("tackroom-web", "tackroom-indexer", "tackroom-timer", "tackroom-publisher", "tackroom-httpd"),
    "tackroom-workers",
)
SETTINGS = Path("etc/tackroom")


@define
class Controller(Lab):
    """A machine with a Tackroom on it; `port` speaks TLS, `plain` is for harnesses, two more for Buildbot workers."""

    machine: Machine = field(kw_only=True)
    plain: int = field(factory=free_port, kw_only=True)
    workers: int = field(factory=free_port, kw_only=True)
    workers_tls: int = field(factory=free_port, kw_only=True)
    #: authorities that its callers trust beside the one that the play made
    trusted: list[Path] = field(factory=list, kw_only=True)
    _context: ssl.SSLContext | None = field(default=None, init=False)

    @classmethod
    def on(cls, machine: Machine) -> "Controller":
        """Return what will be there once the play was run."""
        return cls(machine.tree / "var/lib/tackroom", "apache", machine=machine)

    def play(self, release: Release, *flags: str, **variables: object) -> Play:
        """Run a release's play, with what an inventory says of this machine, and these variables of the role.

        Fails unless it succeeds.
        """
        inventory = self.machine.directory / "hosts"
        inventory.write_text(f"[lab_controllers]\n{self.machine.inventory}\n")
        ours = {
            "package": str(release.wheel),
            "name": self.machine.name,
            "alt_names": ["127.0.0.1"],
            "https_listen": f"127.0.0.1:{self.port}",
            "http_listen": f"127.0.0.1:{self.plain}",
            "workers_listen": f"127.0.0.1:{self.workers}",
            "workers_tls_listen": f"127.0.0.1:{self.workers_tls}",
            **variables,
        }
        named = {f"lab_controller_{name}": value for name, value in ours.items()}
        return Operator(inventory).play(named, *flags, book=release.playbook)

    @property
    def ca(self) -> Path:
        """The certificate of the authority that the play made."""
        return self.machine.tree / SETTINGS / "ca/ca.crt"

    def trust(self, authority: Path | None = None) -> ssl.SSLContext:
        """Return the settings of a client that trusts its authority, and one more from now on."""
        if self._context is None or authority is not None:
            self.trusted += [] if authority is None else [authority]
            self._context = ssl.create_default_context()
            for file in (self.ca, *self.trusted):
                if file.exists():
                    self._context.load_verify_locations(file)
        return self._context

    @property
    def url(self) -> str:
        """Where it listens for everybody."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def plain_url(self) -> str:
        """Where it listens for harnesses."""
        return f"http://127.0.0.1:{self.plain}"

    def connect(self, timeout: float) -> http.client.HTTPConnection:
        """Return a connection by TLS."""
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.trust())

    def environment(self) -> dict[str, str]:
        """Return what a command on another machine has in its environment, but for the URL and the token."""
        return {**os.environ, "SSL_CERT_FILE": str(self.ca), **self.environ}

    def run_harness(self, system: str, key: str, state: Path, url: str) -> None:
        """Let our harness run one recipe of a system here, on another machine than the controller's."""
        environment = {**self.environment(), "TACKROOM_URL": url, "TACKROOM_TOKEN": key}
        vector = [*tackroom(), "harness", "--system", system, "--once", "--state", str(state)]
        subprocess.run(vector, env=environment, check=True, capture_output=True, timeout=100)

    def words(self) -> str:
        """Return what its units have said, since they are there."""
        return self.machine.run("journalctl --no-pager --output=cat --unit='tackroom*'").stdout

    def show(self, unit: str, name: str) -> str:
        """Return a property of a unit, as `systemctl show` has it."""
        return self.machine.run(f"systemctl show --property={name} --value {unit}").stdout.strip()

    def main(self, service: str) -> int:
        """Return the id that the main process of a service has on its machine; 0 when there is none."""
        return int(self.show(service, "MainPID"))

    def ready(self) -> bool:
        """Return whether it answers that it is ready; not where it cannot be reached."""
        try:
            return self.call("GET", "/readyz").status == 200
        except (OSError, http.client.HTTPException):
            return False
