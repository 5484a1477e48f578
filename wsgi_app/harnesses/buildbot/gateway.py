"""The gateway as a whole: the door, the roll call, and a run for each recipe in hand."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wsgi_app.harnesses.address import Address
from wsgi_app.harnesses.buildbot.controller import Controller, Lines, Refused
from wsgi_app.harnesses.buildbot.fleet import Fleet
from wsgi_app.harnesses.buildbot.inhand import InHand
from wsgi_app.harnesses.buildbot.pb import Door
from wsgi_app.harnesses.buildbot.rollcall import RollCalls
from wsgi_app.harnesses.buildbot.spool import Spool
from wsgi_app.harnesses.buildbot.state import identity

LOGIN_SECONDS = 20.0  #: until a login is given up; the worker waits for 30
FAREWELL_SECONDS = 2.0
BEAT_SECONDS = 1.0
AGAIN = 5.0  #: seconds until a port that another process has is tried again

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """What a gateway must be told."""

    base: Address
    token: Path  #: the file with the token of scope workers
    directory: Path  #: what it keeps
    listen: tuple[str, int] | None
    tls_listen: tuple[str, int] | None = None
    certificate: str = ""
    key: str = ""
    public: str = ""  #: the URL under which tasks reach the controller, if it is not that of `base`
    max_output: int = 1 << 30  #: bytes of a task's output
    drain: float = 10.0  #: seconds that recipes in hand have to end, when the gateway is to


class Gateway:
    """Serves workers until it is told to stop; `beat` is called once a second with how it is."""

    def __init__(self, settings: Settings, say: Callable[[str], None], beat: Callable[[dict[str, Any]], None]) -> None:
        self._settings = settings
        self._say = say
        self._beat = beat
        lines = Lines(settings.base)
        self._lines = lines
        self._controller = Controller(lines, settings.base, _token(settings.token), say)
        self._fleet = Fleet(self._changed)
        self._in_hand = InHand(
            self._controller,
            Spool(settings.directory / "recipes"),
            self._fleet,
            say,
            public=settings.public,
            max_output=settings.max_output,
        )
        self._rolls = RollCalls(
            self._controller, identity(settings.directory), self._fleet.members, self._obey, self._renew, say
        )
        self._door = Door(self._admit, self._attached, say)
        self._ports: dict[str, int] = {}
        self._draining = False
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set. Raises OSError and ValueError when certificate or key cannot be used."""
        try:
            self._in_hand.resume()
            self._spawn(self._rolls.run())
            self._spawn(self._beats())
            self._spawn(self._in_hand.look_after_absent())
            await self._listen(stop)
            await stop.wait()
            await self._drain()
        finally:
            await self._end()

    async def _listen(self, stop: asyncio.Event) -> None:
        settings = self._settings
        if settings.listen is not None:
            await self._open("port", settings.listen, None, stop)
        if settings.tls_listen is not None:
            await self._open("tls_port", settings.tls_listen, (settings.certificate, settings.key), stop)

    async def _open(self, name: str, where: tuple[str, int], tls: tuple[str, str] | None, stop: asyncio.Event) -> None:
        """Listen there; a port that another process has is waited for."""
        host, port = where
        said = False
        while not stop.is_set():
            try:
                self._ports[name] = await self._door.listen(host.strip("[]"), port, tls)
            except OSError as error:
                if tls is not None and error.errno in (errno.ENOENT, errno.EACCES, errno.EISDIR):
                    raise
                if not said:
                    self._say(f"workers cannot be listened for on {host}:{port}: {error}; it is tried again and again")
                said = True
            else:
                self._say(f"workers are listened for on {host}:{self._ports[name]}" + (" (TLS)" if tls else ""))
                return
            try:
                await asyncio.wait_for(stop.wait(), AGAIN)
            except TimeoutError:
                continue

    async def _drain(self) -> None:
        """Take nothing new, and wait a little for what is in hand."""
        self._draining = True
        self._fleet.close()
        try:
            async with asyncio.timeout(self._settings.drain):
                await self._in_hand.idle()
        except TimeoutError:
            self._say(f"{len(self._in_hand)} recipes are left to a later start")

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, self._in_hand.close(), return_exceptions=True)
        await self._rolls.farewell(FAREWELL_SECONDS)
        await self._door.close()
        self._lines.close()

    async def _admit(self, name: str, challenge: bytes, response: bytes) -> bool:
        if self._draining:
            raise ConnectionError("the gateway is about to end")
        words = {"name": name, "challenge": challenge.hex(), "response": response.hex()}
        try:
            answer = await self._controller.post_json("/workers/login", words, seconds=LOGIN_SECONDS)
        except Refused as refusal:
            if refusal.code == "auth.worker-refused" or refusal.status == 400:
                return False
            self._renew()
            raise
        self._fleet.detach[name] = bool(answer["detach"])
        return True

    def _attached(self, worker: Any) -> None:
        about = worker.about
        self._say(f"worker {about.name} {about.version} is connected from {about.address}")
        self._fleet.came(worker)
        self._spawn(self._attend(worker))

    async def _attend(self, worker: Any) -> None:
        """See a worker out: when it has asked to go and is free, it is let go."""
        gone = asyncio.ensure_future(worker.gone.wait())
        leaves = asyncio.ensure_future(worker.leaves.wait())
        try:
            await asyncio.wait((gone, leaves), return_when=asyncio.FIRST_COMPLETED)
            if not worker.gone.is_set():
                self._changed()
                # what was given out before the controller knew that it leaves must have come
                while not worker.gone.is_set() and not await self._fleet.free(worker.about.name, gone):
                    continue
                if not worker.gone.is_set():
                    self._shut_down(worker.about.name)
            await gone
        finally:
            gone.cancel()
            leaves.cancel()
            self._fleet.went(worker)
            self._say(f"worker {worker.about.name} is gone")

    def _changed(self) -> None:
        self._rolls.changed()

    async def _obey(self, orders: dict[str, Any]) -> None:
        for document in orders["start"] if not self._draining else ():
            await self._in_hand.begin(int(document["id"]), str(document["key"]), str(document["system"]))
        for stop in orders["stop"]:
            self._fleet.stop(int(stop["recipe"]), str(stop["status"] or "it is gone"), str(stop["reason"] or ""))
        for name in orders["shutdown"]:
            if not self._fleet.busy(name):
                self._shut_down(name)
        for name in orders["drop"]:
            self._spawn(self._in_hand.dismiss(name))
        for name, detach in orders["detach"].items():
            self._fleet.detach[name] = bool(detach)

    def _shut_down(self, name: str) -> None:
        worker = self._fleet.closes(name)
        if worker is not None:
            self._spawn(worker.shutdown())

    def _renew(self) -> None:
        """Read the token again: somebody may have made another."""
        try:
            self._controller.key = _token(self._settings.token)
        except OSError as error:
            self._say(f"{self._settings.token}: {error.strerror}")

    async def _beats(self) -> None:
        while True:
            answered = self._rolls.answered
            since = None if not answered else round(asyncio.get_running_loop().time() - answered, 1)
            self._beat({**self._ports, **self._fleet.counts(), "recipes": len(self._in_hand), "answered": since})
            await asyncio.sleep(BEAT_SECONDS)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.warning("%r", task.exception())


def _token(path: Path) -> str:
    return path.read_text(encoding="ascii", errors="replace").strip()
