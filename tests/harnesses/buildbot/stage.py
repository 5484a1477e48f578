"""A task on a worker with its tools, and the gateway's end of them, on a stage where tests play."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from shellworker import ShellWorker

from tests.harnesses.peer import KEY, RECIPE, Peer
from wsgi_app.harnesses.address import address
from wsgi_app.harnesses.buildbot.controller import Controller, Lines
from wsgi_app.harnesses.buildbot.reports import Reports
from wsgi_app.harnesses.buildbot.side import Side

DASH = shutil.which("dash") or "/bin/sh"
TASK = 11
LIMIT = 16 * 1024 * 1024


@dataclass
class Stage:
    """A task's directory on a worker, and what goes on beside it."""

    home: Path
    worker: ShellWorker
    reports: Reports
    side: Side
    serving: asyncio.Task[None]
    notes: list[str] = field(default_factory=list)
    counted: list[int] = field(default_factory=list)
    aborts: list[str] = field(default_factory=list)

    async def begin(self, script: str, env: dict[str, str] | None = None) -> asyncio.subprocess.Process:
        """Begin a script as a task is begun."""
        path = f"{self.home}/bin:{os.environ['PATH']}"
        cwd = self.home / "work"
        cwd.mkdir(exist_ok=True)
        return await asyncio.create_subprocess_exec(
            DASH,
            "-c",
            script,
            cwd=cwd,
            env={"PATH": path, **(env or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def run(self, script: str, env: dict[str, str] | None = None) -> str:
        """Run a script as a task is run; return what it said."""
        process = await self.begin(script, env)
        out, _ = await asyncio.wait_for(process.communicate(), 40)
        return out.decode(errors="replace")


@asynccontextmanager
async def stage(peer: Peer, place: Path) -> AsyncIterator[Stage]:
    """Serve a task that runs on a worker."""
    peer.task(TASK)["status"] = "Running"
    base = address(peer.url)
    lines = Lines(base)
    notes: list[str] = []
    counted: list[int] = []
    aborts: list[str] = []
    worker = ShellWorker(place / "worker")
    home = place / "worker" / "slot0" / f"t{TASK}"

    async def count() -> None:
        counted.append(1)

    async def abort(message: str) -> None:
        aborts.append(message)

    reports = Reports(
        Controller(lines, base, KEY, notes.append),
        RECIPE,
        TASK,
        place / "gateway",
        limit=LIMIT,
        note=notes.append,
        count=count,
        abort=abort,
    )
    side = Side(worker, str(home), reports)
    await side.install()
    serving = asyncio.create_task(side.serve())
    try:
        yield Stage(home, worker, reports, side, serving, notes, counted, aborts)
    finally:
        await side.close()
        assert serving.done()
        serving.cancel()
        lines.close()


Play = Callable[[Callable[[Stage, Peer], Awaitable[None]]], Peer]


async def until(ask: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not ask():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.02)


def listeners(home: Path) -> list[str]:
    """The processes that listen in a task's directory."""
    found = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout.splitlines()
    mine = []
    for line in found:
        pid = line.split()[0]
        if "side/listen.sh" in line:
            try:
                if Path(f"/proc/{pid}/cwd").resolve() in (home, home / "spool"):
                    mine.append(line)
            except OSError:
                continue
    return mine
