"""The pump: reads the outbox as it grows, and has the readers told, one tick after the other.

While nobody listens nothing is read.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from wsgi_app.core.feed import BATCH
from wsgi_app.core.gateway import Gateway
from wsgi_app.errors import TackroomError
from wsgi_app.protocols.lava.events import Messages
from wsgi_app.services.publisher.readers import Framed, Readers, parts

#: rests after a tick, in times of what it took; seconds at least and at most: what comes meanwhile is told together
RESTS = 2
SHORTEST_REST, LONGEST_REST = 0.005, 0.05
#: seconds between two looks when the bell is not rung, or after the database could not be read
LOOK_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Pump:
    """Runs in the loop; what it reads is read in a thread of its own."""

    def __init__(self, gateway: Gateway, messages: Messages, readers: Readers) -> None:
        self._gateway = gateway
        self._messages = messages
        self._readers = readers
        self._threads = ThreadPoolExecutor(1, "feed")
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()
        self._starting = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._ended = threading.Event()
        #: why the outbox cannot be read, None when it can
        self.problem: str | None = None

    async def start(self) -> None:
        """Begin with what happens from now on, unless it runs. Raises what a database that cannot be read does."""
        async with self._starting:
            if self._task is None:
                self._readers.begin(await self._loop.run_in_executor(self._threads, self._gateway.feed.latest))
                self._task = asyncio.create_task(self._run())

    def listen(self) -> None:
        """Hear the bell until `close`; in a thread of its own."""
        while not self._ended.is_set():
            with self._gateway.feed.listen() as ear:
                while not self._ended.is_set():
                    ear.wait(LOOK_SECONDS)
                    # the loop may be closed by now
                    with suppress(RuntimeError):
                        self._loop.call_soon_threadsafe(self._rung.set)

    def close(self) -> None:
        """End it."""
        self._ended.set()
        if self._task is not None:
            self._task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self) -> None:
        while True:
            self._rung.clear()
            more = await self._tick()
            if not len(self._readers):
                # the next who comes begins anew
                self._task = None
                return
            if not more:
                await self._rung.wait()

    async def _tick(self) -> bool:
        """Read what there is and tell it; return whether there is more."""
        reached = self._readers.position
        began = time.monotonic()
        try:
            count, reached, framed = await self._loop.run_in_executor(self._threads, self._read, reached)
        except TackroomError as error:
            self.problem = error.message
            await asyncio.sleep(LOOK_SECONDS)
            return True
        except Exception as error:  # noqa: BLE001 - readers would never be told of anything again
            if self.problem is None:
                _log.exception("the outbox cannot be read")
            self.problem = f"{type(error).__name__}: {error}"
            await asyncio.sleep(LOOK_SECONDS)
            return True
        self.problem = None
        if count:
            for part, position in parts(framed, reached):
                self._readers.publish(part, position)
                await asyncio.sleep(min(max(SHORTEST_REST, RESTS * (time.monotonic() - began)), LONGEST_REST))
                began = time.monotonic()
        return count == BATCH

    def _read(self, reached: int) -> tuple[int, int, Sequence[Framed]]:
        told = self._gateway.feed.after(reached, BATCH)
        if not told:
            return 0, reached, ()
        return len(told), told[-1].event.id, [Framed.of(message) for message in self._messages.of(told)]
