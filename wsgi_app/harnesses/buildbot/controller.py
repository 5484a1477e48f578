"""The controller over HTTP for one event loop: any number of calls at a time, each repeated until there is an answer.

How answers are judged is as for every harness (harnesses/line.py). The calls themselves are made by a few threads, for
the standard library knows no other way; a call that waits between two attempts holds none.
"""

from __future__ import annotations

import asyncio
import functools
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from wsgi_app.harnesses.address import Address
from wsgi_app.harnesses.line import (
    DELAY_FACTOR,
    FIRST_DELAY,
    LONGEST_DELAY,
    TIMEOUT,
    Answer,
    Line,
    Refused,
    Trouble,
    Unreachable,
)

__all__ = ["Answer", "Controller", "Lines", "Refused", "Unreachable"]

THREADS = 16  #: for calls that are answered at once
WAITING = 512  #: for calls whose answer may be a while: they hold a thread so long


class Lines:
    """The threads, and the connections that they take in turns; close it at the end."""

    def __init__(self, base: Address, threads: int = THREADS, waiting: int = WAITING) -> None:
        self._base = base
        self._quick = ThreadPoolExecutor(threads, "controller")
        self._slow = ThreadPoolExecutor(waiting, "waiting")
        self._free: list[Line] = []
        self._busy: set[Line] = set()

    async def run(self, do: Callable[[Line], Answer], *, waiting: bool) -> Answer:
        """Have one attempt made in a thread; whoever is cancelled meanwhile leaves a broken connection."""
        line = self._free.pop() if self._free else Line(self._base)
        self._busy.add(line)
        executor: Executor = self._slow if waiting else self._quick
        attempt = executor.submit(do, line)
        try:
            answer = await asyncio.wrap_future(attempt)
        except asyncio.CancelledError:
            line.cut()
            attempt.add_done_callback(lambda _: line.close())  # also of one that was never begun, or is done by now
            raise
        except (Refused, Trouble):
            self._free.append(line)
            raise
        else:
            self._free.append(line)
            return answer
        finally:
            self._busy.discard(line)

    def close(self) -> None:
        """Break what is still open, and let the threads end."""
        self._quick.shutdown(wait=False, cancel_futures=True)
        self._slow.shutdown(wait=False, cancel_futures=True)
        for line in tuple(self._busy):
            line.cut()
        while self._free:
            self._free.pop().close()


class Controller:
    """Speaks to the controller with one bearer `key`; paths are given below the base URL.

    Every call goes on until the controller has taken or refused it (it raises Refused then), unless `seconds` says
    how long there is (Unreachable after that). `say` hears of trouble. Calls are cancelled like anything in asyncio.
    """

    def __init__(
        self, lines: Lines, base: Address, key: str, say: Callable[[str], None], *, longest: float = LONGEST_DELAY
    ) -> None:
        self.base = base
        self.key = key
        self._lines = lines
        self._say = say
        self._longest = longest

    def keyed(self, key: str, say: Callable[[str], None] | None = None) -> Controller:
        """Return the same controller spoken to with another key, such as a recipe's."""
        return Controller(self._lines, self.base, key, say or self._say, longest=self._longest)

    async def get(self, path: str) -> Answer:
        """GET a JSON document; raises Refused."""
        return await self.call("GET", path, headers={"Accept": "application/json"})

    async def post(self, path: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
        """POST a form; raises Refused."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self.call("POST", path, body=urlencode(form).encode(), headers={**kind, **(headers or {})})

    async def post_json(
        self,
        path: str,
        value: object,
        *,
        wait: float | None = None,
        seconds: float | None = None,
        once: bool = False,
    ) -> Any:
        """POST a JSON value and return the answer's (None when it has none); the rest is as of `call`."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        body = json.dumps(value).encode()
        answer = await self.call("POST", path, body=body, headers=headers, wait=wait, seconds=seconds, once=once)
        return parsed(answer)

    async def put(self, path: str, body: bytes, content_range: str = "") -> Answer:
        """PUT bytes of a log, with a Content-Range when one is given; raises Refused."""
        headers = {"Content-Type": "text/plain"}
        if content_range:
            headers["Content-Range"] = content_range
        return await self.call("PUT", path, body=body, headers=headers)

    async def declare(self, path: str, size: int, sha256: str) -> dict[str, Any]:
        """Say what a log is to be and return what the controller knows of it; raises Refused."""
        value = await self.post_json(path, {"size": size, "sha256": sha256})
        return value if isinstance(value, dict) else {}

    async def size(self, path: str) -> int:
        """Return the size in bytes that a log has on the controller, 0 when there is none; raises Refused."""
        try:
            answer = await self.call("HEAD", path)
        except Refused as refusal:
            if refusal.status in (404, 410):
                return 0
            raise
        return answer.length

    def below(self, path: str, location: str) -> str:
        """Resolve a Location header against the path that was asked for; the result is a path below the base."""
        target = urlsplit(urljoin(self.base.url + path, location)).path.rstrip("/")
        prefix = self.base.prefix
        return target[len(prefix) :] if prefix and target.startswith(prefix + "/") else target

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        wait: float | None = None,
        seconds: float | None = None,
        once: bool = False,
    ) -> Answer:
        """Send one request until the controller has taken or refused it; raises Refused.

        `wait`: seconds that the controller is asked to let pass before it answers. `seconds`: how long it is tried at
        most; `once`: it is tried once. Raises Unreachable then.
        """
        until = None if seconds is None else time.monotonic() + seconds
        delay = FIRST_DELAY
        while True:
            timeout = TIMEOUT + (wait or 0)
            if until is not None:
                timeout = max(0.5, min(timeout, until - time.monotonic()))
            attempt = functools.partial(
                Line.attempt, method=method, path=path, key=self.key, body=body, headers=headers, timeout=timeout
            )
            try:
                return await self._lines.run(attempt, waiting=wait is not None)
            except Trouble as trouble:
                if once or (until is not None and time.monotonic() + delay > until):
                    raise Unreachable(f"{method} {path}: {trouble}") from None
                self._say(f"{method} {path}: {trouble}; again in {delay:.0f} s")
            await asyncio.sleep(delay)
            delay = min(delay * DELAY_FACTOR, self._longest)


def parsed(answer: Answer) -> Any:
    """Return the JSON value of an answer, None when it is none."""
    try:
        return json.loads(answer.body)
    except ValueError:
        return None
