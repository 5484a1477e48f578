"""What goes on beside a task while that is worked on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from wsgi_app.harnesses.buildbot.stop import Stop


class Beside:
    """Several things at a time; `stop` hears that the controller has ended it all, `say` of what went wrong."""

    def __init__(self, stop: Callable[[str], None], say: Callable[[str], None]) -> None:
        self._stop = stop
        self._say = say
        self._all: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something until it ends, or is cancelled."""
        task = asyncio.create_task(work)
        self._all.add(task)
        task.add_done_callback(self._done)
        return task

    def cancel(self) -> None:
        """End all of it."""
        for task in self._all:
            task.cancel()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._all.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Stop):
            self._stop(str(error))
        elif error is not None:
            self._say(f"went wrong beside it: {error!r}")
