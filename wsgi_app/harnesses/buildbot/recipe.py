"""One recipe in hand: its tasks in order, each until its end is told, until the recipe is over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from wsgi_app.harnesses.buildbot import verdict
from wsgi_app.harnesses.buildbot.controller import Controller, Refused
from wsgi_app.harnesses.buildbot.record import Record
from wsgi_app.harnesses.buildbot.spool import ENDED, STARTING, Held
from wsgi_app.harnesses.buildbot.stop import Stop, read
from wsgi_app.harnesses.buildbot.surroundings import Surroundings
from wsgi_app.harnesses.buildbot.taskrun import TaskRun
from wsgi_app.harnesses.buildbot.transport import Worker
from wsgi_app.harnesses.document import RecipeDocument, TaskDocument

ASK_EVERY = 2.5  #: seconds between two looks whether the recipe's set starts
AGAIN = 5.0  #: seconds before we go on after trouble of ours, such as a full disk
MOST_FAILURES = 3  #: what goes wrong again and again for no reason that we know is given up
MAX_OUTPUT = 1024**3  #: bytes of a task's output

_log = logging.getLogger(__name__)


class RecipeRun:
    """Works on the recipe that is held until it is over; `controller` is spoken to with the recipe's key.

    `worker_of` waits until the recipe's worker is connected, and returns it; `public` is where tasks are told that the
    controller is, if it is elsewhere for them than for us; `detach` says whether tasks on the worker shall survive a
    lost connection. After trouble of ours it goes on `again` seconds later.
    """

    def __init__(
        self,
        controller: Controller,
        held: Held,
        worker_of: Callable[[], Awaitable[Worker]],
        say: Callable[[str], None],
        *,
        public: str = "",
        max_output: int = MAX_OUTPUT,
        detach: Callable[[], bool] = lambda: False,
        again: float = AGAIN,
    ) -> None:
        self.recipe = held.recipe
        self.system = held.system
        self.key = held.key
        self._controller = controller.keyed(held.key)
        self._say = say
        self._again = again
        self._record = Record(held, say)
        self._around = Surroundings(
            self._controller,
            public or controller.base.url,
            held,
            self._record,
            worker_of,
            say,
            self._stop,
            max_output,
            detach,
        )
        self._why = ""  # it is to end, for this reason
        self._message = ""  # the controller is to hear this then
        self._inner: asyncio.Task[None] | None = None
        self._current: TaskRun | None = None
        self._failures = 0
        self._trouble = ""

    def stop(self, status: str, reason: str) -> None:
        """Hear from the controller that the recipe has ended: what runs is killed. May be said again and again."""
        self._stop(f"the controller has ended it: {status}" + (f" ({reason})" if reason else ""))

    def give_up(self, message: str) -> None:
        """End the recipe, which the controller knows nothing of yet: its worker is gone for good."""
        self._message = message
        self._stop(message)

    async def work(self) -> None:
        """Work on the recipe until it is over, and forget it.

        Whoever cancels this leaves it to a later gateway to go on: what runs then is reported as aborted.
        """
        try:
            while not await self._over():
                await asyncio.sleep(self._again)
            if self._message:
                await self._end(self._message)
        finally:
            self._let_go()
        await self._forget()

    def _stop(self, why: str) -> None:
        if self._why:
            return
        self._why = why
        run = self._record.state.run
        # a task that has ended is told to its end: that it was may be just what ended the recipe
        if self._inner is not None and (run is None or run.phase != ENDED):
            self._inner.cancel()

    async def _over(self) -> bool:
        try:
            return await self._through()
        except Exception as error:  # noqa: BLE001 - nobody else would go on with it
            return self._puzzled(error)

    def _puzzled(self, error: BaseException) -> bool:
        """Note what should not happen; True when it is to be given up."""
        _log.error("recipe %d: %r", self.recipe, error, exc_info=error, extra={"recipe": self.recipe})
        self._failures += 1
        if self._failures > MOST_FAILURES:
            self._message = f"the gateway failed: {error!r}"
        return bool(self._message)

    async def _through(self) -> bool:
        """Work on it; False when something of ours went wrong, and it is to be gone on with."""
        self._inner = asyncio.create_task(self._tasks())
        try:
            await asyncio.wait((self._inner,))
        except asyncio.CancelledError:
            self._inner.cancel()
            await asyncio.wait((self._inner,), timeout=AGAIN)
            raise
        if not self._inner.cancelled():
            error = self._inner.exception()
            if error is None:
                return True
            if isinstance(error, Stop):
                self._why = self._why or str(error)
            elif not self._why:
                return await self._failed(error)
        await self._put_down(self._why)
        return True

    async def _tasks(self) -> None:
        more = not self._why
        while more:
            more = await self._next()
            if more and self._why:
                raise Stop(self._why)

    async def _next(self) -> bool:
        """Do one task; False when none is left."""
        recipe = await read(self._controller, self.recipe)
        while recipe.early:
            await asyncio.sleep(ASK_EVERY)
            recipe = await read(self._controller, self.recipe)
        state = self._record.state
        if recipe.finished:
            if state.run is not None and state.run.phase != ENDED:
                self._take_up(recipe)
                raise Stop(f"the controller has ended recipe {recipe.id}: {recipe.status}")
            return False
        left = [task for task in recipe.tasks if not task.finished and task.id not in state.done]
        if state.run is not None and (not left or left[0].id != state.run.task):
            # The controller took the end of that task before we could note it.
            if state.run.ends_recipe:
                await self._end(state.run.message)
                return False
            await self._record.done()
        if recipe.stop_on_fail and any(task.failed for task in recipe.tasks):
            await self._end("a task failed, and the recipe is to stop then")
            return False
        return await self._do(recipe, left[0]) if left else False

    async def _do(self, recipe: RecipeDocument, task: TaskDocument) -> bool:
        if self._record.state.run is None:
            # whoever said Running may have started it, and we know nothing of that
            lost = "it was running before, and the gateway knows nothing of it" if task.status == "Running" else ""
            await self._record.begins(task.id, lost=lost)
        self._current = TaskRun(self._around, recipe, task)
        await self._current.work()
        self._let_go()
        run = self._record.run
        if run.ends_recipe:
            await self._end(run.message)
        await self._record.done()
        return not run.ends_recipe

    def _take_up(self, recipe: RecipeDocument) -> None:
        """Have the task that a gateway before us worked on, for its last words."""
        tasks = [task for task in recipe.tasks if task.id == self._record.run.task]
        if tasks:
            try:
                self._current = TaskRun(self._around, recipe, tasks[0])
            except OSError as error:
                self._say(f"recipe {self.recipe}: last words are lost: {error}")

    async def _end(self, message: str) -> None:
        try:
            form = {"status": verdict.ABORTED, "message": message}
            await self._controller.post(f"/recipes/{self.recipe}/status", form)
        except Refused as refusal:
            self._say(f"recipe {self.recipe}: end refused: {refusal}")

    async def _put_down(self, why: str) -> None:
        self._say(f"recipe {self.recipe}: {why}")
        if self._current is None:
            return
        try:
            await self._current.put_down(why, back=not self._message)
        except Exception as error:  # noqa: BLE001 - it is over, whatever goes wrong now
            self._say(f"recipe {self.recipe}: {error!r}")

    async def _failed(self, error: BaseException) -> bool:
        """End what runs, and go on from the record; or give up what fails again and again."""
        if repr(error) != self._trouble:
            self._trouble = repr(error)
            self._say(f"recipe {self.recipe}: {error!r}")
        if self._current is not None:
            await self._put_down("the gateway has trouble of its own")
            self._let_go()
        if not isinstance(error, OSError) and self._puzzled(error):
            return True
        run = self._record.state.run
        if run is not None and run.phase == STARTING:
            await self._record.ends(verdict.aborted(f"the gateway had trouble of its own: {error}"))
        return False

    def _let_go(self) -> None:
        current, self._current = self._current, None
        if current is not None:
            current.close()

    async def _forget(self) -> None:
        while True:
            try:
                return await self._record.forget()
            except OSError as error:
                self._say(f"recipe {self.recipe}: {error}")
                await asyncio.sleep(self._again)
