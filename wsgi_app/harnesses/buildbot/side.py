"""Beside a task on its worker: commands in it are heard, what they ask is done, its logs are brought home.

A worker has one connection, and a process of the task has no way to us but files: it leaves a request in the task's
spool, and a command of ours that listens there ends when one comes (its end makes the worker send what it said at once,
where a running command's output is held back for seconds). Whatever the worker says is checked: names of requests,
sizes, how often.
"""

from __future__ import annotations

import asyncio
import importlib.resources
import io
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from wsgi_app.harnesses.buildbot import asked
from wsgi_app.harnesses.buildbot.reports import Brought, Reports
from wsgi_app.harnesses.buildbot.transport import SIDE, Kept, Lost, NoFile, Running, TooLarge, Worker, WorkerError
from wsgi_app.harnesses.plain import plain
from wsgi_app.harnesses.request import FAILED, Reply
from wsgi_app.harnesses.understand import Unasked

LISTEN = 300  #: seconds after which a listener ends by itself: one whose worker was killed must not stay for ever
SOON = 0.5  #: seconds in which an answer is worth waiting for before we listen again
SHORT = 30  #: seconds that our small commands may take
LONGEST_LINE = 80  #: characters of what a listener says of one request
MOST = 200  #: requests of a task at once; more have to wait until some are answered
MOST_LOGS = 1000  #: files that become logs of a task
LAID = 50  #: files that are laid ready by one command
LONGEST_PAUSE = 30.0  #: seconds before we listen again on a worker where that does not work
FAREWELL = 10.0  #: seconds that the worker has at the task's end for each of our last steps
SAID = re.compile(r"(new|gone) ([0-9A-Za-z-]{1,64})")
SCRIPTS = ("listen.sh", "lay.sh", "logs.sh")
#: the three commands are one script; the directories are the ones that it and the task know
LAY_OUT = """
mkdir -p spool logs && cp bin/tackroom-report bin/tackroom-sync && cp bin/tackroom-report bin/tackroom-abort &&
{ [ -p spool/wake ] || mkfifo spool/wake; } || exit 1
rm -f side/names
"""


@dataclass
class Asked:
    """A request that is being done."""

    name: str  #: of the command
    work: asyncio.Task[Reply]
    waits: bool  #: it may take as long as it likes, and nothing is lost when it is given up
    copies: bool  #: files of the worker are kept here meanwhile
    gone: bool = False  #: nobody waits for the answer any more


