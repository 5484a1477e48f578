"""A command that has been started, until its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from wsgi_app.harnesses.buildbot.place import Place
from wsgi_app.harnesses.buildbot.transport import Ended, Lost, Running, WorkerError

KILLED = 15.0  #: seconds that a command has to end when it was interrupted


class Unwanted(Exception):
    """The command was killed, because nobody wants it any more."""


class Watch:
    """Watches the task's command at its place."""

    def __init__(self, running: Running, place: Place, note: Callable[[str], None]) -> None:
        self._running = running
        self._place = place
        self._note = note

    async def ended(self, unwanted: asyncio.Event, why: Callable[[], str]) -> Ended:
        """Wait for its end; have it killed when it is `unwanted`, and say `why`.

        Raises Unwanted then, Lost, WorkerError, and what its sink raised.
        """
        ended = self._listen()
        wish = asyncio.create_task(unwanted.wait())
        try:
            await asyncio.wait((ended, wish), return_when=asyncio.FIRST_COMPLETED)
            if wish.done():
                if not ended.done():
                    await self._kill(ended, why())
                raise Unwanted
            return ended.result()
        finally:
            wish.cancel()
            ended.cancel()  # no harm once it is done

    async def kill(self, why: str) -> None:
        """Have it killed, and see to it that it ends."""
        ended = self._listen()
        try:
            await self._kill(ended, why)
        finally:
            ended.cancel()

    def _listen(self) -> asyncio.Task[Ended]:
        ended = asyncio.create_task(self._running.ended())
        ended.add_done_callback(_looked_at)
        return ended

    async def _kill(self, ended: asyncio.Task[Ended], why: str) -> None:
        """Have it killed; one that does not end goes with its worker's connection."""
        try:
            async with asyncio.timeout(KILLED):
                await self._running.interrupt(why)
                await asyncio.wait((ended,))
        except (WorkerError, Lost, TimeoutError) as error:
            self._note(f"the command does not end: {error}" if str(error) else "the command does not end")
            if self._place.worker is not None and self._place.there:
                self._place.worker.drop()
                await asyncio.wait((ended,), timeout=KILLED)


def _looked_at(task: asyncio.Task[Ended]) -> None:
    """Let asyncio not complain of an outcome that does not matter any more."""
    if not task.cancelled():
        task.exception()
