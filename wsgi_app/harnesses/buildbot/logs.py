"""What a task on a worker writes: kept here first, and brought to the controller in ranges.

A log is a local file that is only ever appended to; what the controller has of it is a prefix, so after a restart its
size there says where to go on (protocols/harness-beaker.md, item 19).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from wsgi_app.harnesses.address import segment
from wsgi_app.harnesses.buildbot.controller import Controller, Refused
from wsgi_app.harnesses.plain import plain

OUTPUT = "taskout.log"
WORDS = "harness.log"
UPLOAD_EVERY = 1.0  #: seconds
RANGE = 1024 * 1024  #: bytes in one PUT; the protocol's limit is 10 MiB
HEADERS = 256 * 1024  #: bytes of a worker's own words on a command that are kept


class TooMuch(Exception):
    """A command has written more than it may."""


class GrowingLog:
    """A log of a task that is uploaded while it grows; `path` is its URL path, `file` the local copy."""

    def __init__(self, controller: Controller, path: str, file: Path) -> None:
        self.path = path
        self.refusal = ""  #: why the controller takes no more of it
        self._controller = controller
        self._file = file
        self._sent: int | None = None
        self._one = asyncio.Lock()

    async def push(self) -> None:
        """Upload what is there and was not sent yet; raises Refused, once. Raises OSError."""
        async with self._one:
            if self.refusal:
                return
            try:
                await self._push()
            except Refused as refusal:
                self.refusal = str(refusal)  # later ranges would only leave a hole
                raise
            except asyncio.CancelledError:
                self._sent = None  # a range is on its way, or not
                raise

    async def _push(self) -> None:
        if self._sent is None:
            self._sent = await self._controller.size(self.path)
            if self._file.stat().st_size < self._sent:
                # The local end was lost in a power cut: what is appended now belongs behind what the controller has.
                os.truncate(self._file, self._sent)
        size = self._file.stat().st_size
        if size <= self._sent:
            return
        with self._file.open("rb") as file:
            while self._sent < size:
                file.seek(self._sent)
                part = file.read(min(RANGE, size - self._sent))
                await self._controller.put(self.path, part, f"bytes {self._sent}-{self._sent + len(part) - 1}/*")
                self._sent += len(part)


class TaskLogs:
    """What a task always has: its output and our words about it. `home` is where they are, `url` the task's path."""

    def __init__(self, controller: Controller, url: str, home: Path) -> None:
        self._files: dict[str, int] = {}
        self._logs = []
        for name in (OUTPUT, WORDS):
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            self._files[name] = os.open(home / name, flags, 0o600)
            self._logs.append(GrowingLog(controller, f"{url}/logs/{segment(name)}", home / name))

    def __enter__(self) -> TaskLogs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, data: bytes) -> None:
        """Append to the task's output; raises OSError."""
        self._append(OUTPUT, data)

    def say(self, words: str) -> None:
        """Append one line of ours with the time (UTC) in front; raises OSError."""
        self._append(WORDS, f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {plain(words)}\n".encode())

    def _append(self, name: str, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._files[name], view) :]

    async def push(self, refused: Callable[[str, Refused], None]) -> None:
        """Upload what is there and was not sent yet; `refused` hears what will be missing. Raises OSError."""
        for log in self._logs:
            try:
                await log.push()
            except Refused as refusal:
                refused(log.path, refusal)

    async def push_on(self, refused: Callable[[str, Refused], None]) -> None:
        """Do that again and again, until cancelled."""
        while True:
            await asyncio.sleep(UPLOAD_EVERY)
            await self.push(refused)

    def close(self) -> None:
        """Write no more."""
        while self._files:
            with contextlib.suppress(OSError):  # what could not be written was said when it was
                os.close(self._files.popitem()[1])


class TaskSink:
    """Puts what a command says into a task's logs, up to `limit` bytes of output; beyond that it raises TooMuch."""

    def __init__(self, logs: TaskLogs, limit: int) -> None:
        self._logs = logs
        self._left = limit
        self._headers = HEADERS

    def text(self, stream: str, data: bytes) -> None:
        """Keep it. Raises TooMuch, OSError."""
        if stream == "header":
            data = data[: self._headers]
            self._headers -= len(data)
            for line in data.decode(errors="replace").splitlines():
                if line.strip():
                    self._logs.say(f"worker: {line}")
            return
        self._logs.write(data[: max(self._left, 0)])
        self._left -= len(data)
        if self._left < 0:
            raise TooMuch

    def log(self, name: str, data: bytes) -> None:
        """We ask for no watched files."""