class Side:
    """What goes on beside one task in `task_dir` of a worker (relative to the builder's directory, or absolute)."""

    def __init__(self, worker: Worker, task_dir: str, reports: Reports) -> None:
        self._worker = worker
        self._dir = task_dir
        self._reports = reports
        self._asked: dict[str, Asked] = {}
        self._poke = asyncio.Event()  # there is something to do other than to listen
        self._closing = False
        self._serving: asyncio.Task[Any] | None = None
        self._copies = 0

    # -- before

    async def install(self) -> None:
        """Put the commands and their surroundings into the task's directory; raises WorkerError, Lost."""
        await self._put("ask.sh", "bin/tackroom-report", 0o755)
        for name in SCRIPTS:
            await self._put(name, f"side/{name}", 0o644)
        said = await self._run(["/bin/sh", "-c", LAY_OUT])
        if said is None:
            raise WorkerError("the task's commands cannot be laid out")

    async def _put(self, script: str, dest: str, mode: int) -> None:
        body = importlib.resources.files(__package__).joinpath("tools", script).read_bytes()
        await self._worker.download(SIDE, io.BytesIO(body), dest, self._dir, mode)

    # -- meanwhile

    async def serve(self) -> None:
        """Do what the task's commands ask, until `close` or until the worker is lost."""
        self._serving = asyncio.current_task()
        pause = 0.0
        try:
            while not self._closing:
                began = time.monotonic()
                try:
                    await self._give_answers()
                    fine = await self._take(await self._listen())
                except (WorkerError, TooLarge) as error:
                    self._reports.note(f"the task's commands are not heard: {error}")
                    fine = False
                # a listener that ends at once, and brings nothing new, would be started again and again
                if fine or time.monotonic() - began > LISTEN / 2:
                    pause = 0.0
                else:
                    pause = min(max(0.25, 2 * pause), LONGEST_PAUSE)
                    await self._pause(pause)
        except Lost:
            return
        finally:
            self._serving = None

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._poke.wait(), seconds)

    async def _listen(self) -> list[str]:
        """Listen until there is something to do; return the names of new requests."""
        soon = [asked.work for asked in self._asked.values() if not asked.waits]
        if soon:
            await asyncio.wait(soon, timeout=SOON, return_when=asyncio.FIRST_COMPLETED)
        if self._poke.is_set() or self._closing:
            return []
        if len(self._asked) >= MOST:
            await self._poke.wait()
            return []
        sink = Kept()
        pending = [name for name, asked in self._asked.items() if not asked.gone]
        running = await self._start(["/bin/sh", "side/listen.sh", "spool", str(LISTEN), *pending], LISTEN + SHORT, sink)
        ended = asyncio.ensure_future(running.ended())
        poked = asyncio.ensure_future(self._poke.wait())
        try:
            await asyncio.wait((ended, poked), return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                await running.interrupt("there is an answer")
            await ended
        finally:
            poked.cancel()
            if not ended.done():
                ended.cancel()
                with suppress(WorkerError, Lost):
                    await self._hush(running)
        return self._heard(sink.read("stdout"))

    @staticmethod
    async def _hush(running: Running) -> None:
        """End a listener that nobody waits for any more."""
        await asyncio.wait_for(asyncio.shield(running.interrupt("the task is over")), FAREWELL)

    def _heard(self, text: str) -> list[str]:
        new = []
        for line in text.splitlines():
            match = SAID.fullmatch(line) if len(line) < LONGEST_LINE else None
            if match is None:
                continue
            asked = self._asked.get(match[2])
            if match[1] == "new" and asked is None and match[2] not in new:
                new.append(match[2])
            elif match[1] == "gone" and asked is not None:
                asked.gone = True
                if asked.waits:
                    asked.work.cancel()
        return new

    async def _take(self, names: list[str]) -> bool:
        """Read requests and begin to do them; return whether there was anything to do."""
        fine = self._poke.is_set()
        for name in names[: MOST - len(self._asked)]:
            fine = await self._take_one(name) or fine
        return fine

    async def _take_one(self, name: str) -> bool:
        body = io.BytesIO()
        try:
            await self._worker.upload(SIDE, f"spool/{name}.request", self._dir, body, asked.LONGEST)
        except NoFile:
            return False  # who asked has given up
        try:
            command, request = asked.read(body.getvalue())
        except Unasked as unasked:
            words = body.getvalue().split(b"\0")
            await self._answer(name, _name(words[1:2]), unasked.reply)
            return True
        files = [(log["name"], log["file"]) for log in request.get("logs", ())]
        if files and (copying := [one.work for one in self._asked.values() if one.copies]):
            await asyncio.wait(copying)  # so what is kept here has a bound
        logs = [log async for log in self._bring(name, files)]
        work = asyncio.create_task(self._do(name, request, logs))
        work.add_done_callback(lambda _: self._poke.set())
        self._asked[name] = Asked(command, work, request["do"] == "wait", bool(files))
        return True

    async def _do(self, name: str, request: dict[str, Any], logs: list[Brought]) -> Reply:
        try:
            return await self._reports.do(name, request, logs)
        except Exception as error:  # noqa: BLE001 - whatever it is, the command must not wait for ever
            self._reports.note(f"{request['do']} failed: {error!r}")
            return Reply(FAILED, f"the harness failed: {plain(repr(error))}")

    async def _give_answers(self) -> None:
        self._poke.clear()
        for name, done in list(self._asked.items()):
            if not done.work.done():
                continue
            del self._asked[name]
            if not done.work.cancelled() and not done.gone:
                await self._answer(name, done.name, done.work.result())

    async def _answer(self, name: str, command: str, reply: Reply) -> None:
        body = io.BytesIO(asked.answer(command, reply))
        await self._worker.download(SIDE, body, f"spool/{name}.answer", self._dir, 0o644)

    # -- files

    async def _bring(self, name: str, files: list[tuple[str, str]]) -> AsyncIterator[Brought]:
        """Copy files of the worker, given as (name of the log, file); raises WorkerError, Lost."""
        room = self._reports.limit
        for first in range(0, len(files), LAID):
            part = files[first : first + LAID]
            names = [_octal(file) for _, file in part]
            said = await self._run(["/bin/sh", "side/lay.sh", name, *names])
            lines = (said or "").splitlines()
            for number, (log, file) in enumerate(part):
                line = plain(lines[number]) if number < len(lines) else "it cannot be read"
                brought = await self._copy(log, file, f"side/{name}.{number}", line, room)
                size = brought.file.stat().st_size if brought.file else 0
                yield brought
                if brought.file is not None and brought.file.exists():
                    room -= size
            await self._run(["/bin/sh", "-c", f"rm -f side/{name}.*"])

    async def _copy(self, log: str, file: str, source: str, line: str, room: int) -> Brought:
        if line != "ok":
            return Brought(log, None, plain(f"{file}: {line}"))
        directory = self._reports.home / "uploads"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._copies += 1
        target = directory / str(self._copies)
        try:
            with target.open("wb") as stream:
                await self._worker.upload(SIDE, source, self._dir, stream, room)
        except (WorkerError, TooLarge, OSError) as error:
            target.unlink(missing_ok=True)
            if isinstance(error, TooLarge):
                return Brought(log, None, plain(f"{file}: over {room} bytes"))
            return Brought(log, None, plain(f"{file}: {error}"))
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return Brought(log, target)

    # -- after

    async def close(self, *, last: bool = True) -> None:
        """Hear no more; what was asked by now is done first, unless `last` is false.

        The worker cannot delay it for long; a result is brought to the controller however long that is away.
        """
        if self._closing:
            return
        self._closing = True
        self._poke.set()
        serving = self._serving
        if serving is not None:
            await asyncio.wait((serving,), timeout=FAREWELL)
            serving.cancel()
            await asyncio.wait((serving,), timeout=FAREWELL)
        if last:
            with suppress(WorkerError, Lost, TooLarge, TimeoutError):
                async with asyncio.timeout(FAREWELL):
                    said = await self._run(["/bin/sh", "side/listen.sh", "spool", "0", *self._asked])
                    await self._take(self._heard(said or ""))
        for one in self._asked.values():
            if one.waits or not last:
                one.work.cancel()
        if self._asked:
            await asyncio.wait([one.work for one in self._asked.values()])
        with suppress(WorkerError, Lost, TooLarge, TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await self._give_answers()
                # who is still waiting learns from this that the task is over
                await self._run(["/bin/sh", "-c", "rm -rf spool"])
        self._asked.clear()

    async def collect(self) -> None:
        """Make every regular file in the task's directory for logs a log of the task; call `close` first."""
        try:
            await self._run(["/bin/sh", "side/logs.sh"])
            listing = io.BytesIO()
            await self._worker.upload(SIDE, "side/names", self._dir, listing, asked.LONGEST)
            names = sorted(name.removeprefix(b"./") for name in listing.getvalue().split(b"\0") if name)
            if len(names) > MOST_LOGS:
                self._reports.note(f"of {len(names)} logs, {MOST_LOGS} are taken")
            files = [(log, f"../logs/{log}") for log in map(os.fsdecode, names[:MOST_LOGS])]
            async for brought in self._bring("log", files):
                if brought.file is None:
                    self._reports.note(f"log {brought.name}: {brought.problem}")
                    continue
                try:
                    await self._reports.put_file(self._reports.url, brought.name, brought.file)
                finally:
                    brought.file.unlink(missing_ok=True)
        except (WorkerError, TooLarge, Lost) as error:
            self._reports.note(f"the task's logs were not collected: {error}")

    # -- small commands

    async def _start(self, command: list[str], seconds: int, sink: Kept) -> Running:
        args = {
            "command": command,
            "workdir": self._dir,
            "want_stdout": True,
            "want_stderr": True,
            "logEnviron": False,
            "usePTY": False,
            "maxTime": seconds,
        }
        return await self._worker.start(SIDE, args, sink)

    async def _run(self, command: list[str]) -> str | None:
        """Run a command and return what it said, None when it failed; raises WorkerError, Lost."""
        sink = Kept()
        ended = await (await self._start(command, SHORT, sink)).ended()
        if ended.rc != 0:
            words = ended.failure or sink.read("stderr").strip() or f"exit status {ended.rc}"
            self._reports.note(f"{' '.join(command[1:2])}: {plain(words)}")
            return None
        return sink.read("stdout")


def _octal(file: str) -> str:
    """A file name as ASCII, for `printf %b`: names need not be text, but arguments on the wire are."""
    raw = os.fsencode(file)
    return "".join(
        chr(byte) if (chr(byte).isalnum() and byte < 128) or byte in b"/._-" else f"\\0{byte:03o}" for byte in raw
    )


def _name(command: list[bytes]) -> str:
    return plain(command[0][:64].decode("utf-8", "replace")) if command and command[0] else "tackroom"
