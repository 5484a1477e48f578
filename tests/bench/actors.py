"""Harnesses that behave as restraint does, and readers as there are beside them: a process of their own."""

import asyncio
import base64
import json
import random
import resource
import time
import xmlrpc.client
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

from asynchttp import Refused, Tally, Wire
from attrs import frozen

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
XML = {"Content-Type": "text/xml"}
#: what a task says in a while
CHUNK = b"[   12.345678] usb 1-1: new high-speed USB device number 2 using xhci_hcd\n" * 55
TASKS = 2


@frozen
class Plan:
    """Who is there, and for how long."""

    port: int
    token: str
    harnesses: int
    readers: int
    #: for how many seconds, from when on all have begun
    seconds: float
    #: seconds between two ranges of a log, and between two looks of a reader
    beat: float
    pause: float


@frozen
class Outcome:
    """What they saw."""

    tally: Tally
    #: seconds of a processor that making the calls took
    cpu: float
    #: seconds of it all
    seconds: float


def act(plan: Plan, told: Connection) -> None:
    """Be all of them, and tell what they saw."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    began = time.monotonic()
    tally = asyncio.run(_Play(plan).run())
    told.send(Outcome(tally, time.process_time(), time.monotonic() - began))


class _Play:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._tally = Tally()
        self._end = 0.0
        self._chance = random.Random(7)  # noqa: S311 - no secret
        #: what runs: job, recipe, task
        self._running: dict[int, tuple[int, int, int]] = {}
        pair = f"admin:{plan.token}"
        self._admin = "Basic " + base64.b64encode(pair.encode()).decode()

    async def run(self) -> Tally:
        """Let all be there until the time is over."""
        wire = self._wire()
        for number in range(self._plan.harnesses):
            body = json.dumps({"name": f"h{number}", "type": "bench"}).encode()
            await wire.call("POST system", "POST", "/systems/", body, JSON)
        await wire.close()
        self._end = time.monotonic() + self._plan.seconds
        await asyncio.gather(
            *(self._harness(number) for number in range(self._plan.harnesses)),
            *(self._reader(number) for number in range(self._plan.readers)),
        )
        return self._tally

    def _wire(self, authorization: str = "") -> Wire:
        return Wire(self._plan.port, self._tally, authorization or self._admin)

    def _left(self) -> float:
        return self._end - time.monotonic()

    async def _pause(self, seconds: float) -> bool:
        """Sleep that long, a little more or less; False when the time is over then."""
        wanted = seconds * self._chance.uniform(0.9, 1.1)
        await asyncio.sleep(max(0.0, min(wanted, self._left())))
        return self._left() > 0

    async def _kept_up(self, one: Callable[[], Awaitable[object]]) -> None:
        """Do something again and again until the time is over, whatever becomes of it."""
        while self._left() > 0:
            try:
                await one()
            except Refused:
                await self._pause(self._plan.pause)

    async def _harness(self, number: int) -> None:
        """Run one recipe after the other."""
        # they are not all switched on at once
        await asyncio.sleep(self._chance.uniform(0, 4 * self._plan.beat))
        wire = self._wire()
        await self._kept_up(partial(self._recipe, wire, number))
        await wire.close()

    async def _recipe(self, wire: Wire, number: int) -> None:
        """Submit a job and run its recipe."""
        recipe = {"system": f"h{number}", "tasks": [{"name": f"task-{n}", "command": ["true"]} for n in range(TASKS)]}
        body = json.dumps({"recipe_sets": [{"recipes": [recipe]}]}).encode()
        made = json.loads(await wire.call("POST job", "POST", "/jobs/", body, JSON))["id"]
        claimed = json.loads(await wire.call("claim", "POST", f"/systems/h{number}/claim?wait=5"))
        own = self._wire("Bearer " + claimed["key"])
        await own.call("GET recipe", "GET", f"/recipes/{claimed['id']}/", headers={"Accept": "application/xml"})
        for task in claimed["tasks"]:
            if not await self._task(own, number, (made, claimed["id"], task["id"])):
                break
        await own.close()

    async def _task(self, wire: Wire, harness: int, which: tuple[int, int, int]) -> bool:
        """Run a task of five beats: at each a range of each log, at some a result with a log of its own."""
        recipe = f"/recipes/{which[1]}"
        task = f"{recipe}/tasks/{which[2]}"
        await wire.call("POST status", "POST", f"{task}/status", b"status=Running", FORM)
        await wire.call("POST watchdog", "POST", f"{recipe}/watchdog", b"seconds=3600", FORM)
        for beat in range(5):
            for name in ("taskout.log", "harness.log"):
                await self._put(wire, "PUT of a range", f"{task}/logs/{name}", beat * len(CHUNK))
            self._running[harness] = which
            if beat % 2:
                body = b"result=Pass&path=/check&score=1&message=as+it+should+be"
                answer = await wire.call("POST result", "POST", f"{task}/results/", body, FORM)
                path = f"{task}/results/{answer.decode().strip()}/logs/resultoutputfile.log"
                await self._put(wire, "PUT of a new log", path, 0)
            if not await self._pause(self._plan.beat):
                return False
        await wire.call("POST status", "POST", f"{task}/status", b"status=Completed", FORM)
        return True

    async def _put(self, wire: Wire, kind: str, path: str, first: int) -> None:
        span = {"Content-Range": f"bytes {first}-{first + len(CHUNK) - 1}/*", "Content-Type": "text/plain"}
        await wire.call(kind, "PUT", path, CHUNK, span)
        self._tally.written += len(CHUNK)

    async def _reader(self, number: int) -> None:
        """Look again and again, as one of five kinds of readers does."""
        wire, turns = self._wire(), count(number)
        looks = (self._list, self._job, self._tail, self._rpc, self._follow)
        look = looks[number % len(looks)]

        async def one() -> None:
            if look == self._follow or await self._pause(self._plan.pause):
                await look(wire, next(turns))

        await self._kept_up(one)
        await wire.close()

    def _somewhere(self) -> tuple[int, int, int] | None:
        """Return job, recipe and task of something that runs."""
        return self._chance.choice(list(self._running.values())) if self._running else None

    async def _list(self, wire: Wire, turn: int) -> None:
        """Look at a list, as pages and dashboards do."""
        lists = ("/jobs/?limit=20", "/api/v0.2/jobs/?limit=20", "/systems/?limit=20", "/queue?limit=20", "/metrics")
        path = lists[turn % len(lists)]
        await wire.call(f"GET {path.partition('?')[0]}", "GET", path)

    async def _job(self, wire: Wire, _: int) -> None:
        """Look at a job that runs."""
        if which := self._somewhere():
            await wire.call("GET /jobs/J", "GET", f"/jobs/{which[0]}")
            await wire.call("GET results", "GET", f"/recipes/{which[1]}/results")
            await wire.call("GET log-index", "GET", f"/recipes/{which[1]}/log-index")

    async def _tail(self, wire: Wire, _: int) -> None:
        """Look at the end of a log."""
        if which := self._somewhere():
            path = f"/recipes/{which[1]}/tasks/{which[2]}/logs/taskout.log"
            await wire.call("GET the end of a log", "GET", path, headers={"Range": "bytes=-2000"})

    async def _rpc(self, wire: Wire, turn: int) -> None:
        """Ask as lavacli does: for a list, or for the lines that are new."""
        which = self._somewhere()
        if turn % 3 == 0 or which is None:
            await self._method(wire, "scheduler.jobs.list", None, None, 0, 20)
        else:
            await self._method(wire, "scheduler.jobs.logs", str(which[1]), 40)

    async def _method(self, wire: Wire, method: str, *params: Any) -> None:
        body = xmlrpc.client.dumps(params, method, allow_none=True).encode()
        await wire.call(method, "POST", "/RPC2", body, XML)

    async def _follow(self, wire: Wire, _: int) -> None:
        """Read the event stream until the time is over."""

        async def read() -> None:
            async for line in wire.stream("/events"):
                self._tally.events += line.startswith(b"data:")

        try:
            await asyncio.wait_for(read(), self._left())
        except TimeoutError:
            await wire.close()
