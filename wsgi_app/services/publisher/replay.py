"""What a reader is told when it comes: how everything stands, or what happened since it was here.

LAVA's clients wait for an event that may have happened before they came (readers-lava.md, trap 4).
"""

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from attrs import frozen

from wsgi_app.core.feed import BATCH
from wsgi_app.core.gateway import Gateway
from wsgi_app.protocols.lava.events import Messages, event_of
from wsgi_app.services.publisher.identity import Refused
from wsgi_app.services.publisher.readers import Framed, Reader, Readers

T = TypeVar("T")

#: seconds for which what a job has come to is told to those who come, and to how many jobs of that kind
SETTLED_WITHIN = 600.0
MOST_SETTLED = 1000
#: seconds for which what was read for one reader serves others
FRESH_SECONDS = 1.0
#: how many readers are told of the past at a time: it is read for each of them
AT_ONCE = 2
#: bytes that are written before they are waited for
PIECE = 128 << 10

_ID = re.compile("[0-9]{1,18}")


class Gone(Exception):
    """The reader has gone."""


@frozen
class _Scene:
    made: float
    reached: int
    framed: Sequence[Framed]


class Replay:
    """Tells readers what there is when they come."""

    def __init__(self, gateway: Gateway, messages: Messages, readers: Readers) -> None:
        self._gateway = gateway
        self._messages = messages
        self._readers = readers
        self._scene: _Scene | None = None
        self._reading = asyncio.Lock()
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def begin(self, reader: Reader, since: str | None) -> None:
        """Tell a reader what there is, or what there was behind `since`, and let it hear what follows: nothing twice.

        Raises `Gone`; `Refused` when `since` is neither an event's id, nor a message's, nor a time.
        """
        if since is None:
            scene = await self._now()
            await self._tell(reader, scene.framed)
            reader.reached = scene.reached
        else:
            reader.reached = await asyncio.to_thread(self._position, since)
        while not self._readers.join(reader):
            await self._page(reader)

    async def _now(self) -> _Scene:
        """How everything stands; read once for all who come in the same second."""
        async with self._reading:
            scene = self._scene
            if scene is None or time.monotonic() - scene.made > FRESH_SECONDS:
                began = time.monotonic()
                scene = self._scene = await asyncio.to_thread(self._read, began)
            return scene

    def _read(self, began: float) -> _Scene:
        reached, found = self._messages.now(SETTLED_WITHIN, MOST_SETTLED)
        return _Scene(began, reached, [Framed.of(message) for message in found])

    async def _page(self, reader: Reader) -> None:
        """Tell a reader the next of what it has missed."""
        position = self._readers.position
        async with self._slots:
            reached, framed = await asyncio.to_thread(self._behind, reader.reached)
        await self._tell(reader, framed)
        # where there is nothing more, all was told that the crowd was told before we looked
        reader.reached = max(reader.reached, position) if reached is None else reached

    def _behind(self, after: int) -> tuple[int | None, Sequence[Framed]]:
        told = self._gateway.feed.after(after, BATCH)
        return (told[-1].event.id if told else None), [Framed.of(message) for message in self._messages.of(told)]

    async def _tell(self, reader: Reader, framed: Sequence[Framed]) -> None:
        wanted = [one for one in framed if reader.audience.hears(one.message)]
        for part in _pieces(wanted):
            if not await reader.socket.flowing():
                self._readers.dropped += 1
            if not reader.socket.open:
                raise Gone
            reader.socket.write(part)

    def _position(self, since: str) -> int:
        found = _number(since)
        if found is None:
            found = event_of(since)
        if found is None:
            found = _of_time(since, self._gateway.feed.before)
        if found is None:
            raise Refused("since is the id of an event, the UUID of a message, or a time")
        # an id that is still to come was told by a database that was since restored from a copy
        return min(found, self._gateway.feed.latest())


def _pieces(framed: Sequence[Framed]) -> Iterator[bytes]:
    """Yield the frames joined, so many at a time that a reader is waited for often enough."""
    some: list[bytes] = []
    size = 0
    for one in framed:
        if some and size + len(one.frame) > PIECE:
            yield b"".join(some)
            some, size = [], 0
        some.append(one.frame)
        size += len(one.frame)
    if some:
        yield b"".join(some)


def _number(text: str) -> int | None:
    return int(text) if _ID.fullmatch(text) else None


def _of_time(text: str, before: Callable[[float], int]) -> int | None:
    """Return the newest event before a time as RFC 3339 writes it; without an offset it is UTC. None: it is none."""
    try:
        # a query's plus sign is a space
        parsed = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    except ValueError:
        return None
    try:
        return before(parsed.timestamp() if parsed.tzinfo else parsed.replace(tzinfo=UTC).timestamp())
    except (OverflowError, OSError):
        return None
