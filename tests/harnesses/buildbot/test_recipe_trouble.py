"""A recipe on a worker when the gateway has trouble of its own: a full disk, faults, and restarts between reports."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from onerecipe import Gateway, counted, results, runs, task, through, until, with_gateway
from smalldisk import small_disk

from tests.harnesses.conftest import MakePeer
from tests.harnesses.peer import RECIPE
from wsgi_app.harnesses.buildbot.spool import STARTING, Spool


def test_log_that_grows_over_the_disk(make_peer: MakePeer, tmp_path: Path) -> None:
    """Its task has an end that is told, with what there was room for; then there is room for the next."""
    flood = "head -c 90000 /dev/zero | tr '\\0' x; sleep 1"
    peer = make_peer(counted(tmp_path, 1, flood), counted(tmp_path, 2, "true"))

    async def flooded(gateway: Gateway) -> None:
        disk.fill(leave=65536)
        await gateway.begin()

    with small_disk(4) as disk:
        with_gateway(peer, tmp_path, flooded, spool=disk.root / "spool")
        assert Spool(disk.root / "spool").recipes() == []
    assert peer.statuses() == ["Aborted", "Completed"]
    assert "No space left" in peer.messages[1]
    assert peer.log("tasks/1/logs/taskout.log").startswith(b"out 1\nxxx")
    assert [runs(tmp_path, number) for number in (1, 2)] == [1, 1]


@pytest.mark.parametrize("moment", ["before", "while it runs"])
def test_full_disk(make_peer: MakePeer, tmp_path: Path, moment: str) -> None:
    """Nothing is started that cannot be noted, what runs is told to its end, and all goes on when there is room."""
    go = tmp_path / "go"
    peer = make_peer(counted(tmp_path, 1, f"until [ -e {go} ]; do sleep 0.1; done"), counted(tmp_path, 2, "true"))

    async def full(gateway: Gateway) -> None:
        if moment == "before":
            Spool(gateway.spool).begin(RECIPE, "key-of-the-recipe", "box")
            disk.fill()
            disk.fill_inodes()
        work = gateway.begin()
        if moment != "before":
            await until(lambda: runs(tmp_path, 1), "it does not start")
            disk.fill()
            disk.fill_inodes()
            go.touch()
            await until(lambda: peer.statuses()[0] == "Aborted", "its end is not told")
        await until(lambda: any("No space left" in words for words in gateway.words), "the disk is not full")
        assert runs(tmp_path, 2) == 0
        assert not work.done()
        disk.free()
        go.touch()
        await work

    with small_disk(4, 200) as disk:
        with_gateway(peer, tmp_path, full, spool=disk.root / "spool")
        assert Spool(disk.root / "spool").recipes() == []
    assert peer.statuses() == ["Completed" if moment == "before" else "Aborted", "Completed"]
    assert [runs(tmp_path, number) for number in (1, 2)] == [1, 1]


def test_faults_of_ours(make_peer: MakePeer, tmp_path: Path) -> None:
    """What fails again and again for no reason that we know ends the recipe, and is forgotten."""
    peer = make_peer(counted(tmp_path, 1, "true"))

    async def broken(gateway: Gateway) -> None:
        async def worker_of() -> Any:
            raise ZeroDivisionError("ours")

        gateway.worker_of = worker_of  # type: ignore[method-assign]
        await gateway.begin()

    with_gateway(peer, tmp_path, broken)
    assert peer.status == "Aborted"
    assert "ours" in peer.messages[RECIPE]
    assert Spool(tmp_path / "spool").recipes() == []


def test_worker_that_was_removed(make_peer: MakePeer, tmp_path: Path) -> None:
    """What runs is killed, the recipe is aborted with the reason, and forgotten."""
    peer = make_peer(counted(tmp_path, 1, "sleep 600"), counted(tmp_path, 2, "true"))

    async def remove(gateway: Gateway) -> None:
        work = gateway.begin()
        await until(lambda: gateway.runs() and runs(tmp_path, 1), "it does not start")
        assert gateway.run is not None
        gateway.run.give_up("its worker was removed")
        await asyncio.wait_for(work, 10)

    with_gateway(peer, tmp_path, remove)
    assert peer.statuses() == ["Aborted", "Aborted"]
    assert peer.messages[RECIPE] == "its worker was removed"
    assert b"its worker was removed" in peer.log("tasks/1/logs/harness.log")
    assert peer.log("tasks/1/logs/taskout.log") == b"out 1\n"
    assert runs(tmp_path, 2) == 0
    assert Spool(tmp_path / "spool").recipes() == []


def test_reports_count_after_a_restart(make_peer: MakePeer, tmp_path: Path) -> None:
    """A detached task that reported to a gateway before gets no result of ours; logs that are sealed are there."""
    go = tmp_path / "go"
    report = "echo words >mine.log; tackroom-report Pass one --log mine.log; echo kept >$TACKROOM_LOGS/my.log"
    peer = make_peer(
        counted(tmp_path, 1, f"{report}\nuntil [ -e {go} ]; do sleep 0.1; done"), task(2, command=["true"])
    )

    async def leave(gateway: Gateway) -> None:
        work = gateway.begin()
        await until(lambda: peer.results, "it does not report")
        await until(lambda: _phase(tmp_path)[1], "the report is not on record")
        # as if a gateway had been killed that had collected all, and noted nothing of that
        peer.logs["tasks/1/logs/my.log"] = bytearray(b"kept\n")
        peer.declared["tasks/1/logs/my.log"] = peer._found("tasks/1/logs/my.log")
        work.cancel()
        await asyncio.wait((work,))

    with_gateway(peer, tmp_path, leave, detach=True)
    assert _phase(tmp_path) == (STARTING, True)
    go.touch()
    with_gateway(peer, tmp_path, through, detach=True)
    assert peer.statuses() == ["Completed", "Completed"]
    assert results(peer, 1) == [("Pass", "one")]
    assert runs(tmp_path, 1) == 1
    assert b"log my.log: it is there already" in peer.log("tasks/1/logs/harness.log")


def _phase(place: Path) -> tuple[str, bool]:
    run = Spool(place / "spool").open(RECIPE).state.run
    return ("", False) if run is None else (run.phase, run.reported)


def test_public_address(make_peer: MakePeer, tmp_path: Path) -> None:
    """Tasks are told where others find the controller; what is fetched comes the way that the gateway has."""
    peer = make_peer(task(1, script="echo $TACKROOM_URL\n"))
    with_gateway(peer, tmp_path, through)
    assert peer.log("tasks/1/logs/taskout.log") == b"http://public.example.org/lab\n"
