"""A service manager in small: it keeps the web's socket, starts processes as systemd does, and hears what they say."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import define, field
from lab import reachable_directory, tackroom
from waiting import until

#: systemd passes the socket as descriptor 3, to the process id that the program has: sd_listen_fds(3)
_ACTIVATE = """
import os, sys
given = int(sys.argv[1])
if given == 3:
    os.set_inheritable(3, True)
else:
    os.dup2(given, 3)
    os.close(given)
os.environ.setdefault("LISTEN_FDS", "1")
os.environ["LISTEN_PID"] = os.environ["WATCHDOG_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


class Call(http.client.HTTPConnection):
    """A connection to the web as httpd makes it: by the unix socket, for one call."""

    def __init__(self, place: Path, timeout: float = 30) -> None:
        super().__init__("tackroom", timeout=timeout)
        self._place = place

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._place))


@define
class Keeper:
    """Keeps the socket of the data in `directory`, and the one on which processes say how they are."""

    directory: Path
    listening: socket.socket
    notices: socket.socket
    #: what was said, each notice with who said it
    heard: list[tuple[int, str]] = field(factory=list)
    processes: "list[subprocess.Popen[str]]" = field(factory=list)

    @property
    def place(self) -> Path:
        """Where the web's socket is."""
        return self.directory / "data/run/web.sock"

    def environ(self, watchdog: float | None = None) -> dict[str, str]:
        """Return what a process finds in its environment; `watchdog` is in seconds."""
        values = {
            "TACKROOM_DATA": str(self.directory / "data"),
            "TACKROOM_FRONT": "apache",
            "TACKROOM_BASE_URL": "http://lab.example/",
            "NOTIFY_SOCKET": str(self.directory / "notify"),
        }
        if watchdog is not None:
            values["WATCHDOG_USEC"] = str(round(watchdog * 1e6))
        return {**os.environ, **values}

    def start(
        self, name: str, watchdog: float | None = None, environ: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[str]":
        """Start a process of Tackroom's by its name, and forget what was heard; it prints to its standard output."""
        self.forget()
        given = self.listening.fileno()
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", _ACTIVATE, str(given), *tackroom(), name],
            env={**self.environ(watchdog), **(environ or {})},
            pass_fds=(given,),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def end(self) -> None:
        """End what is left of the processes, at once."""
        for process in self.processes:
            _end(process)
        self.processes.clear()

    def initialise(self) -> None:
        """Make the data, as the unit does before the web starts."""
        subprocess.run([*tackroom(), "initialise"], env=self.environ(), check=True, timeout=60)

    def hear(self, word: str, seconds: float = 30, *, process: "subprocess.Popen[str] | None" = None) -> int:
        """Wait until somebody has said this, and return who. Fails when `process` has ended meanwhile."""

        def said() -> int | None:
            self.listen()
            who = next((pid for pid, text in self.heard if word in text.splitlines()), None)
            assert who or process is None or process.poll() is None, process.communicate()
            return who

        who = until(said, word, seconds)
        assert who is not None
        return who

    def forget(self) -> None:
        """Forget what was said by now."""
        self.listen()
        self.heard.clear()

    def listen(self) -> None:
        """Take what was said by now."""
        while True:
            try:
                text, ancillary, _, _ = self.notices.recvmsg(4096, socket.CMSG_SPACE(12))
            except BlockingIOError:
                return
            pid = next(int.from_bytes(data[:4], "little") for _, _, data in ancillary)
            self.heard.append((pid, text.decode()))

    def call(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> int:
        """Make a call and return its status; one that is not answered raises OSError or HTTPException."""
        connection = Call(self.place)
        try:
            connection.request(method, path, body, {"X-Tackroom-Client": "127.0.0.1", **(headers or {})})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()


@contextmanager
def keeper() -> Iterator[Keeper]:
    """Yield a service manager over data that is made; processes and data are gone afterwards."""
    directory = reachable_directory()
    (directory / "data/run").mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        listening.bind(str(directory / "data/run/web.sock"))
        listening.listen(4096)
        notices.bind(str(directory / "notify"))
        # SO_PASSCRED: each notice says who sent it
        notices.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        notices.setblocking(False)
        made = Keeper(directory, listening, notices)
        try:
            made.initialise()
            yield made
        finally:
            made.end()
            shutil.rmtree(directory)


def _end(process: "subprocess.Popen[str]") -> None:
    # its workers too, also those that stand still
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
