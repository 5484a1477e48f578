"""Readers of events by WebSocket: 1,000 of them, 200 events a second, embedded and through Apache.

How long after its event a message is read (by 50 readers that look at each), and what the publisher and httpd use; all
readers must get all bytes.
"""

import asyncio
import json
import statistics
import threading
import time
from collections.abc import Iterator
from datetime import datetime

from attrs import define, field
from figure import Figure
from lab import Lab, running_lab
from listener import wait_for_publisher
from sampling import Sampler, of_lab
from scale import Scale
from waiting import until

from wsgi_app.config import Config
from wsgi_app.core.gateway import open_gateway
from wsgi_app.states import SystemHealth, SystemState

#: events a second, and commits: some tell of several things
RATE, COMMITS = 200, 50
#: readers whose messages are looked at, all others only count bytes: the machine is theirs, too
LOOKING = 50


@define
class Crowd:
    """Readers on connections of their own, in a thread with an event loop."""

    port: int
    size: int
    connected: int = 0
    #: bytes that each has got
    taken: list[int] = field(factory=list)
    delays: list[float] = field(factory=list)
    ended: int = 0
    _stop: asyncio.Event | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Connect all, and let each be told how the lab stands."""
        self.taken = [0] * self.size
        self._thread = threading.Thread(target=asyncio.run, args=(self._all(),))
        self._thread.start()
        until(lambda: self.connected == self.size and all(self.taken), "all readers are let in", 120)

    def stop(self) -> None:
        """Hang up."""
        assert self._loop is not None and self._stop is not None and self._thread is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _all(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        many = asyncio.Semaphore(100)
        tasks = [asyncio.create_task(self._one(number, many)) for number in range(self.size)]
        await self._stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self, number: int, many: asyncio.Semaphore) -> None:
        async with many:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
            head = "Host: lab\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            writer.write(f"GET /ws/ HTTP/1.1\r\n{head}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 101 "), answer
            self.connected += 1
        try:
            if number < LOOKING:
                while True:
                    self.taken[number] += await self._look(reader)
            while data := await reader.read(1 << 18):
                self.taken[number] += len(data)
        finally:
            self.ended += 1
            writer.transport.abort()

    async def _look(self, reader: asyncio.StreamReader) -> int:
        first, length = await reader.readexactly(2)
        size = length
        if length == 126:
            size = int.from_bytes(await reader.readexactly(2))
        elif length == 127:
            size = int.from_bytes(await reader.readexactly(8))
        body = await reader.readexactly(size)
        if first == 0x81:
            told = datetime.fromisoformat(json.loads(body)[2]).timestamp()
            self.delays.append(time.time() - told)
        return size + 2 + (2 if length == 126 else 8 if length == 127 else 0)


def measure(scale: Scale) -> Iterator[Figure]:
    """Yield milliseconds, MiB and seconds of a processor."""
    size, seconds = scale.of(1000, 20), scale.of(20, 2)
    for front in ("none", "apache"):
        with running_lab(front) as lab:
            wait_for_publisher(lab)
            yield from _round(lab, f"{'Apache' if front == 'apache' else 'embedded'}, {size} readers", size, seconds)


def _round(lab: Lab, what: str, size: int, seconds: float) -> Iterator[Figure]:
    crowd = Crowd(lab.port, size)
    began = time.monotonic()
    crowd.start()
    yield Figure(f"{what}: all of them let in", time.monotonic() - began, unit="s", more=False)
    sampler = Sampler(of_lab(lab))
    try:
        crowd.delays.clear()
        before = list(crowd.taken)
        with sampler:
            events = tell(lab, seconds)
            until(lambda: len(crowd.delays) >= events * min(size, LOOKING), "all is told", 120)
            until(lambda: len({a - b for a, b in zip(crowd.taken, before, strict=True)}) == 1, "to all", 120)
    finally:
        crowd.stop()
    ordered = sorted(crowd.delays)
    yield Figure(f"{what}: delay, median", statistics.median(ordered) * 1000, unit="ms", more=False)
    yield Figure(f"{what}: delay, p99", ordered[int(len(ordered) * 0.99)] * 1000, unit="ms", more=False)
    yield Figure(f"{what}: MB/s to all", sum(crowd.taken) / seconds / 1e6, unit="MB/s")
    yield from sampler.figures(what)


def tell(lab: Lab, seconds: float) -> int:
    """Let systems change their health, so many times a second; how often that was."""
    gateway = open_gateway(Config(data=lab.data))
    count = 0
    try:
        began = time.monotonic()
        for number in range(int(seconds * COMMITS)):
            time.sleep(max(0.0, began + number / COMMITS - time.monotonic()))
            with gateway._ground.change() as change:
                for place in range(RATE // COMMITS):
                    was, now = (SystemHealth.GOOD, SystemHealth.MAINTENANCE)[:: 1 if number % 2 else -1]
                    change.system_event(f"s{place}", SystemState.IDLE, now, was={"health": was})
                    count += 1
    finally:
        gateway.close()
    return count
