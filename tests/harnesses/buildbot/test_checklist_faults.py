"""The protocol's checklist, 32 to 35: stock workers that are killed, cut off, or leave, each test by its number."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from buildbotworker import VERSIONS, BuildbotWorker, buildbot_worker
from waiting import until
from workersdoor import Told, WorkersDoor, workers_door

from wsgi_app.harnesses.buildbot.transport import Lost

PASSWORD = "open sesame"


@pytest.fixture
def door() -> Iterator[WorkersDoor]:
    """A door that knows worker w1."""
    with workers_door() as made:
        made.passwords["w1"] = PASSWORD
        yield made


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_32_worker_killed(door: WorkersDoor, tmp_path: Path, number: signal.Signals, version: str) -> None:
    with buildbot_worker(version, tmp_path / "w", door.port, "w1", PASSWORD) as process:
        worker, told, file = door.worker("w1"), Told(), tmp_path / "begun"
        # what it said before is kept: more than the worker holds back
        command = f"yes text so far | head -n 20000; touch {file}; sleep 10 >/dev/null 2>&1"
        running = door.start(worker, command, told)
        until(lambda: file.exists() and told.all("stdout"), "the output")
        before = len(told.all("stdout"))
        process.send(number)
        begun = time.monotonic()
        with pytest.raises(Lost):
            door.do(running.ended())
        assert time.monotonic() - begun < 3
        assert len(told.all("stdout")) >= before > 0
        process.exited()
        process.begin()
        assert door.run(door.worker("w1", after=1), ["true"]).rc == 0


def test_33_connection_cut(door: WorkersDoor, tmp_path: Path) -> None:
    with buildbot_worker("4.3.0", tmp_path / "w", door.port, "w1", PASSWORD) as process:
        worker, pid = door.worker("w1"), tmp_path / "pid"
        running = door.start(worker, f"echo $$ > {pid}; exec sleep 60", Told())
        number = int(until(lambda: pid.exists() and pid.read_text(), "the command"))
        drop(door, worker)
        with pytest.raises(Lost):
            door.do(running.ended())
        until(lambda: not Path(f"/proc/{number}").exists(), "the command's end")
        assert door.run(door.worker("w1", after=1), ["true"]).rc == 0
        assert process.runs


def drop(door: WorkersDoor, worker: object) -> None:
    """End its connection, in the door's thread."""

    async def now() -> None:
        worker.drop()  # type: ignore[attr-defined]

    door.do(now())


@pytest.mark.parametrize("version", VERSIONS)
def test_34_it_asks_to_go(door: WorkersDoor, tmp_path: Path, version: str) -> None:
    with buildbot_worker(version, tmp_path / "w", door.port, "w1", PASSWORD, "--allow-shutdown=signal") as process:
        worker, gate = door.worker("w1"), tmp_path / "gate"
        running = door.start(worker, f"until [ -e {gate} ]; do sleep 0.05; done", Told())
        process.send(signal.SIGHUP)
        until(lambda: worker.leaving, "its wish")
        gate.touch()
        assert door.do(running.ended()).rc == 0
        assert process.runs
        ends(door, worker, process)


def test_35_told_to_go(door: WorkersDoor, tmp_path: Path) -> None:
    with buildbot_worker("4.3.0", tmp_path / "w", door.port, "w1", PASSWORD) as process:
        ends(door, door.worker("w1"), process)


def ends(door: WorkersDoor, worker: object, process: BuildbotWorker) -> None:
    """Tell it to exit, and see it exit."""
    door.do(worker.shutdown())  # type: ignore[attr-defined]
    assert process.exited() == 0
    assert worker.gone.is_set()  # type: ignore[attr-defined]
