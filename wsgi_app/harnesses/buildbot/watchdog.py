"""The recipe's watchdog at the controller: how it is told that there is still somebody who works."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from wsgi_app.harnesses.buildbot.controller import Controller, Refused
from wsgi_app.harnesses.buildbot.stop import stop_at_conflict
from wsgi_app.harnesses.buildbot.transport import Worker

REARM_EVERY = 300.0  #: seconds between two words to it
REARM_SECONDS = 1800
LOST_SECONDS = 300  #: for a worker that is gone to come back
SILENT = 180.0  #: seconds without a word from a worker after which nothing is said in its favour


class Watchdog:
    """The watchdog of one recipe, spoken to with its key; all of it raises Stop when the recipe has ended."""

    def __init__(self, controller: Controller, recipe: int, note: Callable[[str], None]) -> None:
        self._controller = controller
        self._path = f"/recipes/{recipe}/watchdog"
        self._note = note

    async def rearm(self) -> None:
        """Somebody works."""
        await self._set(REARM_SECONDS)

    async def expect_worker(self) -> None:
        """Give a worker that is lost a while to come back: nobody else would notice that it does not."""
        await self._set(LOST_SECONDS)

    async def keep(self, worker_now: Callable[[], Worker | None]) -> None:
        """Speak for the recipe as long as its worker answers, until cancelled."""
        while True:
            await asyncio.sleep(REARM_EVERY)
            worker = worker_now()
            if worker is not None and time.monotonic() - worker.heard < SILENT:
                await self.rearm()

    async def _set(self, seconds: int) -> None:
        try:
            await self._controller.post(self._path, {"seconds": str(seconds)})
        except Refused as refusal:
            stop_at_conflict(refusal)
            self._note(f"watchdog refused: {refusal}")
