"""One command on a worker, and the slot (a builder of Buildbot's) where it runs alone."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from twisted.spread import pb

from wsgi_app.harnesses.buildbot.pb import updates
from wsgi_app.harnesses.buildbot.pb.calls import call, told
from wsgi_app.harnesses.buildbot.transport import Ended, Lost, Sink, WorkerError
from wsgi_app.harnesses.plain import plain

Spawn = Callable[[Coroutine[Any, Any, None]], object]  #: run it, whoever else gives up

STUCK_SECONDS = 60.0  #: from an interrupt of ours to the end: `sigtermTime` and all

_numbers = itertools.count(1)


def _watched(args: dict[str, Any]) -> frozenset[str]:
    """The names of the logs that were asked for: no others are taken."""
    files = args.get("logfiles")
    return frozenset(files) if isinstance(files, dict) else frozenset()


class Command(pb.Referenceable):  # type: ignore[misc]
    """One command: the worker calls `update` and `complete` of it, its starter awaits the end."""

    def __init__(self, slot: Slot, args: dict[str, Any], sink: Sink) -> None:
        self.id = f"{slot.name}-{next(_numbers)}"
        self._slot = slot
        self._sink = sink
        self._logs = _watched(args)
        self._over = asyncio.Event()  # there is an outcome
        self._outcome: Ended | Exception = Lost("the command has not ended")
        self._closed = asyncio.Event()  # the worker is done with it
        self._rc: int | None = None
        self._reason: str | None = None
        self._header = b""

    async def ended(self) -> Ended:
        """Wait for the end; see `Running.ended`."""
        await self._over.wait()
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome

    async def interrupt(self, why: str) -> None:
        """Have it killed. The worker kills whatever runs on the slot, so nothing is sent when this one does not."""
        if not self._closed.is_set():
            await call(self._slot.reference, "interruptCommand", self.id, why)

    def remote_update(self, told_: object = None, *_: object) -> None:
        """Take some output. Nothing goes back to the worker, whatever happens here: it would only log it."""
        if self._closed.is_set() or self._over.is_set():
            return
        try:
            for part in updates.parts(told_):
                self._take(part)
        except Exception as error:  # noqa: BLE001 (of the sink mostly, e.g. a full disk)
            self._settle(WorkerError(plain(f"it sent {error}")) if isinstance(error, updates.Nonsense) else error)
            self._slot.spawn(self.kill("its output cannot be kept"))

    def _take(self, part: updates.Text | updates.Fact) -> None:
        match part:
            case ("text", stream, data):
                if stream == "header":
                    self._header = (self._header + data)[-updates.TAIL :]
                self._sink.text(stream, data)
            case ("log", name, data):
                if name in self._logs:
                    self._sink.log(name, data)
            case ("rc", _, rc):
                self._rc = rc
            case ("reason", reason, _):
                self._reason = reason

    async def kill(self, why: str) -> None:
        """Interrupt it and see that it ends; when it does not in good time the connection is ended instead."""
        try:
            async with asyncio.timeout(STUCK_SECONDS):
                with suppress(WorkerError):  # then it may still end as it likes
                    await self.interrupt(why)
                await self._closed.wait()
        except Lost:
            pass
        except TimeoutError:
            self._slot.stuck()

    def remote_complete(self, failure: object = None, *_: object) -> None:
        """It is over: only this is the end, much comes after the exit status."""
        if self._closed.is_set():
            return
        text = None if failure is None else told(failure)
        if text is None and self._rc is None:
            text = "the worker gave no exit status"
        self.close(updates.ended(self._rc, text, self._reason, self._header))

    def close(self, outcome: Ended | Exception) -> None:
        """The worker is done with it, or gone: the slot is free. The first outcome counts."""
        self._settle(outcome)
        if not self._closed.is_set():
            self._closed.set()
            self._slot.left()

    def _settle(self, outcome: Ended | Exception) -> None:
        if not self._over.is_set():
            self._outcome = outcome
            self._over.set()


class Slot:
    """A builder of a worker: one command at a time, the others wait in order."""

    def __init__(self, name: str, reference: pb.RemoteReference, spawn: Spawn, stuck: Callable[[], None]) -> None:
        self.name = name
        self.reference = reference
        self.spawn = spawn
        self.stuck = stuck  #: called when a command does not end
        self._turn = asyncio.Lock()
        self._current: Command | None = None
        self._gone = False

    async def start(self, command: str, args: dict[str, Any], sink: Sink) -> Command:
        """Start a command when it is its turn; raises WorkerError or Lost.

        Who gives up while the worker has not answered yet leaves a command behind that is killed before the next one.
        """
        await self._turn.acquire()
        if self._gone:
            self._turn.release()
            raise Lost("the connection to the worker has ended")
        running = self._current = Command(self, args, sink)
        asked = asyncio.ensure_future(call(self.reference, "startCommand", running, running.id, command, args))
        try:
            await asyncio.shield(asked)
        except asyncio.CancelledError:
            self.spawn(self._abandon(running, asked))
            raise
        except (WorkerError, Lost) as error:
            running.close(error)
            raise
        return running

    async def _abandon(self, running: Command, asked: asyncio.Future[Any]) -> None:
        try:
            await asked
        except (WorkerError, Lost) as error:
            running.close(error)
        else:
            await running.kill("given up")

    def left(self) -> None:
        """The command that ran is over."""
        self._current = None
        self._turn.release()

    def lost(self) -> None:
        """The connection has ended, and so has what ran."""
        self._gone = True
        if self._current is not None:
            self._current.close(Lost("the connection to the worker has ended"))
