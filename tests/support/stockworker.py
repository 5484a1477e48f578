"""Stock buildbot-workers as their users run them: made by create-worker, in the foreground, each in its directory."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import define
from lab import Lab

#: the releases that are tried
VERSIONS = ("4.3.0", "3.7.0")
NEWEST = VERSIONS[0]
_CLIENTS = Path(__file__).resolve().parents[2] / "build/clients"


@define
class StockWorker:
    """One worker that runs, and the directory that is its own."""

    name: str
    base: Path
    version: str
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def pid(self) -> int:
        """Its process."""
        assert self.process is not None
        return self.process.pid

    @property
    def said(self) -> str:
        """Its own log."""
        with suppress(FileNotFoundError):
            return (self.base / "twistd.log").read_text()
        return ""

    def start(self) -> None:
        """Let it connect, and connect again whenever it is sent away."""
        words = [
            str(_CLIENTS / f"buildbot-worker=={self.version}/bin/twistd"),
            "--nodaemon",
            "--python",
            "buildbot.tac",
        ]
        with (self.base / "twistd.log").open("ab") as said:
            # tests leave their own words for Python in the environment
            environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
            self.process = subprocess.Popen(words, cwd=self.base, stdout=said, stderr=said, env=environ)

    def kill(self) -> None:
        """Let it die as a machine does that loses its power; what it had started lives on."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """End it."""
        if self.process is not None and self.process.poll() is None:
            with suppress(ProcessLookupError):
                # also when it is frozen
                self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def create(base: Path, port: int, name: str, password: str, version: str = NEWEST) -> StockWorker:
    """Make a worker's directory; it is not started."""
    program = _CLIENTS / f"buildbot-worker=={version}/bin/buildbot-worker"
    words = [str(program), "create-worker", str(base), f"127.0.0.1:{port}", name, password]
    subprocess.run(words, check=True, capture_output=True)
    return StockWorker(name, base, version)


@contextmanager
def worker_of(lab: Lab, place: Path, name: str, version: str = NEWEST) -> Iterator[StockWorker]:
    """A system of the lab that has nothing but a stock worker, which is ended afterwards."""
    made = lab.post("/workers/", {"name": name})
    worker = create(place / name, lab.workers_port(), name, made["password"], version)
    worker.start()
    try:
        yield worker
    finally:
        worker.end()
