"""Stock workers of Buildbot, as their users run them: `buildbot-worker` in a process and an environment of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab import Lab
from waiting import until

#: the releases that are tried: PyPI's newest, and Debian's
VERSIONS = ("4.3.0", "3.7.0")
#: what stands for the oldest: see `oldslave`
OLDEST = "0.8.4"
_CLIENTS = Path(__file__).resolve().parents[2] / "build/clients"


def program(version: str) -> Path:
    """Return the command of a release; `.ci/install --need-httpd` puts it there."""
    return _CLIENTS / f"buildbot-worker=={version}/bin/buildbot-worker"


def _with_us() -> list[str]:
    """What makes a process end when we do, however that comes: by SIGTERM, so that it kills what it runs."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig=TERM"] if setpriv else []


class BuildbotWorker:
    """A worker's directory, and the process that runs in it."""

    def __init__(
        self, name: str, directory: Path, start: Sequence[str], environ: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.directory = directory
        self._start = [*_with_us(), *start]
        self._environ = dict(environ or {})
        self._thawer: subprocess.Popen[bytes] | None = None
        self.begin()

    @classmethod
    def make(
        cls,
        version: str,
        directory: Path,
        port: int,
        name: str,
        password: str,
        *options: str,
        environ: Mapping[str, str] | None = None,
    ) -> BuildbotWorker:
        """Make a directory by `create-worker` with these options, and start the worker in it.

        `environ` is added to its environment.
        """
        if version == OLDEST:
            directory.mkdir()
            words = [str(Path(__file__).with_name("oldslave.py")), str(directory), f"127.0.0.1:{port}", name, password]
            return cls(name, directory, [sys.executable, *words])
        words = ["create-worker", *options, str(directory), f"127.0.0.1:{port}", name, password]
        subprocess.run([str(program(version)), *words], check=True, capture_output=True, timeout=30)
        return cls(name, directory, [str(program(version)), "start", "--nodaemon", str(directory)], environ)

    def begin(self) -> None:
        """Start its process, anew after an end."""
        with (self.directory / "printed").open("ab") as printed:
            self.process = subprocess.Popen(
                self._start,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                start_new_session=True,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(self.directory),
                    "SECRET_OF_THE_WORKER": "do not tell",
                    **self._environ,
                },
            )

    def log(self) -> str:
        """What it has logged (twistd.log) and printed."""
        texts = [self.directory / name for name in ("twistd.log", "printed")]
        return "".join(text.read_text(errors="replace") for text in texts if text.exists())

    def password(self, new: str) -> None:
        """Put another password into its settings; it is read when it starts."""
        tac = self.directory / "buildbot.tac"
        lines = [f"passwd = {new!r}" if one.startswith("passwd =") else one for one in tac.read_text().splitlines()]
        tac.write_text("\n".join(lines) + "\n")

    @property
    def runs(self) -> bool:
        """Whether its process has not ended."""
        return self.process.poll() is None

    def send(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def freeze(self) -> None:
        """Stop it where it is: its connection stays open."""
        # what would end it with us waits until it goes on; the pipe of this one closes when we are gone
        words = ["/bin/sh", "-c", 'read -r _; kill -s CONT "$1"', "thaw", str(self.process.pid)]
        self._thawer = subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True)
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        if self._thawer is not None:
            self._thawer.communicate()
            self._thawer = None
        self.send(signal.SIGCONT)

    def kill(self) -> None:
        """Kill it and wait for its end; what it started lives on."""
        self.send(signal.SIGKILL)
        self.process.wait(20)

    def exited(self, seconds: float = 20) -> int:
        """Wait for its end and return the exit status."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the worker does not end:\n{self.log()}") from None

    def says(self, words: str, seconds: float = 20) -> None:
        """Wait until these words are in its log."""
        until(lambda: words in self.log(), f"{words!r} in the worker's log", seconds)

    def close(self) -> None:
        """End it, whatever it does, and by its pid whatever it left running of its own group."""
        if self.runs:
            self.thaw()
            self.send(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def buildbot_worker(
    version: str,
    directory: Path,
    port: int,
    name: str,
    password: str,
    *options: str,
    environ: Mapping[str, str] | None = None,
) -> Iterator[BuildbotWorker]:
    """A worker that runs meanwhile: a stock one, or what stands for the oldest."""
    made = BuildbotWorker.make(version, directory, port, name, password, *options, environ=environ)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def worker_of(lab: Lab, place: Path, name: str, version: str = VERSIONS[0], **more: object) -> Iterator[BuildbotWorker]:
    """A system of a lab that has nothing but a stock worker, which is there, and is ended afterwards."""
    password = lab.post("/workers/", {"name": name, **more})["password"]
    with buildbot_worker(version, place / name, lab.workers_port(), name, password) as made:
        until(lambda: lab.call("GET", f"/workers/{name}").json["online"], f"worker {name} is there", 60)
        yield made
