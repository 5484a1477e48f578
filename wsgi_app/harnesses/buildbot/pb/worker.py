"""A worker that is connected: what a gateway asks of it, and whether it is still there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, BinaryIO

from twisted.spread import pb

from wsgi_app.harnesses.buildbot.pb import about
from wsgi_app.harnesses.buildbot.pb.broker import GuardedBroker
from wsgi_app.harnesses.buildbot.pb.calls import call
from wsgi_app.harnesses.buildbot.pb.command import Command, Slot
from wsgi_app.harnesses.buildbot.pb.files import BLOCK, End, Reader, Writer
from wsgi_app.harnesses.buildbot.transport import About, Kept, Lost, NoFile, Sink, WorkerError
from wsgi_app.harnesses.plain import plain

SHUTDOWN_SECONDS = 10.0  #: it takes 0.2


class Avatar(pb.Referenceable):  # type: ignore[misc]
    """What a worker may call once it is in."""

    def __init__(self, worker: Connected) -> None:
        self._worker = worker

    def remote_keepalive(self, *_: object) -> None:
        """It asks whether we are there."""

    def remote_shutdown(self, *_: object) -> None:
        """It asks to be let go when it is free."""
        self._worker.leaves.set()


class Connected:
    """See `transport.Worker`."""

    about: About

    def __init__(self, name: str, bot: pb.RemoteReference, broker: GuardedBroker) -> None:
        self.name = name
        self.gone = asyncio.Event()
        self.leaves = asyncio.Event()
        self._bot = bot
        self._broker = broker
        self._slots: dict[str, Slot] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def heard(self) -> float:
        """When something was last heard of it."""
        return self._broker.heard

    @property
    def leaving(self) -> bool:
        """Whether it has asked to go."""
        return self.leaves.is_set()

    async def attach(self) -> None:
        """Ask it what it is and set its slots; raises WorkerError or Lost."""
        self.about = await about.ask(self._bot, self.name, self._broker.peer())
        references = await about.builders(self._bot)
        self._slots = {name: Slot(name, reference, self.spawn, self._stuck) for name, reference in references.items()}
        if self.gone.is_set():
            raise Lost("the connection to the worker has ended")
        self.spawn(self._greet())

    async def _greet(self) -> None:
        """Have it write the word for which `buildbot-worker start` looks in its log, for ten seconds."""
        with suppress(WorkerError, Lost):
            await call(self._bot, "print", "attached")

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something for as long as it takes, whoever else gives up."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def ping(self, seconds: float) -> bool:
        """Whether it answers in time; an error is an answer too."""
        try:
            async with asyncio.timeout(seconds):
                await call(self._bot, "getVersion")
        except WorkerError:
            return True
        except (TimeoutError, Lost):
            return False
        return True

    async def watch(self, silent: float, patience: float) -> None:
        """Ping it after `silent` seconds without a word; drop it when it then says nothing for `patience` seconds."""
        while not self.gone.is_set():
            idle = time.monotonic() - self.heard
            if idle < silent:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.gone.wait(), silent - idle)
            elif not await self.ping(patience) and time.monotonic() - self.heard >= patience:
                self._broker.drop(f"worker {self.name} does not answer")
                return

    def lost(self) -> None:
        """The connection has ended."""
        self.gone.set()
        for slot in self._slots.values():
            slot.lost()

    async def start(self, slot: str, args: dict[str, Any], sink: Sink, *, command: str = "shell") -> Command:
        """See `transport.Worker.start`."""
        given = dict(args)
        stdin = given.get("initial_stdin")
        if self.about.old and isinstance(stdin, str):  # there text makes the command hang
            given["initial_stdin"] = stdin.encode()
        elif not self.about.old and isinstance(stdin, bytes):
            given["initial_stdin"] = stdin.decode(errors="surrogateescape")
        return await self._slots[slot].start(command, given, sink)

    async def upload(self, slot: str, source: str, workdir: str, target: BinaryIO, limit: int) -> int:
        """See `transport.Worker.upload`."""
        writer = Writer(target, limit)
        # one more than allowed: at exactly the limit workers say that it was reached
        args = {"workdir": workdir, "writer": writer, "maxsize": limit + 1, "blocksize": BLOCK, "keepstamp": False}
        args["slavesrc" if self.about.old else "workersrc"] = source
        await self._transfer(slot, "uploadFile", args, writer)
        if not writer.closed:
            raise WorkerError("it did not send the file to its end")
        return writer.size

    async def download(self, slot: str, source: BinaryIO, dest: str, workdir: str, mode: int | None) -> None:
        """See `transport.Worker.download`."""
        reader = Reader(source)
        args = {"workdir": workdir, "reader": reader, "maxsize": None, "blocksize": BLOCK, "mode": mode}
        args["slavedest" if self.about.old else "workerdest"] = dest
        await self._transfer(slot, "downloadFile", args, reader)
        if not reader.whole:
            raise WorkerError("it did not take the file to its end")

    async def _transfer(self, slot: str, command: str, args: dict[str, Any], end: End) -> None:
        """Run a transfer; what is wrong at our end of it comes before what the worker says of that."""
        said = Kept()
        running = await self.start(slot, args, said, command=command)
        end.stop_by(lambda: self.spawn(running.kill("the file is not wanted any more")))
        try:
            ended = await running.ended()
        except asyncio.CancelledError:
            self.spawn(running.kill("given up"))
            raise
        if end.trouble is not None:
            raise end.trouble
        if ended.rc != 0 or ended.failure:
            words = plain((ended.failure or said.read("stderr")).strip()) or f"{command}: exit status {ended.rc}"
            raise (NoFile if words.startswith("Cannot open file") else WorkerError)(words)

    async def shutdown(self) -> None:
        """See `transport.Worker.shutdown`."""
        try:
            async with asyncio.timeout(SHUTDOWN_SECONDS):
                await call(self._bot, "shutdown")
                await self.gone.wait()
        except (WorkerError, Lost, TimeoutError):
            self.drop()
            await self.gone.wait()

    def _stuck(self) -> None:
        """A command does not end though it was killed: only a new connection makes its slot usable again."""
        self._broker.drop(f"worker {self.name} does not end a command that was killed")

    def drop(self) -> None:
        """See `transport.Worker.drop`."""
        self._broker.drop()
