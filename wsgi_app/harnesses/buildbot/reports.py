"""What a task on a worker reports, on its way to the controller: results, logs, sync.

Each result has an Idempotency-Key of its own, so it may be sent again whenever its answer was lost.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from wsgi_app.harnesses.address import log_name, segment
from wsgi_app.harnesses.buildbot.controller import Controller
from wsgi_app.harnesses.line import Refused, Unreachable
from wsgi_app.harnesses.meeting import LAST_CALL, ONE_CALL, SOON, NotARequest, answered, arrival, question, refused
from wsgi_app.harnesses.request import DONE, FAILED, WRONG_USE, Reply

RANGE = 1024 * 1024  #: bytes in one PUT; the protocol's limit is 10 MiB
OURS = ("taskout.log", "harness.log")  #: logs that grow while the task runs; no file of the task replaces them


class Brought(NamedTuple):
    """A file of the worker that is to be a log."""

    name: str
    file: Path | None  #: the copy here, to be removed when it is uploaded; None: it could not be had
    problem: str = ""  #: why not


@dataclass(frozen=True)
class Whole:
    """What a log that went up whole is."""

    size: int
    sha256: str


class Reports:
    """The reports of one task, made with the recipe's key.

    `limit`: bytes of one log. `note` writes words into the task's log, `count` hears of each result that the task
    delivered, `abort` hears why the recipe is to be aborted. `home`: a directory for copies of files.
    """

    def __init__(
        self,
        controller: Controller,
        recipe: int,
        task: int,
        home: Path,
        *,
        limit: int,
        note: Callable[[str], None],
        count: Callable[[], Awaitable[None]],
        abort: Callable[[str], Awaitable[None]],
    ) -> None:
        self.url = f"/recipes/{recipe}/tasks/{task}"
        self.home = home
        self.limit = limit
        self.note = note
        self._controller = controller
        self._recipe = recipe
        self._task = task
        self._count = count
        self._abort = abort
        self._whole: dict[str, Whole] = {}  # logs that are not declared yet, by URL path

    async def do(self, name: str, request: dict[str, Any], logs: list[Brought]) -> Reply:
        """Do one request of the task; `name` is its own. It may be done again: what was delivered stays once."""
        verb = request["do"]
        if verb == "report":
            return await self._report(name, request.get("form"), logs)
        if verb == "set":
            return await self._set(request)
        if verb == "wait":
            return await self._wait(request)
        await self._abort(sendable(request["message"]))
        return Reply(DONE)

    async def deliver(self, form: Mapping[str, str], name: str) -> str:
        """POST a result and return its URL path, which its logs are below; raises Refused."""
        path = f"{self.url}/results/"
        answer = await self._controller.post(path, form, {"Idempotency-Key": f"{self._task}-{name}"})
        return self._controller.below(path, answer.location)

    async def put_file(self, owner: str, name: str, file: Path) -> str:
        """Upload a file as a log of the task or result with the URL path `owner`; return what was wrong with it."""
        name = sendable(name)
        try:
            name = log_name(name)
        except ValueError as error:
            return f"log {name}: {error}"
        if owner == self.url and name in OURS:
            return f"log {name}: that one is written by the harness"
        path = f"{owner}/logs/{segment(name)}"
        try:
            self._whole[path] = await self._send(path, file)
        except (Refused, OSError) as error:
            if isinstance(error, Refused) and error.status == 409 and await self._sealed(path, file):
                self.note(f"log {name}: it is there already")
                return ""
            if isinstance(error, Refused) and not error.message:
                return f"log {name}: {error}: its name may not be a log's"
            return f"log {name}: {error}"
        self.note(f"log {name}: {self._whole[path].size} bytes")
        return ""

    async def _sealed(self, path: str, file: Path) -> bool:
        """Whether a log that is closed has just this file in it: what is said of it again is always taken."""
        try:
            whole = await asyncio.to_thread(_whole, file)
            await self._controller.declare(path, whole.size, whole.sha256)
        except (Refused, OSError):
            return False
        return True

    async def declare(self, below: str = "") -> None:
        """Say of the logs that went up, those below a URL path, what they are: the controller checks and seals them."""
        for path in [path for path in self._whole if path.startswith(below)]:
            whole = self._whole.pop(path)
            try:
                await self._controller.declare(path, whole.size, whole.sha256)
            except Refused as refusal:
                # nothing is lost: it was taken, and is read when the task has ended
                self.note(f"log {path} was not declared: {refusal}")

    async def _report(self, name: str, form: dict[str, str] | None, logs: list[Brought]) -> Reply:
        owner = self.url
        try:
            if form is not None:
                form = {key: sendable(value) for key, value in form.items()}
                try:
                    owner = await self.deliver(form, name)
                except Refused as refusal:
                    self.note(f"result {form} refused: {refusal}")
                    return Reply(FAILED, str(refusal))
                await self._count()
                self.note(f"result {form['result']} {form['path']}")
            problems = [problem for log in logs if (problem := await self._put(owner, log))]
        finally:
            for log in logs:
                if log.file is not None:
                    log.file.unlink(missing_ok=True)
        if form is not None:
            # the logs of a result come with it; those of the task may come again until it ends
            await self.declare(f"{owner}/logs/")
        return Reply(FAILED if problems else DONE, "; ".join(problems))

    async def _put(self, owner: str, log: Brought) -> str:
        if log.file is None:
            problem = f"log {sendable(log.name)}: {log.problem}"
        else:
            problem = await self.put_file(owner, log.name, log.file)
        if problem:
            self.note(problem)
        return problem

    async def _send(self, path: str, file: Path) -> Whole:
        total = file.stat().st_size
        # A PUT without a range replaces the log; with ranges, the end of a longer one of that name would stay.
        whole = total == 0 or await self._controller.size(path) > total
        digest = hashlib.sha256()
        sent = 0
        with file.open("rb") as stream:
            while sent < total or whole:
                part = stream.read(min(RANGE, total - sent))
                if not part and total:
                    raise OSError("the file became shorter while it was uploaded")
                end = sent + len(part)
                await self._controller.put(path, part, "" if whole else f"bytes {sent}-{end - 1}/{total}")
                whole = False
                digest.update(part)
                sent = end
        return Whole(total, digest.hexdigest())

    async def _set(self, request: dict[str, Any]) -> Reply:
        try:
            path, body = arrival(self._recipe, request)
        except NotARequest as error:
            return Reply(WRONG_USE, str(error))
        state = request["state"]
        try:
            await self._controller.call("PUT", path, body=body, headers={"Content-Type": "application/json"})
        except Refused as refusal:
            self.note(f"sync {state} refused: {refusal}")
            return refused(refusal)
        self.note(f"sync {state}: said")
        return Reply(DONE)

    async def _wait(self, request: dict[str, Any]) -> Reply:
        try:
            path, until = question(self._recipe, request)
        except NotARequest as error:
            return Reply(WRONG_USE, str(error))
        self.note(f"sync {request['state']}: waits")
        reply = await self._reached(path, until)
        self.note(f"sync {request['state']}: {reply.problem or 'reached'}")
        return reply

    async def _reached(self, path: str, until: float | None) -> Reply:
        missing = "nothing is known of the others"
        while True:
            began = time.monotonic()
            left = ONE_CALL if until is None else max(0.0, until - began)
            timeout = min(ONE_CALL, math.ceil(left))
            try:
                answer = await self._controller.call(
                    "GET",
                    f"{path}&timeout={timeout}",
                    headers={"Accept": "application/json"},
                    wait=timeout,
                    seconds=None if until is None else left + LAST_CALL,
                )
            except Refused as refusal:
                return refused(refusal)
            except Unreachable as trouble:
                return Reply(FAILED, f"{missing} ({trouble})")
            reply, missing = answered(answer.body)
            if reply is not None:
                return reply
            now = time.monotonic()
            if until is not None and now >= until:
                return Reply(FAILED, missing)
            if now - began < min(SOON, timeout):
                await asyncio.sleep(SOON)


def _whole(file: Path) -> Whole:
    """Return what a file is. Raises OSError."""
    with file.open("rb") as stream:
        return Whole(file.stat().st_size, hashlib.file_digest(stream, "sha256").hexdigest())


def sendable(value: object) -> str:
    """Text that can be sent: what was no UTF-8 in a command line or a file name becomes question marks."""
    return str(value).encode("utf-8", "replace").decode()
