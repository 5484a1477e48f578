"""A worker of each release at a door, for files that ask one after another something of it; a stage for its tools."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from buildbotworker import OLDEST, VERSIONS, BuildbotWorker, buildbot_worker
from workersdoor import WorkersDoor, workers_door

from tests.harnesses.buildbot.stage import TASK, Play, Stage, stage
from tests.harnesses.conftest import MakePeer
from tests.harnesses.peer import Peer, task
from wsgi_app.harnesses.buildbot.transport import Worker


@pytest.fixture(scope="module")
def door() -> Iterator[WorkersDoor]:
    """One door for all of this file."""
    with workers_door() as made:
        yield made


@pytest.fixture(scope="module", params=(*VERSIONS, OLDEST))
def process(
    request: pytest.FixtureRequest, door: WorkersDoor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BuildbotWorker]:
    """A worker of each release, which all tests use one after another; the oldest is ours (38)."""
    name = f"w{request.param}"
    door.passwords[name] = "open sesame"
    directory = tmp_path_factory.mktemp(name) / "worker"
    with buildbot_worker(request.param, directory, door.port, name, "open sesame") as made:
        yield made


@pytest.fixture
def worker(door: WorkersDoor, process: BuildbotWorker) -> Worker:
    """The same, as the door has it."""
    return door.connected(process.name)


@pytest.fixture
def play(make_peer: MakePeer, tmp_path: Path) -> Play:
    """Play a scene on a stage."""

    def run(scene: Callable[[Stage, Peer], Awaitable[None]]) -> Peer:
        peer = make_peer(task(TASK))

        async def all_of_it() -> None:
            async with stage(peer, tmp_path) as there:
                await scene(there, peer)

        asyncio.run(all_of_it())
        return peer

    return run
