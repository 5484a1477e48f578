"""The gateway as a whole: the door, the roll call, and a run for each recipe in hand."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from wsgi_app.harnesses.address import Address
from wsgi_app.harnesses.buildbot.controller import Controller, Lines, Refused, parsed
from wsgi_app.harnesses.buildbot.fleet import Fleet
from wsgi_app.harnesses.buildbot.pb import Door
from wsgi_app.harnesses.buildbot.recipe import RecipeRun
from wsgi_app.harnesses.buildbot.rollcall import RollCalls
from wsgi_app.harnesses.buildbot.spool import Held, Spool, Unreadable
from wsgi_app.harnesses.buildbot.state import identity

LOGIN_SECONDS = 20.0  #: until a login is given up; the worker waits for 30
FAREWELL_SECONDS = 2.0
BEAT_SECONDS = 1.0
AGAIN = 5.0  #: seconds until something that failed for want of room or of a port is tried again
LOOK_SECONDS = 30.0  #: between two looks whether recipes of absent workers have ended: no roll call tells of those

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
        self._spool = Spool(settings.directory / "recipes")
        self._fleet = Fleet(self._changed)
        self._rolls = RollCalls(
            self._controller, identity(settings.directory), self._fleet.members, self._obey, self._renew, say
        )
        self._door = Door(self._admit, self._attached, say)
        self._ports: dict[str, int] = {}
        self._draining = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._runs: dict[int, asyncio.Task[None]] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set. Raises OSError and ValueError when certificate or key cannot be used."""
        try:
            self._resume()
            self._spawn(self._rolls.run())
            self._spawn(self._beats())
            self._spawn(self._look_after_absent())
            await self._listen(stop)
            await stop.wait()
            await self._drain()
        finally:
            await self._end()

    def _resume(self) -> None:
        for number in self._spool.recipes():
            try:
                self._work(self._spool.open(number))
            except (OSError, Unreadable) as error:
                self._say(f"recipe {number}: what is known of it cannot be read: {error}")

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
                await self._idle.wait()
        except TimeoutError:
            self._say(f"{len(self._runs)} recipes are left to a later start")

    async def _end(self) -> None:
        for task in (*self._tasks, *self._runs.values()):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._runs.values(), return_exceptions=True)
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
            if refusal.code == "worker.refused" or refusal.status == 400:
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
        for document in orders["start"]:
            await self._begin(int(document["id"]), str(document["key"]), str(document["system"]))
        for stop in orders["stop"]:
            self._fleet.stop(int(stop["recipe"]), str(stop["status"] or "it is gone"), str(stop["reason"] or ""))
        for name in orders["shutdown"]:
            if not self._fleet.busy(name):
                self._shut_down(name)
        for name in orders["drop"]:
            self._say(f"worker {name}: the controller does not know it, or has it elsewhere")
            self._fleet.drop(name)
        for name, detach in orders["detach"].items():
            self._fleet.detach[name] = bool(detach)

    async def _begin(self, recipe: int, key: str, system: str) -> None:
        # an older answer may say it again
        if self._draining or recipe in self._runs or self._fleet.busy(system):
            return
        try:
            held = await asyncio.to_thread(self._spool.begin, recipe, key, system)
        except OSError as error:
            self._say(f"recipe {recipe} cannot be taken: {error}")
            await asyncio.sleep(AGAIN)
            return
        if recipe not in self._runs:
            self._work(held)

    def _work(self, held: Held) -> None:
        say = partial(self._say_of, held.recipe)
        worker_of = partial(self._fleet.worker, held.system)
        run = RecipeRun(
            self._controller,
            held,
            worker_of,
            say,
            max_output=self._settings.max_output,
            detach=lambda: self._fleet.detach.get(held.system, False),
        )
        self._fleet.begins(run)
        self._idle.clear()
        task = asyncio.create_task(run.work(), name=f"recipe {held.recipe}")
        self._runs[held.recipe] = task
        task.add_done_callback(partial(self._done, run))

    def _done(self, run: RecipeRun, task: asyncio.Task[None]) -> None:
        del self._runs[run.recipe]
        self._fleet.ends(run)
        if not self._runs:
            self._idle.set()
        if not task.cancelled() and task.exception() is not None:
            _log.error("recipe %d", run.recipe, exc_info=task.exception(), extra={"recipe": run.recipe})

    async def _look_after_absent(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for run in self._fleet.absent():
                try:
                    answer = await self._controller.keyed(run.key).get(f"/recipes/{run.recipe}")
                    status = str(parsed(answer)["status"])
                except Refused as refusal:
                    status = str(refusal)
                except (TypeError, KeyError):
                    continue
                if status not in ("Queued", "Scheduled", "Waiting", "Running"):
                    self._fleet.stop(run.recipe, status, "its worker is away")

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

    def _say_of(self, recipe: int, words: str) -> None:
        _log.info("%s", words, extra={"recipe": recipe})

    async def _beats(self) -> None:
        while True:
            answered = self._rolls.answered
            since = None if not answered else round(asyncio.get_running_loop().time() - answered, 1)
            self._beat({**self._ports, **self._fleet.counts(), "recipes": len(self._runs), "answered": since})
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
