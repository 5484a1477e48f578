"""A server that is not ours, started beside ours for a while."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import frozen
from lab import SERVICE, free_port, reachable_directory
from sampling import Pids
from waiting import until


@frozen
class Server:
    """Where it is, where its files are, and who its processes are."""

    name: str
    port: int
    place: Path
    process: "subprocess.Popen[bytes]"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pids(self) -> Pids:
        """Its processes, for a sampler."""
        return self._members

    def _members(self) -> Mapping[str, list[int]]:
        return {self.name: _session(self.process.pid)}


@contextmanager
def running(name: str, command: Callable[[int, Path], Sequence[str]]) -> Iterator[Server]:
    """Start what `command` makes of a free port and a directory, as the user that our servers run as.

    Returns when it listens. It is ended, and its directory gone, afterwards.
    """
    place, port = reachable_directory(), free_port()
    owned(place)
    said = place.with_name(f"{place.name}.said")
    try:
        with said.open("wb") as output:
            process = subprocess.Popen(
                command(port, place), cwd=place, stdout=output, stderr=output, start_new_session=True
            )
        server = Server(name, port, place, process)
        try:
            until(lambda: _listens(server, said), f"{name} on port {port}", 30)
            yield server
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            process.wait(30)
    finally:
        shutil.rmtree(place)
        said.unlink()


def owned(place: Path) -> None:
    """Give a directory, and what is in it, to the user that our servers run as."""
    if os.getuid() == 0:
        for path in (place, *place.rglob("*")):
            shutil.chown(path, SERVICE, SERVICE)


def _listens(server: Server, said: Path) -> bool:
    assert server.process.poll() is None, said.read_text()
    # asked of the kernel: a connection to try it with would be the first of those that are counted
    wanted = f"0100007F:{server.port:04X} 00000000:0000 0A"
    return wanted in Path("/proc/net/tcp").read_text()


def _session(leader: int) -> list[int]:
    """Return the processes of a session: a server's children, too."""
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            with suppress(OSError, ValueError):
                if os.getsid(int(place.name)) == leader:
                    found.append(int(place.name))
    return found
