"""What the task's commands have asked and not been answered yet."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wsgi_app.harnesses.buildbot import asked
from wsgi_app.harnesses.buildbot.copies import Copies
from wsgi_app.harnesses.buildbot.errands import Errands
from wsgi_app.harnesses.buildbot.reports import Brought, Reports
from wsgi_app.harnesses.buildbot.transport import NoFile
from wsgi_app.harnesses.plain import plain
from wsgi_app.harnesses.request import FAILED, Reply
from wsgi_app.harnesses.understand import Unasked

LONGEST_LINE = 80  #: characters of what a listener says of one request
MOST = 200  #: requests of a task at once; more have to wait until some are answered
SAID = re.compile(r"(new|gone) ([0-9A-Za-z-]{1,64})")


@dataclass
class Asked:
    """A request that is being done."""

    command: str
    work: asyncio.Task[Reply]
    waits: bool  #: it may take as long as it likes, and nothing is lost when it is given up
    copies: bool  #: files of the worker are kept here meanwhile
    gone: bool = False  #: nobody waits for the answer any more


class Requests:
    """The requests of one task; `done` is called when there is an answer to one."""

    def __init__(self, errands: Errands, copies: Copies, reports: Reports, done: Callable[[], None]) -> None:
        self._errands = errands
        self._copies = copies
        self._reports = reports
        self._done = done
        self._asked: dict[str, Asked] = {}

    @property
    def full(self) -> bool:
        """Whether no more can be taken."""
        return len(self._asked) >= MOST

    def names(self) -> list[str]:
        """Return those that somebody waits for: a listener says when that changes."""
        return [name for name, one in self._asked.items() if not one.gone]

    async def soon(self, seconds: float) -> None:
        """Wait a little for an answer, if one may come soon."""
        works = [one.work for one in self._asked.values() if not one.waits]
        if works:
            await asyncio.wait(works, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)

    async def take(self, said: str) -> bool:
        """Begin to do what a listener has said is new, give up what it says is gone; return whether there was any.

        Raises WorkerError, TooLarge, Lost.
        """
        fine = False
        for name in self._new(said)[: MOST - len(self._asked)]:
            fine = await self._take_one(name) or fine
        return fine

    async def give_answers(self) -> None:
        """Give those that there are. Raises WorkerError, Lost."""
        for name, one in list(self._asked.items()):
            if not one.work.done():
                continue
            del self._asked[name]
            if not one.work.cancelled() and not one.gone:
                await self._answer(name, one.command, one.work.result())

    async def finish(self, *, last: bool) -> None:
        """Wait for all but those that may take for ever; give all up unless these are the `last` ones."""
        for one in self._asked.values():
            if one.waits or not last:
                one.work.cancel()
        if self._asked:
            await asyncio.wait([one.work for one in self._asked.values()])

    def clear(self) -> None:
        """Know of none any more."""
        self._asked.clear()

    def _new(self, said: str) -> list[str]:
        new: list[str] = []
        for line in said.splitlines():
            match = SAID.fullmatch(line) if len(line) < LONGEST_LINE else None
            if match is None:
                continue
            one = self._asked.get(match[2])
            if match[1] == "new" and one is None and match[2] not in new:
                new.append(match[2])
            elif match[1] == "gone" and one is not None:
                one.gone = True
                if one.waits:
                    one.work.cancel()
        return new

    async def _take_one(self, name: str) -> bool:
        try:
            body = await self._errands.fetch(f"spool/{name}.request", asked.LONGEST)
        except NoFile:
            return False  # who asked has given up
        try:
            command, request = asked.read(body)
        except Unasked as unasked:
            await self._answer(name, _command(body.split(b"\0")[1:2]), unasked.reply)
            return True
        files = [(log["name"], log["file"]) for log in request.get("logs", ())]
        if files and (copying := [one.work for one in self._asked.values() if one.copies]):
            await asyncio.wait(copying)  # so what is kept here has a bound
        logs = [log async for log in self._copies.bring(name, files)]
        work = asyncio.create_task(self._do(name, request, logs))
        work.add_done_callback(lambda _: self._done())
        self._asked[name] = Asked(command, work, request["do"] == "wait", bool(files))
        return True

    async def _do(self, name: str, request: dict[str, Any], logs: list[Brought]) -> Reply:
        try:
            return await self._reports.do(name, request, logs)
        except Exception as error:  # noqa: BLE001 - whatever it is, the command must not wait for ever
            self._reports.note(f"{request['do']} failed: {error!r}")
            return Reply(FAILED, f"the harness failed: {plain(repr(error))}")

    async def _answer(self, name: str, command: str, reply: Reply) -> None:
        await self._errands.put(asked.answer(command, reply), f"spool/{name}.answer")


def _command(words: list[bytes]) -> str:
    return plain(words[0][:64].decode("utf-8", "replace")) if words and words[0] else "tackroom"
