"""One task on a worker, from its first status to its last.

What is done when, and what is on disk before (`record`), can be read here; how is said where the parts are: `start`,
`watch`, `ending`, at a `place`. A command dies with the connection that started it, unless it is detached. So one that
may have been started is never started again: a gateway that finds it so aborts its task, or goes on with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wsgi_app.harnesses.buildbot import verdict
from wsgi_app.harnesses.buildbot.beside import Beside
from wsgi_app.harnesses.buildbot.controller import Refused
from wsgi_app.harnesses.buildbot.ending import Ending
from wsgi_app.harnesses.buildbot.logs import TaskLogs, TooMuch
from wsgi_app.harnesses.buildbot.place import Place
from wsgi_app.harnesses.buildbot.reports import Reports
from wsgi_app.harnesses.buildbot.spool import STARTING, WAITING
from wsgi_app.harnesses.buildbot.start import CANNOT, Start
from wsgi_app.harnesses.buildbot.stop import Stop
from wsgi_app.harnesses.buildbot.surroundings import Surroundings
from wsgi_app.harnesses.buildbot.transport import Lost, Running, WorkerError
from wsgi_app.harnesses.buildbot.verdict import Limits
from wsgi_app.harnesses.buildbot.watch import Unwanted, Watch
from wsgi_app.harnesses.buildbot.watchdog import Watchdog
from wsgi_app.harnesses.buildbot.words import Words
from wsgi_app.harnesses.document import RecipeDocument, TaskDocument

MOST_ATTEMPTS = 20  #: a worker that is lost whenever a task is prepared on it gets no more
AGAIN = 1.0  #: seconds after a loss before we look for the worker: its connection may be on its way out


class TaskRun:
    """Works on the task that the record has in hand. Raises OSError when its files cannot be made."""

    def __init__(self, around: Surroundings, recipe: RecipeDocument, task: TaskDocument) -> None:
        url = f"/recipes/{recipe.id}/tasks/{task.id}"
        home = around.held.task(task.id)
        self._around = around
        self._record = around.record
        self._status = f"{url}/status"
        self._logs = TaskLogs(around.controller, url, home)
        self._words = Words(
            self._logs, lambda words: around.say(f"recipe {recipe.id} task {task.id} {task.name}: {words}")
        )
        self._beside = Beside(around.stop, self._words.say)
        self._watchdog = Watchdog(around.controller, recipe.id, self._words.note)
        reports = Reports(
            around.controller,
            recipe.id,
            task.id,
            home,
            limit=around.max_output,
            note=self._words.note,
            count=self._record.reports,
            abort=self._abort,
        )
        self._place = Place(around.worker_of, reports, self._beside, self._words.note)
        self._start = Start(around, recipe, task, self._place, self._logs, home, self._words)
        self._ending = Ending(around, self._place, reports, self._logs, self._words)
        self._unwanted = asyncio.Event()  # the task wants its recipe to end
        self._watch: Watch | None = None

    async def work(self) -> None:
        """Go on with the task from wherever it is until its end is told; raises Stop, OSError."""
        if self._record.run.phase == STARTING:
            await self._go_on()
        attempts = 0
        while self._record.run.phase == WAITING:
            attempts += 1
            try:
                await self._attempt(attempts)
            except Lost:
                self._words.note("the worker was lost before the task was started")
                await self._watchdog.expect_worker()
                await asyncio.sleep(AGAIN)
        await self._ending.tell()

    async def put_down(self, why: str, *, back: bool = True) -> None:
        """Kill the task because nobody wants more of it; upload what it has left, as far as that is taken.

        What is there goes up at once, before the task has had time to end: its logs may close soon. `back`: a worker
        that is away may come back, which is waited for a little where there is something to kill.
        """
        self._beside.cancel()
        self._words.note(why)
        words = asyncio.create_task(self._ending.last_words())
        if back and self._watch is None and self._record.run.phase == STARTING:
            await self._find()
        if self._watch is not None and (back or self._place.there):
            await self._watch.kill(why)
        if self._place.side is not None:
            await self._place.side.close(last=False)
        await words
        await self._ending.last_words()
        await self._place.clear(self._record.run.home)

    def close(self) -> None:
        """Let go of everything here; nothing is told to anybody."""
        self._beside.cancel()
        self._logs.close()

    # -- WAITING

    async def _attempt(self, number: int) -> None:
        """Start the task and see its command end; raises Lost when it was not started, Stop, OSError."""
        worker = await self._place.reach()
        try:
            await self._around.controller.post(self._status, {"status": "Running"})
        except Refused as refusal:
            raise Stop(f"task {self._record.run.task} may not run: {refusal}") from refusal
        self._words.say("Running")
        async with self._watched():
            if number > MOST_ATTEMPTS:
                await self._record.ends(verdict.aborted(f"its worker was lost {number - 1} times"))
                return
            try:
                ready = await self._start.prepare(worker)
            except CANNOT as error:
                await self._record.ends(verdict.aborted(f"cannot start: {error}"))
                return
            await self._record.starts(ready.home, detached=self._around.detach())
            try:
                running = await self._start.start(ready)
            except WorkerError as error:
                await self._record.ends(verdict.aborted(f"cannot start: {error}"))
            except Lost:
                await self._lost()
            else:
                await self._see_through(running, ready.limits)

    # -- STARTING

    async def _go_on(self) -> None:
        """Go on with a task whose command a gateway before us has started, or was about to."""
        run = self._record.run
        if run.ends_recipe:
            await self._find()
            if self._watch is not None:
                await self._watch.kill(run.message)
        elif run.detached:
            await self._place.reach()
            self._words.note("the gateway was restarted and goes on with the task")
            await self._watchdog.rearm()
            running = await self._started()
            async with self._watched():
                await self._see_through(running, self._start.limits())
            return
        await self._record.ends(verdict.aborted("the gateway was restarted while it ran"))
        await self._watchdog.expect_worker()

    async def _started(self) -> Running:
        """Return the detached command that a gateway before us has started, for the worker that is here."""
        worker, home = await self._place.reach(), self._record.run.home
        self._place.look(worker, home)
        # what was lost here in a power cut is had from the controller: the rest belongs behind it
        await self._logs.push(self._words.given_up)
        return self._start.started(worker, home)

    async def _find(self) -> None:
        """Find the detached command that a gateway before us has started, to kill it."""
        if not self._record.run.detached:
            return
        worker = await self._place.reach_soon()
        if worker is None:
            self._words.note("the worker has not come back: what runs there is left to itself")
        else:
            running = self._start.started(worker, self._record.run.home)
            self._watch = Watch(running, self._place, self._words.note)

    async def _see_through(self, running: Running, limits: Limits) -> None:
        """Watch the command until its end, and judge that."""
        self._watch = Watch(running, self._place, self._words.note)
        self._place.hear()
        pusher = self._beside.start(self._logs.push_on(self._words.given_up))
        try:
            ended = await self._watch.ended(self._unwanted, lambda: self._record.run.message)
        except Lost:
            await self._lost()
            return
        except Unwanted:
            found = verdict.aborted(self._record.run.message)
        except TooMuch:
            found = verdict.too_much(self._around.max_output)
        except (OSError, WorkerError) as error:
            found = verdict.aborted(f"its output could not be kept: {error}")
        else:
            found = verdict.judge(ended, limits)
        finally:
            pusher.cancel()
        await self._record.ends(found, collect=True)

    async def _lost(self) -> None:
        await self._record.ends(verdict.aborted("the worker was lost while it ran"))
        await self._watchdog.expect_worker()

    async def _abort(self, message: str) -> None:
        """Hear that the task wants its recipe to end."""
        await self._record.aborts(message)
        self._unwanted.set()

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """Speak for the recipe meanwhile."""
        keeper = self._beside.start(self._watchdog.keep(lambda: self._place.worker))
        try:
            yield
        finally:
            keeper.cancel()
