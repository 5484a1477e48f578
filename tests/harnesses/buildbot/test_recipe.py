"""A recipe on a worker, through gateways that go at any moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from onerecipe import MAX_OUTPUT, Gateway, counted, results, runs, task, through, until, with_gateway

from tests.harnesses.conftest import MakePeer
from tests.harnesses.peer import FINISHED, RECIPE
from wsgi_app.harnesses.buildbot.spool import Spool

#: about as many as a recipe of two tasks has calls of either kind
MOMENTS = 36


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
    assert len(peer.log("tasks/1/logs/taskout.log")) == MAX_OUTPUT


def test_task_ends_its_recipe(make_peer: MakePeer, tmp_path: Path) -> None:
    """What a task says with tackroom-abort ends it and all after it."""
    peer = make_peer(counted(tmp_path, 1, "tackroom-abort 'no disk'; sleep 600"), counted(tmp_path, 2, "true"))
    with_gateway(peer, tmp_path, through)
    assert peer.statuses() == ["Aborted", "Aborted"]
    assert peer.messages == {1: "no disk", RECIPE: "no disk"}
    assert runs(tmp_path, 2) == 0
