"""A recipe on a worker, through gateways that go at any moment."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

from shellworker import Shell, ShellWorker

from tests.harnesses.conftest import MakePeer
from tests.harnesses.peer import FINISHED, KEY, RECIPE, Peer
from wsgi_app.harnesses.address import address
from wsgi_app.harnesses.buildbot.controller import Controller, Lines
from wsgi_app.harnesses.buildbot.recipe import RecipeRun
from wsgi_app.harnesses.buildbot.spool import Spool
from wsgi_app.harnesses.buildbot.transport import Sink

SECONDS = 40.0
#: about as many as a recipe of two tasks has calls of either kind
MOMENTS = 36


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

    def __init__(self, peer: Peer, place: Path) -> None:
        self.peer = peer
        self.place = place
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
        spool = Spool(self.place / "spool")
        held = spool.open(RECIPE) if spool.recipes() else spool.begin(RECIPE, KEY, "box")
        self.run = RecipeRun(self.controller, held, self.worker_of, self.words.append, max_output=100_000)
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


def with_gateway(peer: Peer, place: Path, do: Callable[[Gateway], Awaitable[None]]) -> None:
    """Do something with a gateway."""

    async def main() -> None:
        gateway = Gateway(peer, place)
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


def test_whole_recipe(make_peer: MakePeer, tmp_path: Path) -> None:
    """Tasks run in order, with their reports, logs and exit statuses; nothing is left of them."""
    peer = make_peer(
        counted(tmp_path, 1, "tackroom-report Pass one\necho kept >$TACKROOM_LOGS/my.log"),
        counted(tmp_path, 2, "exit 3"),
        task(3, command=["no-such-program"]),
        task(4, command=["/bin/sh", "-c", 'echo "$P"'], params={"P": "as ${PATH} is"}),
    )
    with_gateway(peer, tmp_path, through)
    assert peer.statuses() == ["Completed", "Completed", "Aborted", "Completed"]
    assert [results(peer, number) for number in (1, 2, 3, 4)] == [
        [("Pass", "one")],
        [("Fail", "exit_code")],
        [],
        [("Pass", "exit_code")],
    ]
    assert "no-such-program" in peer.messages[3]
    assert peer.log("tasks/1/logs/taskout.log") == b"out 1\n"
    assert peer.log("tasks/1/logs/my.log") == b"kept\n"
    assert peer.sealed("tasks/1/logs/my.log")
    assert b"Completed: exit status 3" in peer.log("tasks/2/logs/harness.log")
    assert peer.log("tasks/4/logs/taskout.log") == b"as ${PATH} is\n"
    assert Spool(tmp_path / "spool").recipes() == []
    assert list((tmp_path / "worker" / "slot0").iterdir()) == []


@pytest.mark.parametrize("moment", range(1, MOMENTS + 1))
def test_gateway_goes(make_peer: MakePeer, tmp_path: Path, moment: int) -> None:
    """Whenever it goes: no task is started twice, no result is there twice, and all comes to its end."""
    peer = make_peer(counted(tmp_path, 1, "tackroom-report Pass one"), counted(tmp_path, 2, "exit 3"))

    async def go(gateway: Gateway) -> None:
        work = gateway.begin()
        await until(lambda: work.done() or gateway.moments() >= moment, "it does not get that far")
        work.cancel()
        await asyncio.wait((work,))

    with_gateway(peer, tmp_path, go)
    if Spool(tmp_path / "spool").recipes():
        with_gateway(peer, tmp_path, through)
    assert peer.status in FINISHED
    assert set(peer.statuses()) <= {"Completed", "Aborted"}
    assert peer.statuses().count("Aborted") <= 1
    for number, expected in ((1, [("Pass", "one")]), (2, [("Fail", "exit_code")])):
        assert runs(tmp_path, number) <= 1
        if peer.task(number)["status"] == "Completed":
            assert runs(tmp_path, number) == 1
            assert results(peer, number) == expected
        else:
            assert "gateway was restarted" in peer.messages[number]
            assert len(set(results(peer, number))) == len(results(peer, number))
    assert Spool(tmp_path / "spool").recipes() == []


def test_lost_record(make_peer: MakePeer, tmp_path: Path) -> None:
    """A task that runs, and of which the gateway knows nothing, may have been started: it is not started again."""
    peer = make_peer(counted(tmp_path, 1, "true"), counted(tmp_path, 2, "true"))
    peer.tasks[0]["status"] = "Running"
    with_gateway(peer, tmp_path, through)
    assert peer.statuses() == ["Aborted", "Completed"]
    assert (runs(tmp_path, 1), runs(tmp_path, 2)) == (0, 1)


def test_cancelled(make_peer: MakePeer, tmp_path: Path) -> None:
    """What runs is killed when the controller has ended the recipe, and its last words are brought home."""
    peer = make_peer(counted(tmp_path, 1, "sleep 600"), counted(tmp_path, 2, "true"))
    peer.grace = 20

    async def cancel(gateway: Gateway) -> None:
        work = gateway.begin()
        await until(lambda: gateway.runs() and runs(tmp_path, 1), "it does not start")
        peer.end("Cancelled")
        assert gateway.run is not None
        gateway.run.stop("Cancelled", "by somebody")
        gateway.run.stop("Cancelled", "again")
        await work

    with_gateway(peer, tmp_path, cancel)
    assert peer.log("tasks/1/logs/taskout.log") == b"out 1\n"
    assert b"by somebody" in peer.log("tasks/1/logs/harness.log")
    assert runs(tmp_path, 2) == 0
    assert Spool(tmp_path / "spool").recipes() == []


def test_lost_worker(make_peer: MakePeer, tmp_path: Path) -> None:
    """The task of a worker that is lost is aborted; the next one waits for it for a while, and is run."""
    peer = make_peer(counted(tmp_path, 1, "sleep 600"), counted(tmp_path, 2, "true"))

    async def lose(gateway: Gateway) -> None:
        work = gateway.begin()
        await until(gateway.runs, "it does not start")
        await gateway.worker.lose()
        await work

    with_gateway(peer, tmp_path, lose)
    assert peer.statuses() == ["Aborted", "Completed"]
    assert "lost" in peer.messages[1]
    assert peer.watchdogs == [300]


def test_too_much_output(make_peer: MakePeer, tmp_path: Path) -> None:
    """A flood ends the task, and what is kept of it has a limit."""
    peer = make_peer(task(1, script="yes | head -c 200000; sleep 1\n"))
    with_gateway(peer, tmp_path, through)
    assert peer.statuses() == ["Completed"]
    assert results(peer, 1) == [("Fail", "output")]
    assert len(peer.log("tasks/1/logs/taskout.log")) == 100_000


def test_task_ends_its_recipe(make_peer: MakePeer, tmp_path: Path) -> None:
    """What a task says with tackroom-abort ends it and all after it."""
    peer = make_peer(counted(tmp_path, 1, "tackroom-abort 'no disk'; sleep 600"), counted(tmp_path, 2, "true"))
    with_gateway(peer, tmp_path, through)
    assert peer.statuses() == ["Aborted", "Aborted"]
    assert peer.messages == {1: "no disk", RECIPE: "no disk"}
    assert runs(tmp_path, 2) == 0
