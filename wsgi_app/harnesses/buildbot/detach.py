"""A task's command that survives a lost connection: it runs in a session of its own, and its output is in a file.

A worker kills what it runs when its connection ends. So what it is told to run only starts the task's command (once,
whoever says so how often), and then commands of ours wait until there is more of the output, which is fetched byte by
byte. How much of it is here is what counts, so another connection, or another gateway, goes on just there.
"""

from __future__ import annotations

import asyncio
import importlib.resources
import io
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NamedTuple

from wsgi_app.harnesses.buildbot.transport import SLOT, Ended, Kept, Lost, Running, Sink, Worker, WorkerError
from wsgi_app.harnesses.plain import plain

SCRIPTS = ("detach.sh", "session.sh", "follow.sh", "kill.sh")
FOLLOW = 60  #: seconds in which a command that says nothing is looked at once
SHORT = 30  #: seconds beside that our own commands may take
GRACE = 5  #: seconds between SIGTERM and SIGKILL
CHUNK = 4 * 1024 * 1024  #: bytes that follow.sh gives at once
MOST_TROUBLE = 20  #: failures of our own commands in a row after which the task is given up
SAID = re.compile(r"([0-9]{1,15}) (running|ended|gone|late) (-|[0-9]{1,3})")


class Seen(NamedTuple):
    """What follow.sh said."""

    size: int  #: bytes of output that there are
    state: str
    rc: int | None


class Detached:
    """One detached command, to be used as `Running`; `home` is the task's directory on the worker, an absolute path.

    `worker_of` waits for the worker when it is lost; `offset`: bytes of the output that are here already; `silent`:
    seconds without output after which it is ended, or None.
    """

    def __init__(
        self,
        worker: Worker,
        worker_of: Callable[[], Awaitable[Worker]],
        home: str,
        sink: Sink,
        *,
        offset: int = 0,
        silent: float | None = None,
    ) -> None:
        self._worker = worker
        self._worker_of = worker_of
        self._side = f"{home}/side"
        self._home = home
        self._sink = sink
        self._offset = offset
        self._silent = silent
        self._grown = time.monotonic()
        self._following: Running | None = None
        self._why: str | None = None  # it is to be ended; a reason as of Ended, or "" for ours
        self._trouble = 0

    async def start(self, args: dict[str, Any]) -> None:
        """Start it as `Worker.start` would with these arguments, `command` being a list; raises WorkerError, Lost.

        After Lost it is not known whether it runs: `ended` finds out, since nothing is started twice.
        """
        for name in SCRIPTS:
            body = importlib.resources.files(__package__).joinpath("tools", name).read_bytes()
            await self._worker.download(SLOT, io.BytesIO(body), f"side/{name}", self._home, 0o644)
        limit = max(0, int(args.get("maxTime") or 0))
        command = ["/bin/sh", f"{self._side}/detach.sh", self._side, str(limit), *args["command"]]
        sink = Kept()
        short = {**args, "command": command, "maxTime": SHORT, "timeout": None}
        ended = await (await self._worker.start(SLOT, short, sink)).ended()
        if ended.rc == 127:
            raise WorkerError("there is no program setsid, so no task survives a lost connection there")
        if ended.rc != 0:
            raise WorkerError(ended.failure or plain(sink.read("stderr").strip()) or f"exit status {ended.rc}")

    async def ended(self) -> Ended:
        """Wait for its end, over as many connections as it takes; raises what the sink raised."""
        while True:
            try:
                return await self._follow()
            except Lost:
                self._worker = await self._worker_of()
                self._grown = time.monotonic()  # whether it said something meanwhile is not known yet
                await asyncio.sleep(0)

    async def interrupt(self, why: str) -> None:
        """Have it killed with all its group; raises nothing: who waits for its end sees when it is done."""
        if self._why is not None:
            return
        self._why = ""
        if self._following is not None:
            with suppress(WorkerError, Lost):
                await self._following.interrupt(why)

    async def _follow(self) -> Ended:
        killed = False
        while True:
            if self._silent is not None and self._why is None and time.monotonic() - self._grown > self._silent:
                self._why = "timeout_without_output"
            if self._why is not None and not killed:
                await self._run("kill.sh", str(GRACE), seconds=GRACE)
                killed = True
            seen = await self._look()
            if seen is None and self._why is not None and not killed:
                continue
            if seen is None:
                self._trouble += 1
                if self._trouble > MOST_TROUBLE:
                    raise WorkerError("the worker does not say what became of the task")
                await asyncio.sleep(1)
                continue
            self._trouble = 0
            if seen.size > self._offset:
                try:
                    await self._fetch(min(CHUNK, seen.size - self._offset))
                except (Lost, WorkerError):
                    raise
                except Exception:
                    # nobody takes its output: it would run for nothing
                    await self._run("kill.sh", str(GRACE), seconds=GRACE)
                    raise
            elif seen.state != "running":
                return self._judged(seen)

    def _judged(self, seen: Seen) -> Ended:
        if seen.state == "ended" and not self._why:
            return Ended(seen.rc)
        if seen.state == "late" or self._why:
            return Ended(-1, reason="timeout" if seen.state == "late" else self._why)
        if self._why is not None:
            return Ended(-1, signal=15)
        return Ended(None, failure="the task's process has vanished: it was killed, or its system was started anew")

    async def _look(self) -> Seen | None:
        """Wait for something new; None when it cannot be had. A look that was interrupted is none."""
        patience = FOLLOW if self._silent is None else max(1, min(FOLLOW, int(self._silent)))
        if self._why is not None:
            patience = 1
        text = await self._run("follow.sh", str(self._offset), str(patience), seconds=patience)
        match = SAID.fullmatch(text.strip()) if text is not None else None
        if match is None:
            return None
        return Seen(int(match[1]), match[2], None if match[3] == "-" else int(match[3]))

    async def _fetch(self, size: int) -> None:
        chunk = io.BytesIO()
        await self._worker.upload(SLOT, "side/chunk", self._home, chunk, CHUNK)
        data = chunk.getvalue()[:size]
        if not data:
            raise WorkerError("the worker has output and does not give it")
        self._sink.text("stdout", data)
        self._offset += len(data)
        self._grown = time.monotonic()

    async def _run(self, script: str, *arguments: str, seconds: int) -> str | None:
        args = {
            "command": ["/bin/sh", f"{self._side}/{script}", self._side, *arguments],
            "workdir": self._home,
            "want_stdout": True,
            "want_stderr": True,
            "logEnviron": False,
            "usePTY": False,
            "maxTime": seconds + SHORT,
        }
        sink = Kept()
        try:
            before = self._why
            self._following = await self._worker.start(SLOT, args, sink)
            if before is None and self._why is not None:  # it was to be ended just now
                await self._following.interrupt("there is something else to do")
            ended = await self._following.ended()
        except WorkerError:
            return None
        finally:
            self._following = None
        return sink.read("stdout") if ended.rc == 0 else None
