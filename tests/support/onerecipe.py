"""A gateway's work on one recipe, without a gateway: a peer for the controller, shell commands for the worker."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from shellworker import Shell, ShellWorker

from tests.harnesses.peer import KEY, RECIPE, Peer
from wsgi_app.harnesses.address import address
from wsgi_app.harnesses.buildbot.controller import Controller, Lines
from wsgi_app.harnesses.buildbot.recipe import RecipeRun
from wsgi_app.harnesses.buildbot.spool import Spool
from wsgi_app.harnesses.buildbot.transport import Sink

SECONDS = 40.0
MAX_OUTPUT = 100_000


class Box(ShellWorker):
    """A worker that replaces variables in the environment that it is given, as stock workers do."""

    def __init__(self, basedir: Path) -> None:
        super().__init__(basedir)
        self.given_up: list[asyncio.Task[None]] = []

    async def start(self, slot: str, args: dict[str, Any], sink: Sink, *, command: str = "shell") -> Shell:
        """Start a command."""
        own = {"PATH": "/usr/bin:/bin"}
        env = (
            {
                name: re.sub(r"\$\{([0-9a-zA-Z_]*)\}", lambda found: own.get(found[1], ""), value)
                for name, value in args["env"].items()
            }
            if "env" in args
            else {}
        )
        begun = asyncio.create_task(super().start(slot, {**args, "env": env}, sink, command=command))
        try:
            return await asyncio.shield(begun)
        except asyncio.CancelledError:
            self.given_up.append(asyncio.create_task(self._abandon(begun)))
            raise

    async def _abandon(self, begun: asyncio.Task[Shell]) -> None:
        await (await begun).interrupt("given up")

    async def end(self) -> None:
        """Lose the connection, and wait until nothing runs any more."""
        await self.lose()
        await asyncio.gather(*self.given_up, return_exceptions=True)
        await asyncio.gather(*(running.ended() for running in self._running), return_exceptions=True)


class Gateway:
    """What a gateway is to one recipe."""

    def __init__(self, peer: Peer, place: Path, spool: Path, *, detach: bool) -> None:
        self.peer = peer
        self.place = place
        self.spool = spool
        self.detach = detach
        base = address(peer.url)
        self.lines = Lines(base)
        self.words: list[str] = []
        self.controller = Controller(self.lines, base, "", self.words.append)
        self.worker = Box(place / "worker")
        self.workers = [self.worker]
        self.run: RecipeRun | None = None

    async def worker_of(self) -> Box:
        """The worker that is connected."""
        if self.worker.gone.is_set():
            self.worker = Box(self.place / "worker")
            self.workers.append(self.worker)
        return self.worker

    def begin(self) -> asyncio.Task[None]:
        """Take the recipe in hand, or go on with it."""
        spool = Spool(self.spool)
        held = spool.open(RECIPE) if spool.recipes() else spool.begin(RECIPE, KEY, "box")
        self.run = RecipeRun(
            self.controller,
            held,
            self.worker_of,
            self.words.append,
            public="http://public.example.org/lab",
            max_output=MAX_OUTPUT,
            detach=lambda: self.detach,
            again=0.5,
        )
        return asyncio.create_task(self.run.work())

    def moments(self) -> int:
        """How many calls it has made, to either side."""
        return len(self.peer.requests) + len(self.worker.commands)

    def runs(self) -> bool:
        """Whether it knows of a task that it runs."""
        return any("the worker runs" in words for words in self.words)

    async def close(self) -> None:
        """Go, and lose the worker."""
        for worker in self.workers:
            await worker.end()
        self.lines.close()


async def until(true: Callable[[], object], what: str) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.0005)


def with_gateway(
    peer: Peer,
    place: Path,
    do: Callable[[Gateway], Awaitable[None]],
    *,
    spool: Path | None = None,
    detach: bool = False,
) -> None:
    """Do something with a gateway."""

    async def main() -> None:
        gateway = Gateway(peer, place, spool or place / "spool", detach=detach)
        try:
            async with asyncio.timeout(SECONDS):
                await do(gateway)
        except BaseException:
            print("\n".join(gateway.words))
            raise
        finally:
            await gateway.close()

    asyncio.run(main())


async def through(gateway: Gateway) -> None:
    """Work the recipe through."""
    await gateway.begin()


def task(number: int, **what: object) -> dict[str, object]:
    """A task of the peer's recipe."""
    return {"id": number, "name": f"/task/{number}", "status": "Waiting", "result": "None", "params": {}, **what}


def counted(place: Path, number: int, words: str) -> dict[str, object]:
    """A task that notes that it was started."""
    return task(number, script=f"echo out {number}\necho started >>{place}/runs{number}\n{words}\n")


def runs(place: Path, number: int) -> int:
    """How often a task was started."""
    file = place / f"runs{number}"
    return len(file.read_text().splitlines()) if file.exists() else 0


def results(peer: Peer, number: int) -> list[tuple[str, str]]:
    """The results of a task."""
    return [(one["result"], one["path"]) for one in peer.results if one["task"] == number]
