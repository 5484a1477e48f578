"""What the tests of the harness share: the peer, and the harness as a process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # pytest's importlib mode does not

from tests.harnesses.peer import KEY, RECIPE, TOKEN, Handler, Peer, Server

ROOT = Path(__file__).resolve().parents[2]
Begin = Callable[..., "Harness"]
MakePeer = Callable[..., Peer]


class Harness:
    """A harness that runs as a process of its own, to be waited for, killed and begun anew."""

    def __init__(self, command: list[str], env: dict[str, str], words: Path) -> None:
        self._words = words
        with words.open("ab") as file:
            self.process = subprocess.Popen(command, env=env, stdout=file, stderr=file, cwd="/")

    def wait(self, seconds: float = 60.0) -> int:
        """Wait for its end and return the exit status."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"the harness does not end:\n{self.words()}")

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal and wait for its end."""
        self.process.send_signal(number)
        self.process.wait(30)

    def interrupt(self) -> None:
        """Press Ctrl-C and wait for its end; press again when nothing comes of it.

        A KeyboardInterrupt that falls into a finalizer or a callback of Python's own, of which there are many while
        modules are imported, is printed and forgotten.
        """
        for _ in range(3):
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(15)
                return
        self.kill()
        pytest.fail(f"the harness cannot be interrupted:\n{self.words()}")

    def words(self) -> str:
        """What it and the harnesses before it said."""
        return self._words.read_text()


@pytest.fixture
def make_peer() -> Iterator[MakePeer]:
    """Make a peer that serves one recipe; at the end it must not have seen a breach of the protocol."""
    servers: list[Server] = []

    def make(*tasks: dict[str, object], prefix: str = "", stop_on_fail: bool = False) -> Peer:
        server = Server(("127.0.0.1", 0), Handler)
        servers.append(server)
        server.peer = Peer(list(tasks), prefix=prefix, stop_on_fail=stop_on_fail)
        server.peer.url = f"http://127.0.0.1:{server.server_address[1]}{prefix}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server.peer

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()
        assert server.peer.breaches == []


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Begin a harness for a peer; a second call begins the next one on the same state."""
    running: list[Harness] = []

    def start(
        peer: Peer,
        *options: str,
        claim: bool = True,
        once: bool = True,
        python: list[str] | None = None,
        bare: bool = False,
    ) -> Harness:
        what = ["--system", "box"] if claim else ["--recipe", str(RECIPE)]
        what += ["--once"] if claim and once else []
        program = python or [sys.executable, "-m", "wsgi_app.harnesses.local"]
        command = [*program, "run", "--url", peer.url, "--state", str(tmp_path / "state"), *what, *options]
        env = {} if bare else {**os.environ, "PYTHONPATH": str(ROOT)}
        env["TACKROOM_TOKEN" if claim else "TACKROOM_KEY"] = TOKEN if claim else KEY
        harness = Harness(command, env, tmp_path / "harness.txt")
        running.append(harness)
        return harness

    yield start
    for harness in running:
        if harness.process.poll() is None:
            harness.kill()
