"""Recipes in hand: whatever cannot be read or taken now is tried again, and nobody else's are taken."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from onerecipe import Box, counted, runs

from tests.harnesses.conftest import MakePeer
from tests.harnesses.peer import KEY, RECIPE, Peer
from wsgi_app.harnesses.address import address
from wsgi_app.harnesses.buildbot.controller import Controller, Lines
from wsgi_app.harnesses.buildbot.fleet import Fleet
from wsgi_app.harnesses.buildbot.inhand import InHand
from wsgi_app.harnesses.buildbot.spool import Spool


class Desk:
    """What of a gateway has to do with recipes."""

    def __init__(self, peer: Peer, place: Path) -> None:
        self.words: list[str] = []
        self.spool = Spool(place / "spool")
        self.fleet = Fleet(lambda: None)
        self.worker = Box(place / "worker")
        self.lines = Lines(address(peer.url))
        controller = Controller(self.lines, address(peer.url), "", self.words.append)
        self.in_hand = InHand(
            controller, self.spool, self.fleet, self.words.append, public="", max_output=100_000, again=0.2
        )
        self.fleet.came(self.worker)

    def says(self, words: str) -> bool:
        """Whether it has said that."""
        return any(words in said for said in self.words)


def at_work(peer: Peer, place: Path, scene: Callable[[Desk], Awaitable[None]]) -> Desk:
    """Play a scene with recipes in hand."""

    async def main() -> Desk:
        desk = Desk(peer, place)
        try:
            async with asyncio.timeout(40):
                await scene(desk)
        finally:
            await desk.in_hand.close()
            await desk.worker.end()
            desk.lines.close()
        return desk

    return asyncio.run(main())


async def until(true: Callable[[], object]) -> None:
    """Wait until something is true."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.01)


def test_record_that_cannot_be_read_for_a_while(make_peer: MakePeer, tmp_path: Path) -> None:
    """The recipe is gone on with as soon as it can be."""
    peer = make_peer(counted(tmp_path, 1, "true"))
    state = Spool(tmp_path / "spool").begin(RECIPE, KEY, "box").directory / "state.json"
    body = state.read_bytes()
    state.unlink()
    state.mkdir()

    async def scene(desk: Desk) -> None:
        desk.in_hand.resume()
        assert len(desk.in_hand) == 0
        assert desk.says("cannot be read")
        # neither is it begun anew
        await desk.in_hand.begin(RECIPE, "another key", "box")
        assert desk.says("cannot be taken")
        state.rmdir()
        state.write_bytes(body)
        await until(lambda: peer.status == "Completed")
        await desk.in_hand.idle()
        assert desk.spool.recipes() == []

    at_work(peer, tmp_path, scene)
    assert runs(tmp_path, 1) == 1


def test_record_that_makes_no_sense(make_peer: MakePeer, tmp_path: Path) -> None:
    """It is in hand no more; when the controller gives the recipe out again it is worked on."""
    peer = make_peer(counted(tmp_path, 1, "true"))
    state = Spool(tmp_path / "spool").begin(RECIPE, "old", "box").directory / "state.json"
    state.write_text(json.dumps({"recipe": "?"}))

    async def scene(desk: Desk) -> None:
        desk.in_hand.resume()
        assert desk.says("makes no sense")
        assert (len(desk.in_hand), desk.spool.recipes()) == (0, [])
        await desk.in_hand.begin(RECIPE, KEY, "box")
        await desk.in_hand.idle()

    at_work(peer, tmp_path, scene)
    assert peer.status == "Completed"


def test_one_at_a_time(make_peer: MakePeer, tmp_path: Path) -> None:
    """What is in hand is not taken twice, nor a second one for the same worker."""
    peer = make_peer(counted(tmp_path, 1, f"until [ -e {tmp_path}/go ]; do sleep 0.05; done"))

    async def scene(desk: Desk) -> None:
        await desk.in_hand.begin(RECIPE, KEY, "box")
        await until(lambda: runs(tmp_path, 1))
        await desk.in_hand.begin(RECIPE, "another key", "box")
        await desk.in_hand.begin(RECIPE + 1, "another key", "box")
        assert (len(desk.in_hand), desk.spool.recipes()) == (1, [RECIPE])
        (tmp_path / "go").touch()
        await desk.in_hand.idle()

    at_work(peer, tmp_path, scene)
    assert (peer.status, runs(tmp_path, 1)) == ("Completed", 1)
