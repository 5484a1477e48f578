"""What the processes of a lab hold, looked at now and then: memory and open files, by kind of process."""

import threading
from contextlib import suppress
from pathlib import Path

from attrs import define, field
from lab import Lab

#: kind to a word of the command line
KINDS = {
    "httpd": "apache2",
    "gunicorn": "gunicorn",
    "indexer": "wsgi_app.cli indexer",
    "timer": "wsgi_app.cli timer",
    "publisher": "wsgi_app.cli publisher",
}
SECONDS = 2.0


@define
class Held:
    """What the largest process of a kind held."""

    #: MiB resident at the first look, at the last, and at the most
    first: float
    last: float = 0.0
    most: float = 0.0
    #: open files, at the most
    files: int = 0


@define
class Sampler:
    """Looks every two seconds until it is told to stop."""

    lab: Lab
    held: dict[str, Held] = field(factory=dict)

    def run(self, stop: threading.Event) -> None:
        """Look, and look once more at the end."""
        while not stop.wait(SECONDS):
            self.look()

    def look(self) -> None:
        """Note what is held now."""
        assert self.lab.process is not None
        members = {kind: self.lab.pids(word) for kind, word in KINDS.items()}
        members["serve"] = [self.lab.process.pid]
        for kind, pids in members.items():
            memory = max((_resident(pid) for pid in pids), default=0.0)
            if memory:
                held = self.held.setdefault(kind, Held(memory))
                held.last, held.most = memory, max(held.most, memory)
                held.files = max(held.files, *(_files(pid) for pid in pids))

    @property
    def most(self) -> float:
        """MiB of the largest process of all."""
        return max(held.most for held in self.held.values())


def _resident(pid: int) -> float:
    """MiB that a process has in memory, 0.0 when it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _files(pid: int) -> int:
    with suppress(OSError):
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return 0
