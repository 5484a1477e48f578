"""The workers' door in a thread of the test's process, with an event loop of its own, and what tests ask of it."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from waiting import until

from wsgi_app.harnesses.buildbot.pb import Door, Limits
from wsgi_app.harnesses.buildbot.transport import SLOT, Ended, Running, Worker

T = TypeVar("T")
PATIENT = Limits()


class Told:
    """A sink that keeps all, in order, with the time of each piece."""

    def __init__(self) -> None:
        self.pieces: list[tuple[str, bytes]] = []
        self.times: list[float] = []

    def text(self, stream: str, data: bytes) -> None:
        """Keep it."""
        self.pieces.append((stream, data))
        self.times.append(time.monotonic())

    def log(self, name: str, data: bytes) -> None:
        """Keep it."""
        self.text(f"log {name}", data)

    def all(self, stream: str) -> bytes:
        """All of a stream ("stdout", "stderr", "header", "log NAME")."""
        return b"".join(data for name, data in self.pieces if name == stream)


class WorkersDoor:
    """A door, its passwords (name -> password), and the workers that came in by it, in order."""

    def __init__(self, limits: Limits) -> None:
        self.passwords: dict[str, str] = {}
        self.broken = False  #: whoever asks for a password gets an exception
        self.came: list[Worker] = []
        self.said: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.limits = limits
        self.ports: dict[bool, int] = {}
        self.open()

    def open(self, port: int = 0) -> None:
        """Listen, on a free port unless told."""
        self._door = Door(self._admit, self.came.append, self.said.append, self.limits)
        self.port = self.do(self._door.listen("127.0.0.1", port))

    def open_tls(self, certificate: str, key: str) -> int:
        """Listen with TLS too; return the port."""
        return self.do(self._door.listen("127.0.0.1", 0, (certificate, key)))

    def shut(self) -> None:
        """Stop listening, end all connections."""
        self.do(self._door.close())

    def close(self) -> None:
        """End it all."""
        self.shut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        self._loop.close()

    async def _admit(self, name: str, challenge: bytes, response: bytes) -> bool:
        if self.broken:
            raise OSError("database is locked")
        password = self.passwords.get(name)
        if password is None:
            return False
        inner = hashlib.md5(password.encode()).digest()
        return hashlib.md5(inner + challenge).digest() == response

    def do(self, work: Coroutine[Any, Any, T], seconds: float = 30) -> T:
        """Run something in the door's loop and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    def worker(self, name: str, *, after: int = 0, seconds: float = 20) -> Worker:
        """Wait for the connection of a worker, the one after so many earlier ones of its name."""

        def found() -> list[Worker]:
            return [one for one in self.came if one.about.name == name][after:]

        return until(found, f"worker {name} (after {after}; the door said {self.said})", seconds)[0]

    def connected(self, name: str, seconds: float = 20) -> Worker:
        """Wait until a worker is connected."""

        def found() -> list[Worker]:
            return [one for one in self.came if one.about.name == name and not one.gone.is_set()]

        return until(found, f"worker {name} (the door said {self.said})", seconds)[-1]

    def start(self, worker: Worker, command: str | list[str], told: Told, slot: str = SLOT, **args: Any) -> Running:
        """Start a shell command."""
        given = {"command": command, "workdir": "work", "logEnviron": False, **args}
        return self.do(worker.start(slot, given, told))

    def run(
        self, worker: Worker, command: str | list[str], told: Told | None = None, slot: str = SLOT, **args: Any
    ) -> Ended:
        """Run a shell command to its end."""
        return self.do(self.start(worker, command, told or Told(), slot, **args).ended())


@contextmanager
def workers_door(limits: Limits = PATIENT) -> Iterator[WorkersDoor]:
    """A door that listens meanwhile."""
    made = WorkersDoor(limits)
    try:
        yield made
    finally:
        made.close()
