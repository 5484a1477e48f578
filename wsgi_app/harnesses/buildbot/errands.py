"""Small commands of ours in a task's directory on its worker, and small files, beside the task."""

from __future__ import annotations

import importlib.resources
import io
from collections.abc import Callable

from wsgi_app.harnesses.buildbot.transport import SIDE, Kept, Running, Worker
from wsgi_app.harnesses.plain import plain

SHORT = 30  #: seconds that one may take


class Errands:
    """Errands to `directory` of a worker; `note` hears of those that came to nothing. All raise WorkerError, Lost."""

    def __init__(self, worker: Worker, directory: str, note: Callable[[str], None]) -> None:
        self.worker = worker
        self.directory = directory
        self._note = note

    async def start(self, command: list[str], seconds: int, sink: Kept) -> Running:
        """Start a command that may take so long."""
        args = {
            "command": command,
            "workdir": self.directory,
            "want_stdout": True,
            "want_stderr": True,
            "logEnviron": False,
            "usePTY": False,
            "maxTime": seconds,
        }
        return await self.worker.start(SIDE, args, sink)

    async def run(self, *command: str) -> str | None:
        """Run a command for /bin/sh and return what it said, None when it failed."""
        sink = Kept()
        ended = await (await self.start(["/bin/sh", *command], SHORT, sink)).ended()
        if ended.rc != 0:
            words = ended.failure or sink.read("stderr").strip() or f"exit status {ended.rc}"
            self._note(f"{command[0]}: {plain(words)}")
            return None
        return sink.read("stdout")

    async def fetch(self, file: str, most: int) -> bytes:
        """Return a file of at most so many bytes. Raises NoFile and TooLarge, too."""
        body = io.BytesIO()
        await self.worker.upload(SIDE, file, self.directory, body, most)
        return body.getvalue()

    async def put(self, body: bytes, dest: str, mode: int = 0o644) -> None:
        """Make a file."""
        await self.worker.download(SIDE, io.BytesIO(body), dest, self.directory, mode)

    async def put_script(self, name: str, dest: str, mode: int = 0o644) -> None:
        """Make a file that is one of `tools`."""
        await self.put(importlib.resources.files(__package__).joinpath("tools", name).read_bytes(), dest, mode)
