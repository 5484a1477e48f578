"""Beside a task on its worker: commands in it are heard, what they ask is done, its logs are brought home.

A worker has one connection, and a process of the task has no way to us but files: it leaves a request in the task's
spool, and a command of ours that listens there ends when one comes (its end makes the worker send what it said at once,
where a running command's output is held back for seconds). Whatever the worker says is checked: names of requests,
sizes, how often.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from typing import Any

from wsgi_app.harnesses.buildbot.copies import Copies
from wsgi_app.harnesses.buildbot.errands import SHORT, Errands
from wsgi_app.harnesses.buildbot.reports import Reports
from wsgi_app.harnesses.buildbot.requests import Requests
from wsgi_app.harnesses.buildbot.transport import Kept, Lost, Running, TooLarge, Worker, WorkerError

LISTEN = 300  #: seconds after which a listener ends by itself: one whose worker was killed must not stay for ever
SOON = 0.5  #: seconds in which an answer is worth waiting for before we listen again
MOST_LOGS = 1000  #: files that become logs of a task
LONGEST_NAMES = 4 * 1024 * 1024  #: bytes of their names: a path has at most 4096
LONGEST_PAUSE = 30.0  #: seconds before we listen again on a worker where that does not work
FAREWELL = 10.0  #: seconds that the worker has at the task's end for each of our last steps
SCRIPTS = ("listen.sh", "lay.sh", "logs.sh")
#: the three commands are one script; the directories are the ones that it and the task know
LAY_OUT = """
mkdir -p spool logs && cp bin/tackroom-report bin/tackroom-sync && cp bin/tackroom-report bin/tackroom-abort &&
{ [ -p spool/wake ] || mkfifo spool/wake; } || exit 1
rm -f side/names
"""


class Side:
    """What goes on beside one task in `task_dir` of a worker (relative to the builder's directory, or absolute)."""

    def __init__(self, worker: Worker, task_dir: str, reports: Reports) -> None:
        self._reports = reports
        self._errands = Errands(worker, task_dir, reports.note)
        self._poke = asyncio.Event()  # there is something to do other than to listen
        self._copies = Copies(self._errands, reports.home / "uploads", reports.limit)
        self._requests = Requests(self._errands, self._copies, reports, self._poke.set)
        self._closing = False
        self._serving: asyncio.Task[Any] | None = None

    # -- before

    async def install(self) -> None:
        """Put the commands and their surroundings into the task's directory; raises WorkerError, Lost."""
        await self._errands.put_script("ask.sh", "bin/tackroom-report", 0o755)
        for name in SCRIPTS:
            await self._errands.put_script(name, f"side/{name}")
        if await self._errands.run("-c", LAY_OUT) is None:
            raise WorkerError("the task's commands cannot be laid out")

    # -- meanwhile

    async def serve(self) -> None:
        """Do what the task's commands ask, until `close` or until the worker is lost."""
        self._serving = asyncio.current_task()
        pause = 0.0
        try:
            while not self._closing:
                began = time.monotonic()
                try:
                    self._poke.clear()
                    await self._requests.give_answers()
                    said = await self._listen()
                    poked = self._poke.is_set()
                    fine = await self._requests.take(said) or poked
                except (WorkerError, TooLarge) as error:
                    self._reports.note(f"the task's commands are not heard: {error}")
                    fine = False
                # a listener that ends at once, and brings nothing new, would be started again and again
                if fine or time.monotonic() - began > LISTEN / 2:
                    pause = 0.0
                else:
                    pause = min(max(0.25, 2 * pause), LONGEST_PAUSE)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._poke.wait(), pause)
        except Lost:
            return
        finally:
            self._serving = None

    async def _listen(self) -> str:
        """Listen until there is something to do; return what was heard."""
        await self._requests.soon(SOON)
        if self._poke.is_set() or self._closing:
            return ""
        if self._requests.full:
            await self._poke.wait()
            return ""
        sink = Kept()
        command = ["/bin/sh", "side/listen.sh", "spool", str(LISTEN), *self._requests.names()]
        running = await self._errands.start(command, LISTEN + SHORT, sink)
        ended = asyncio.ensure_future(running.ended())
        poked = asyncio.ensure_future(self._poke.wait())
        try:
            await asyncio.wait((ended, poked), return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                await running.interrupt("there is an answer")
            await ended
        finally:
            poked.cancel()
            if not ended.done():
                ended.cancel()
                await self._hush(running)
        return sink.read("stdout")

    @staticmethod
    async def _hush(running: Running) -> None:
        """End a listener that nobody waits for any more; a worker that does not answer ends it itself some day."""
        interrupt = asyncio.create_task(running.interrupt("the task is over"))
        interrupt.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.wait((interrupt,), timeout=FAREWELL)

    # -- after

    async def close(self, *, last: bool = True) -> None:
        """Hear no more; what was asked by now is done first, unless `last` is false.

        The worker cannot delay it for long; a result is brought to the controller however long that is away.
        """
        if self._closing:
            return
        self._closing = True
        self._poke.set()
        serving = self._serving
        if serving is not None:
            await asyncio.wait((serving,), timeout=FAREWELL)
            serving.cancel()
            await asyncio.wait((serving,), timeout=FAREWELL)
        if last:
            with suppress(WorkerError, Lost, TooLarge, TimeoutError):
                async with asyncio.timeout(FAREWELL):
                    said = await self._errands.run("side/listen.sh", "spool", "0", *self._requests.names())
                    await self._requests.take(said or "")
        await self._requests.finish(last=last)
        with suppress(WorkerError, Lost, TooLarge, TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await self._requests.give_answers()
                # who is still waiting learns from this that the task is over
                await self._errands.run("-c", "rm -rf spool")
        self._requests.clear()

    async def collect(self) -> None:
        """Make every regular file in the task's directory for logs a log of the task; call `close` first."""
        try:
            await self._errands.run("side/logs.sh", str(LONGEST_NAMES))
            listing = await self._errands.fetch("side/names", LONGEST_NAMES)
            names = sorted(name.removeprefix(b"./") for name in listing.split(b"\0")[:-1])
            if len(names) > MOST_LOGS:
                self._reports.note(f"there are more than {MOST_LOGS} logs: the others are not taken")
            files = [(log, f"../logs/{log}") for log in map(os.fsdecode, names[:MOST_LOGS])]
            async for brought in self._copies.bring("log", files):
                if brought.file is None:
                    self._reports.note(f"log {brought.name}: {brought.problem}")
                    continue
                try:
                    if problem := await self._reports.put_file(self._reports.url, brought.name, brought.file):
                        self._reports.note(problem)
                finally:
                    brought.file.unlink(missing_ok=True)
        except (WorkerError, TooLarge, Lost) as error:
            self._reports.note(f"the task's logs were not collected: {error}")
