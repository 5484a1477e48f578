"""One recipe in hand: its tasks in order, each until its end is told, until the recipe is over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from wsgi_app.harnesses.buildbot import verdict
from wsgi_app.harnesses.buildbot.controller import Controller, Refused
from wsgi_app.harnesses.buildbot.spool import ENDED, Held, Run, Unreadable
from wsgi_app.harnesses.buildbot.stop import Stop, read
from wsgi_app.harnesses.buildbot.taskrun import Surroundings, TaskRun
from wsgi_app.harnesses.buildbot.transport import Worker
from wsgi_app.harnesses.document import RecipeDocument, TaskDocument

ASK_EVERY = 2.5  #: seconds between two looks whether the recipe's set starts
AGAIN = 5.0  #: seconds before we go on after trouble of ours, such as a full disk
MOST_FAILURES = 3  #: what goes wrong again and again for no reason that we know is given up
MAX_OUTPUT = 1024**3  #: bytes of a task's output


class RecipeRun:
    """Works on the recipe that is held until it is over; `controller` is spoken to with the recipe's key.

    `worker_of` waits until the recipe's worker is connected, and returns it; `detach` says whether tasks on it shall
    survive a lost connection.
    """

    def __init__(
        self,
        controller: Controller,
        held: Held,
        worker_of: Callable[[], Awaitable[Worker]],
        say: Callable[[str], None],
        *,
        max_output: int = MAX_OUTPUT,
        detach: Callable[[], bool] = lambda: False,
    ) -> None:
        self.recipe = held.recipe
        self.system = held.system
        self.key = held.key
        self._controller = controller.keyed(held.key)
        self._held = held
        self._say = say
        self._around = Surroundings(self._controller, held, worker_of, say, self._stop, max_output, detach)
        self._why = ""
        self._inner: asyncio.Task[None] | None = None
        self._current: TaskRun | None = None
        self._failures = 0

    def stop(self, status: str, reason: str) -> None:
        """Hear from the controller that the recipe has ended: what runs is killed. May be said again and again."""
        run = self._held.state.run
        if run is not None and run.phase == ENDED:
            return  # nothing runs; that its end is told may be just what ended the recipe
        self._stop(f"the controller has ended it: {status}" + (f" ({reason})" if reason else ""))

    async def work(self) -> None:
        """Work on the recipe until it is over, and forget it.

        Whoever cancels this leaves it to a later gateway to go on: what runs then is reported as aborted.
        """
        try:
            while not await self._through():
                await asyncio.sleep(AGAIN)
        finally:
            self._let_go()
        await self._forget()

    def _stop(self, why: str) -> None:
        if not self._why:
            self._why = why
            if self._inner is not None:
                self._inner.cancel()

    async def _through(self) -> bool:
        """Work on it; False when something of ours went wrong, and it is to be gone on with."""
        self._inner = asyncio.create_task(self._tasks())
        if self._why:
            self._inner.cancel()
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
        while await self._next():
            pass

    async def _next(self) -> bool:
        """Do one task; False when none is left."""
        state = self._held.state
        recipe = await read(self._controller, self.recipe)
        while recipe.early:
            await asyncio.sleep(ASK_EVERY)
            recipe = await read(self._controller, self.recipe)
        if recipe.finished:
            if state.run is not None and state.run.phase != ENDED:
                self._current = self._taken_up(recipe, state.run)
                raise Stop(f"the controller has ended recipe {recipe.id}: {recipe.status}")
            return False
        left = [task for task in recipe.tasks if not task.finished and task.id not in state.done]
        if state.run is not None and (not left or left[0].id != state.run.task):
            # The controller took the end of that task before we could note it.
            if state.run.ends_recipe:
                await self._end(state.run.message)
                return False
            state.run = None
        if recipe.stop_on_fail and any(task.failed for task in recipe.tasks):
            await self._end("a task failed, and the recipe is to stop then")
            return False
        return await self._do(recipe, left[0]) if left else False

    async def _do(self, recipe: RecipeDocument, task: TaskDocument) -> bool:
        state = self._held.state
        if state.run is None:
            state.run = Run(task.id)
            if task.status == "Running":
                # whoever said so may have started it, and we know nothing of that
                state.run.phase, state.run.status = ENDED, verdict.ABORTED
                state.run.message = "it was running before, and the gateway knows nothing of it"
            await self._around.save()
        run = state.run
        self._current = TaskRun(self._around, recipe, task, run)
        await self._current.work()
        self._current.close()
        self._current = None
        if run.ends_recipe:
            await self._end(run.message)
        state.done.append(task.id)
        state.run = None
        await self._around.save()
        return not run.ends_recipe

    def _taken_up(self, recipe: RecipeDocument, run: Run) -> TaskRun | None:
        """The task that a gateway before us worked on, for its last words."""
        tasks = [task for task in recipe.tasks if task.id == run.task]
        return TaskRun(self._around, recipe, tasks[0], run) if tasks else None

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
            await self._current.put_down(why)
        except Exception as error:  # noqa: BLE001 - it is over, whatever goes wrong now
            self._say(f"recipe {self.recipe}: {error!r}")

    async def _failed(self, error: BaseException) -> bool:
        """Go back to what is on disk, or give up what fails again and again."""
        self._say(f"recipe {self.recipe}: {error!r}")
        await self._put_down("the gateway had trouble of its own, and kills what runs")
        self._let_go()
        if not isinstance(error, OSError):
            self._failures += 1
            if self._failures > MOST_FAILURES:
                await self._end(f"the gateway failed: {error!r}")
                return True
        try:
            await asyncio.to_thread(self._held.load)
        except (OSError, Unreadable) as trouble:
            self._say(f"recipe {self.recipe}: {trouble}")
            await self._end(f"the gateway has lost its record of it: {trouble}")
            return True
        return False

    def _let_go(self) -> None:
        if self._current is not None:
            self._current.close()
            self._current = None

    async def _forget(self) -> None:
        while True:
            try:
                return await asyncio.to_thread(self._held.forget)
            except OSError as error:
                self._say(f"recipe {self.recipe}: {error}")
                await asyncio.sleep(AGAIN)
