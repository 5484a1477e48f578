"""The commands in a task on a worker when something is lost or ends: answers, the gateway, the task, the worker."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from tests.harnesses.buildbot.stage import Play, Stage, listeners, until
from tests.harnesses.peer import Peer, Trouble
from wsgi_app.harnesses.buildbot.transport import WorkerError


def test_lost_answers_and_a_controller_that_is_away(play: Play) -> None:
    """A result whose answer is lost is there once."""

    async def scene(there: Stage, peer: Peer) -> None:
        peer.troubles = [Trouble("POST", "results", "after", 1), Trouble("POST", "results", "503", 1)]
        assert await there.run("tackroom-report Pass once; echo exit $?") == "exit 0\n"

    assert [result["path"] for result in play(scene).results] == ["once"]


@pytest.mark.parametrize("half", ["", "0\n", "0\noha"])
def test_an_answer_that_was_broken_off(play: Play, half: str) -> None:
    """A gateway that was killed over an answer leaves half of it: the next one answers anew, and it counts once."""

    async def scene(there: Stage, peer: Peer) -> None:
        (there.home / "spool").mkdir(exist_ok=True)
        request, answer = (there.home / "spool" / f"1795453608-1368-54de20db.{kind}" for kind in ("request", "answer"))
        answer.write_text(half)
        fresh = request.with_suffix(".new")
        fresh.write_bytes(b"%s\0tackroom-report\0Pass\0once\0" % os.fsencode(there.home / "work"))
        fresh.rename(request)
        await there.run("echo 1<>../spool/wake")
        await until(lambda: answer.read_text() == "0\n.\n")

    assert [result["path"] for result in play(scene).results] == ["once"]


def test_an_answer_that_is_taken_away(play: Play, tmp_path: Path) -> None:
    """The end of the task may remove an answer in the moment that it is seen: it was read, and counts."""
    for name in ("cat", "tail"):
        stolen = tmp_path / name
        stolen.write_text(
            f'#!/bin/sh\nfor file; do :; done\n/usr/bin/{name} "$@" || exit\n'
            'case $(/usr/bin/tail -n 1 "$file") in .) rm -f "${file%.answer}".* ;; esac\n'
        )
        stolen.chmod(0o755)

    async def scene(there: Stage, peer: Peer) -> None:
        assert await there.run(f"PATH={tmp_path}:$PATH tackroom-report Pass once; echo exit $?") == "exit 0\n"

    assert [result["path"] for result in play(scene).results] == ["once"]


def test_the_end_of_the_task(play: Play) -> None:
    """What was asked before the end is done; what a task left behind learns that the task is over; no process stays."""

    async def scene(there: Stage, peer: Peer) -> None:
        left = await there.begin("tackroom-sync wait never; echo exit $?")
        await until(lambda: peer.waits)
        hurried = await there.begin("tackroom-report Pass last; echo exit $?")
        await until(lambda: len(list((there.home / "spool").glob("*.request"))) == 2 or peer.results)
        await there.side.close()
        for process in (left, hurried):
            out, _ = await asyncio.wait_for(process.communicate(), 20)
            assert b"the task is over" in out or out == b"exit 0\n"
        assert await there.run("tackroom-report Pass x; echo exit $?") == "tackroom-report: the task is over\nexit 4\n"
        assert listeners(there.home) == []

    assert [result["path"] for result in play(scene).results] == ["last"]


def test_a_lost_worker_ends_it(play: Play) -> None:
    """When the connection is lost, nothing waits and nothing is raised."""

    async def scene(there: Stage, peer: Peer) -> None:
        await until(lambda: listeners(there.home))
        await there.worker.lose()
        await asyncio.wait_for(there.serving, 10)
        await there.side.close()
        await there.side.collect()

    play(scene)


def test_a_worker_that_does_not_listen(play: Play) -> None:
    """It is tried again and again, ever more seldom, and the end comes at once."""

    async def scene(there: Stage, peer: Peer) -> None:
        (there.home / "side" / "listen.sh").write_text("echo new ../../x; echo new $(seq -s x 99); echo gone y; exit 1")
        await there.run("echo 1<>../spool/wake")
        before = len(there.worker.commands)
        await asyncio.wait({there.serving}, timeout=2)
        assert len(there.worker.commands) - before < 8
        there.worker.deaf = True
        with pytest.raises(WorkerError):
            await there.side.install()
        began = time.monotonic()
        await there.side.close()
        assert time.monotonic() - began < 5

    play(scene)
