"""A whole Tackroom as a user starts it: `tackroom serve` in a process of its own."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from attrs import define, field, frozen
from forking import Forked, forking
from freeports import free_port as free_port
from waiting import until

#: whom root's servers run as
SERVICE = "www-data"
#: what the processes of a lab import, beside the command; not gunicorn, which looks at its import whose it is
PROGRAM = (
    *("wsgi_app.wsgi", "wsgi_app.services.inherited", "wsgi_app.services.server", "wsgi_app.services.timer"),
    *("wsgi_app.services.routes", "wsgi_app.indexer.service", "wsgi_app.store.migrations", "wsgi_app.store.soundness"),
)


def reachable_directory() -> Path:
    """Make a directory that the service user may use: pytest's own are out of its reach when root runs the tests."""
    root = Path(tempfile.mkdtemp(prefix="tackroom-", dir="/tmp"))
    root.chmod(0o755)
    return root


@frozen
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@define
class Lab:
    """One Tackroom: `front` is `apache` or `none`."""

    data: Path
    front: str
    environ: dict[str, str] = field(factory=dict)
    port: int = field(factory=free_port)
    process: "subprocess.Popen[str] | Forked | None" = None
    #: what goes before its commands: they run on a disk of its own
    within: Sequence[str] = ()
    #: what it said
    said: Path = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Put its words beside its data."""
        self.said = self.data.with_name("said.txt")

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        """The admin token."""
        return (self.data / "admin.token").read_text().strip()

    def start(self) -> None:
        """Start it and wait until it listens."""
        before = self.said.read_text() if self.said.exists() else ""
        with self.said.open("a") as output:
            self.process = self._serve(output)
        process = self.process

        def listening() -> bool:
            assert process.poll() is None, self.said.read_text()
            return "Tackroom listening on " in self.said.read_text()[len(before) :]

        until(listening, "Tackroom listening", 60)

    def _serve(self, output: IO[str]) -> "subprocess.Popen[str] | Forked":
        words = ["serve", "--data", str(self.data), "--listen", f"127.0.0.1:{self.port}", "--httpd", self.front]
        # the bench tells what a start takes, and who uses how much memory
        if self._forkable() and "PYTEST_CURRENT_TEST" in os.environ:
            program = forking(sys.executable, "wsgi_app.cli.main", "main", PROGRAM)
            return program.start(["tackroom", *words], self.environment(), output)
        return subprocess.Popen(
            [*self.within, *tackroom(), *words],
            env=self.environment(),
            stdout=output,
            stderr=output,
            text=True,
            start_new_session=True,
        )

    def _forkable(self) -> bool:
        """Whether nothing is to be different for an interpreter that starts: its disk, or what it looks at."""
        return not self.within and all(name.startswith("TACKROOM_") for name in self.environ)

    def workers_port(self, name: str = "port") -> int:
        """Where workers come in (`tls_port`: over TLS), of a lab that has a TACKROOM_BUILDBOT_LISTEN."""

        def said() -> Any:
            with suppress(FileNotFoundError):
                return json.loads((self.data / "run" / "workers.json").read_text()).get(name)

        return int(until(said, "workers are listened for", 30))

    def words(self) -> str:
        """Return what its processes have said."""
        return self.said.read_text()

    def stop(self) -> int:
        """End it by SIGTERM and return its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(15)
        self.process = None
        return status

    def end(self) -> None:
        """End what is left of it."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(15)

    def environment(self) -> dict[str, str]:
        """The environment of its processes, and of commands that speak to it."""
        # a worker's port is one for the whole machine: only who asks for one has it
        settings = {"TACKROOM_BUILDBOT_LISTEN": "none", "TACKROOM_DATA": str(self.data), **self.environ}
        return {**os.environ, **settings}

    def command(self, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run `tackroom` with these words against it."""
        environ = {**self.environment(), "TACKROOM_URL": self.url, "TACKROOM_TOKEN": self.token}
        if self._forkable():
            done = forking(sys.executable, "wsgi_app.cli.main", "main").run(["tackroom", *words], environ, 100)
        else:
            done = subprocess.run(
                [*self.within, *tackroom(), *words],
                env=environ,
                capture_output=True,
                text=True,
                check=False,
                timeout=100,
            )
        assert not check or done.returncode == 0, (words, done)
        return done

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, key: str = ""
    ) -> Answer:
        """Make one call, as admin unless there is a key."""
        connection = self.connect(60)
        try:
            sent = {"Authorization": f"Bearer {key or self.token}", **(headers or {})}
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def connect(self, timeout: float) -> http.client.HTTPConnection:
        """Return a connection to its front door that is opened by the first call, or by `connect`."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def post(self, path: str, value: object) -> Any:
        """POST a JSON value as admin and return the answer's."""
        answer = self.call("POST", path, json.dumps(value).encode(), {"Content-Type": "application/json"})
        assert answer.status in (200, 201), answer
        return answer.json

    def job(self, *tasks: Mapping[str, Any], system: str = "demo", **recipe: Any) -> Any:
        """Submit a job of one recipe for a system, which is added when it is not there, and return it."""
        self.call("POST", "/systems/", json.dumps({"name": system}).encode(), {"Content-Type": "application/json"})
        return self.post("/jobs/", {"recipe_sets": [{"recipes": [{"system": system, "tasks": tasks, **recipe}]}]})

    def claim(self, system: str = "demo") -> Any:
        """Claim a recipe as a system and return it."""
        answer = self.call("POST", f"/systems/{system}/claim?wait=5")
        assert answer.status == 200, answer
        return answer.json

    def settled(self, job: int, seconds: float = 30) -> Any:
        """Return a job once it is settled."""
        return until(lambda: (found := self.call("GET", f"/jobs/{job}").json)["settled"] and found, "the job", seconds)

    def pids(self, name: str) -> list[int]:
        """Return the processes of the server that have this word in their command line, parents first."""
        assert self.process is not None
        family = _descendants(self.process.pid)
        return [pid for pid in family if name in _command_line(pid)]


@contextmanager
def running_lab(front: str, **environ: str) -> Iterator[Lab]:
    """A Tackroom with these settings; what is left of it is ended, and its data is gone afterwards."""
    lab = Lab(reachable_directory() / "data", front, environ)
    try:
        lab.start()
        yield lab
    finally:
        lab.end()
        shutil.rmtree(lab.data.parent)


def tackroom() -> list[str]:
    """The command's argument vector."""
    return [sys.executable, "-P", "-m", "wsgi_app.cli"]


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return found
    for child in children:
        found += [int(child), *_descendants(int(child))]
    return found


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""
