"""A worker that is no more than a directory and /bin/sh: does at once what a stock worker does over the wire."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any, BinaryIO

from wsgi_app.harnesses.buildbot.transport import SLOTS, About, Ended, Lost, NoFile, Sink, TooLarge, WorkerError


class Shell:
    """One command of it."""

    def __init__(self, process: asyncio.subprocess.Process, sink: Sink, worker: ShellWorker, slot: str) -> None:
        self._process = process
        self._task = asyncio.create_task(self._run(sink, worker, slot))

    async def _run(self, sink: Sink, worker: ShellWorker, slot: str) -> Ended:
        try:
            out, err = await self._process.communicate()
        finally:
            worker.free[slot].release()
        if worker.gone.is_set():
            raise Lost("the worker is gone")
        sink.text("stdout", out)
        sink.text("stderr", err)
        return Ended(max(-1, self._process.returncode or 0))

    async def ended(self) -> Ended:
        """Wait for its end."""
        return await asyncio.shield(self._task)

    async def interrupt(self, why: str) -> None:
        """Kill its process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


class ShellWorker:
    """The worker; `deaf` makes it refuse commands, `gone` is its lost connection."""

    def __init__(self, basedir: Path) -> None:
        self.about = About("box", "0", {"shell": "3.3"}, "posix", str(basedir), "127.0.0.1:1")
        self.gone = asyncio.Event()
        self.leaves = asyncio.Event()
        self.deaf = False
        self.commands: list[list[str]] = []
        self.free = {slot: asyncio.Lock() for slot in SLOTS}
        self._running: list[Shell] = []

    @property
    def heard(self) -> float:
        """Now."""
        return time.monotonic()

    @property
    def leaving(self) -> bool:
        """Whether it has asked to go."""
        return self.leaves.is_set()

    def _place(self, slot: str, workdir: str) -> Path:
        place = Path(self.about.basedir) / slot / workdir
        place.mkdir(parents=True, exist_ok=True)
        return place

    async def start(self, slot: str, args: dict[str, Any], sink: Sink, *, command: str = "shell") -> Shell:
        """Start a command when the slot is free."""
        self._check()
        assert command == "shell"
        await self.free[slot].acquire()
        self.commands.append(args["command"])
        process = await asyncio.create_subprocess_exec(
            *args["command"],
            cwd=self._place(slot, args["workdir"]),
            env={"PATH": os.environ["PATH"], **args.get("env", {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        running = Shell(process, sink, self, slot)
        self._running.append(running)
        return running

    async def upload(self, slot: str, source: str, workdir: str, target: BinaryIO, limit: int) -> int:
        """Copy a file from the directory."""
        self._check()
        async with self.free[slot]:
            file = self._place(slot, workdir) / source
            if not file.is_file():
                raise NoFile(f"no file {source}")
            body = file.read_bytes()
        target.write(body[:limit])
        if len(body) > limit:
            raise TooLarge(f"{len(body)} bytes")
        return len(body)

    async def download(self, slot: str, source: BinaryIO, dest: str, workdir: str, mode: int | None) -> None:
        """Copy a file into the directory."""
        self._check()
        async with self.free[slot]:
            file = self._place(slot, workdir) / dest
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(source.read())
            if mode is not None:
                file.chmod(mode)

    async def shutdown(self) -> None:
        """Go."""
        await self.lose()

    def drop(self) -> None:
        """Lose the connection."""
        self.gone.set()

    async def lose(self) -> None:
        """Lose the connection as a worker does: all that runs is killed."""
        self.gone.set()
        for running in self._running:
            await running.interrupt("lost")

    def _check(self) -> None:
        if self.gone.is_set():
            raise Lost("the worker is gone")
        if self.deaf:
            raise WorkerError("no such builder")
