"""What a gateway asks of a worker, in words that no wire knows.

`pb` speaks them to Buildbot's workers. Sources: the reference of Buildbot's worker protocol, as seen with stock workers
from 0.8.4 to 4.3.0.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

#: the builders of every worker: the task runs on the first, whatever we do beside it on the second
SLOT = "slot0"
SIDE = "side0"
SLOTS = (SLOT, SIDE)

SINCE_WORKERS = (3, 0)  #: of command shell: from here on they are workers, before they were slaves
SINCE_SIGTERM_TIME = (2, 16)  #: of command shell: `sigtermTime` is obeyed


class Lost(Exception):
    """The connection has ended; nothing more is known of what ran."""


class WorkerError(Exception):
    """The worker answered a call with an error; its text is one line that a terminal may show."""


class NoFile(WorkerError):
    """The worker could not open the file that was asked for, or to be written."""


class TooLarge(Exception):
    """A file is larger than allowed."""


@dataclass(frozen=True)
class About:
    """What a worker says of itself, checked, without its environment (which may hold secrets)."""

    name: str
    version: str  #: to be shown, not to be parsed: some say today's date
    commands: Mapping[str, str]  #: command -> version
    system: str  #: os.name there, e.g. "posix"
    basedir: str
    address: str  #: the peer, e.g. "192.0.2.7:41234"
    cpus: int | None = None

    @property
    def shell(self) -> tuple[int, int]:
        """Version of the command `shell`: what a worker can do is decided by this. (0, 0) when it makes no sense."""
        major, _, minor = self.commands.get("shell", "").partition(".")
        return (int(major), int(minor)) if _digits(major) and _digits(minor) else (0, 0)

    @property
    def old(self) -> bool:
        """Whether it is a slave of 0.8.x: bytes for text, other names of arguments, fewer commands."""
        return self.shell < SINCE_WORKERS


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 7


class Sink(Protocol):
    """Who gets what a command says: checked, in the order received; text of new workers as UTF-8, of old ones as is.

    What it raises ends the command (it is interrupted) and comes out of `Running.ended`. It must not block for long.
    """

    def text(self, stream: str, data: bytes) -> None:
        """Output; `stream` is "stdout", "stderr" or "header" (the worker's own words on the command)."""

    def log(self, name: str, data: bytes) -> None:
        """What was added to a watched file; `name` is one of those asked for in `logfiles`."""


class Silent:
    """A sink for those who do not care."""

    def text(self, stream: str, data: bytes) -> None:
        """Forget it."""

    def log(self, name: str, data: bytes) -> None:
        """Forget it."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    rc: int | None  #: exit status; -1 when a signal ended it; None: the worker could not run it, see `failure`
    failure: str | None = None  #: what the worker says it failed at: one line
    reason: str | None = None  #: "timeout" | "timeout_without_output" | "max_lines_failure", or None
    signal: int | None = None  #: the signal that ended it, when the worker said so


class Running(Protocol):
    """One command that has been started."""

    async def ended(self) -> Ended:
        """Wait for its end; raises Lost, or what the sink raised (then the command has been interrupted)."""

    async def interrupt(self, why: str) -> None:
        """Ask the worker to kill it; nothing is sent unless this very command runs. Raises WorkerError or Lost."""


class Worker(Protocol):
    """A connected worker."""

    about: About
    gone: asyncio.Event  #: set when the connection has ended
    leaves: asyncio.Event  #: set when it has asked to go: it gets nothing new and, once free, `shutdown`

    @property
    def heard(self) -> float:
        """When something was last heard of it: time.monotonic()."""

    @property
    def leaving(self) -> bool:
        """Whether it has asked to go."""

    async def start(self, slot: str, args: dict[str, Any], sink: Sink, *, command: str = "shell") -> Running:
        """Start a command as soon as the slot is free: there are never two at once on one. Raises WorkerError, Lost.

        `args` as the command has them; `initial_stdin` may be str or bytes, each worker gets what it understands.
        """

    async def upload(self, slot: str, source: str, workdir: str, target: BinaryIO, limit: int) -> int:
        """Copy a file of the worker, byte by byte, into `target`; return its size.

        Raises NoFile, TooLarge (over `limit` bytes; `target` then has a part of it), another WorkerError, Lost, or what
        `target.write` raised. Ask for regular files only: a FIFO makes the whole worker wait.
        """

    async def download(self, slot: str, source: BinaryIO, dest: str, workdir: str, mode: int | None) -> None:
        """Copy `source` to a file of the worker, its directories made.

        Raises NoFile, another WorkerError, Lost, or what `source.read` raised.
        """

    async def shutdown(self) -> None:
        """Tell the worker's process to exit, whatever it runs, and wait until it is gone."""

    def drop(self) -> None:
        """End the connection at once; whatever runs there is killed by the worker, and the worker will come back."""


@dataclass
class Kept:
    """A sink that keeps what it is told, up to a limit, for commands of ours that say little."""

    limit: int = 65536  #: bytes of each stream
    streams: dict[str, bytearray] = field(default_factory=dict)

    def text(self, stream: str, data: bytes) -> None:
        """Keep it as far as there is room."""
        kept = self.streams.setdefault(stream, bytearray())
        kept += data[: max(0, self.limit - len(kept))]

    def log(self, name: str, data: bytes) -> None:
        """Logs are for others."""

    def read(self, stream: str) -> str:
        """What a stream said, as text."""
        return self.streams.get(stream, bytearray()).decode(errors="replace")
