"""Where a task runs: its worker, which may be lost and come back, and what is heard of the task's commands there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from wsgi_app.harnesses.buildbot import prepare
from wsgi_app.harnesses.buildbot.beside import Beside
from wsgi_app.harnesses.buildbot.reports import Reports
from wsgi_app.harnesses.buildbot.side import Side
from wsgi_app.harnesses.buildbot.transport import Lost, Worker, WorkerError

BACK = 20.0  #: seconds that a worker has to come back for what it still has of a task that has ended
CLEAR_UP = 60.0  #: seconds for taking a task's directory away


class Place:
    """The place of one task; `worker_of` waits until the worker is connected."""

    def __init__(
        self,
        worker_of: Callable[[], Awaitable[Worker]],
        reports: Reports,
        beside: Beside,
        note: Callable[[str], None],
    ) -> None:
        self.worker: Worker | None = None  #: the last one that was connected
        self.side: Side | None = None  #: None: nobody has asked for the task's commands yet
        self._worker_of = worker_of
        self._reports = reports
        self._beside = beside
        self._note = note

    @property
    def there(self) -> bool:
        """Whether the worker is connected, as far as is known."""
        return self.worker is not None and not self.worker.gone.is_set()

    async def reach(self) -> Worker:
        """Wait until the worker is connected."""
        self.worker = await self._worker_of()
        return self.worker

    async def reach_soon(self) -> Worker | None:
        """Wait a little; None when it does not come."""
        try:
            async with asyncio.timeout(BACK):
                return await self.reach()
        except TimeoutError:
            return None

    def look(self, worker: Worker, home: str) -> Side:
        """Have to do with the task's directory `home` there."""
        self.side = Side(worker, home, self._reports)
        return self.side

    def hear(self) -> None:
        """Hear the task's commands from now on."""
        if self.side is not None:
            self._beside.start(self.side.serve())

    async def regain(self, home: str) -> Worker:
        """Wait for the worker, whose connection was lost, and hear the task's commands again."""
        self._note("the worker was lost; the task goes on there")
        if self.side is not None:
            await self.side.close(last=False)
        worker = await self.reach()
        self._note("the worker is back")
        self.look(worker, home)
        self.hear()
        return worker

    async def clear(self, home: str) -> None:
        """Take the task's directory away; where that fails, the next task does it."""
        worker = self.worker
        if worker is None or not self.there or not home:
            return
        with contextlib.suppress(prepare.CannotStart, WorkerError, Lost, TimeoutError):
            async with asyncio.timeout(CLEAR_UP):
                await prepare.clear(worker, home)
