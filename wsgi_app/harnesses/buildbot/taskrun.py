"""One task on a worker from its first status to its last: prepared, started, watched, ended.

Every step is on disk before what follows from it is done, so a gateway that was killed at any moment goes on from the
same record. A command dies with the connection that started it, so one that may have been started is never started
again: its task is aborted.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from wsgi_app.harnesses.buildbot import prepare, verdict
from wsgi_app.harnesses.buildbot.controller import Controller, Refused
from wsgi_app.harnesses.buildbot.detach import Detached
from wsgi_app.harnesses.buildbot.environment import Call, NotSendable, call
from wsgi_app.harnesses.buildbot.logs import OUTPUT, TaskLogs, TaskSink, TooMuch
from wsgi_app.harnesses.buildbot.reports import Reports
from wsgi_app.harnesses.buildbot.side import Side
from wsgi_app.harnesses.buildbot.spool import ENDED, STARTING, WAITING, Held, Run
from wsgi_app.harnesses.buildbot.stop import Stop, stop_at_conflict
from wsgi_app.harnesses.buildbot.transport import SLOT, Lost, Running, Worker, WorkerError
from wsgi_app.harnesses.buildbot.verdict import Verdict
from wsgi_app.harnesses.document import RecipeDocument, TaskDocument
from wsgi_app.harnesses.fetch import CannotFetch

UPLOAD_EVERY = 1.0  #: seconds
REARM_EVERY = 300.0  #: seconds between two words to the recipe's watchdog
REARM_SECONDS = 1800
LOST_SECONDS = 300  #: the watchdog's time for a worker that is gone to come back
SILENT = 180.0  #: seconds without a word from a worker after which nothing is said in its favour
MOST_ATTEMPTS = 20  #: a worker that is lost whenever a task is prepared on it gets no more
BACK = 20.0  #: seconds that a worker has to come back for the logs it still has of a task that has ended
KILLED = 15.0  #: seconds that a command has to end when it was interrupted
LAST_WORDS = 60.0  #: seconds for bringing its last words to the controller; the logs of an aborted one close then
CLEAR_UP = 60.0  #: seconds for taking a task's directory away


@dataclass
class Surroundings:
    """What all tasks of a recipe share."""

    controller: Controller  #: with the recipe's key
    held: Held
    worker_of: Callable[[], Awaitable[Worker]]  #: waits until the recipe's worker is connected
    say: Callable[[str], None]
    stop: Callable[[str], None]  #: end it all, for this reason
    max_output: int  #: bytes
    detach: Callable[[], bool]  #: whether a command is to survive a lost connection

    async def save(self) -> None:
        """Put the record on disk; raises OSError."""
        await asyncio.to_thread(self.held.save, self.held.body())


class TaskRun:
    """Works on one task; `run` is its durable record."""

    def __init__(self, around: Surroundings, recipe: RecipeDocument, task: TaskDocument, run: Run) -> None:
        self._around = around
        self._recipe = recipe
        self._task = task
        self._run = run
        self._url = f"/recipes/{recipe.id}/tasks/{task.id}"
        self._home = around.held.task(task.id)
        self._logs = TaskLogs(around.controller, self._url, self._home)
        self._reports = Reports(
            around.controller,
            recipe.id,
            task.id,
            self._home,
            limit=around.max_output,
            note=self._note,
            count=self._count,
            abort=self._abort,
        )
        self._reported = 0
        self._aborting = asyncio.Event()  # the task wants its recipe to end
        self._worker: Worker | None = None
        self._running: Running | None = None
        self._side: Side | None = None
        self._pusher: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[None]] = set()

    async def work(self) -> None:
        """Go on with the task from wherever it is until its end is told; raises Stop, OSError."""
        run = self._run
        if run.phase == STARTING and run.detached and not run.ends_recipe:
            await self._resume()
        if run.phase == STARTING:
            why = run.message if run.ends_recipe else "the gateway was restarted while it ran"
            await self._end(verdict.aborted(why))
            await self._expect_worker()
        attempts = 0
        while run.phase == WAITING:
            attempts += 1
            try:
                await self._attempt(attempts)
            except Lost:
                self._note("the worker was lost before the task was started")
                await self._expect_worker()
                await asyncio.sleep(1)  # its connection may be on its way out
        await self._finish()

    def close(self) -> None:
        """Let go of everything here; nothing is told to anybody."""
        for task in self._background:
            task.cancel()
        self._logs.close()

    # -- before

    async def _attempt(self, number: int) -> None:
        """Start the task and see it through; raises Lost when it was not started, Stop, OSError."""
        worker = await self._around.worker_of()
        self._worker = worker
        try:
            await self._around.controller.post(f"{self._url}/status", {"status": "Running"})
        except Refused as refusal:
            raise Stop(f"task {self._task.id} may not run: {refusal}") from refusal
        self._say("Running")
        keeper = self._beside(self._keep())
        try:
            if number > MOST_ATTEMPTS:
                raise prepare.CannotStart(f"its worker was lost {number - 1} times")
            what, cwd = await self._prepare(worker)
        except (prepare.CannotStart, CannotFetch, NotSendable, WorkerError) as error:
            await self._end(verdict.aborted(f"cannot start: {error}"))
        else:
            await self._start(worker, what, cwd)
        finally:
            keeper.cancel()

    async def _prepare(self, worker: Worker) -> tuple[Call, str]:
        url = self._around.controller.base.url
        home = await prepare.make_home(worker, self._task.id)
        base = f"{url}/recipes/{self._recipe.id}/"
        prepared = await prepare.bring(worker, self._task, home, self._home, base, self._note)
        what = call(url, self._recipe, self._task, home, prepared.argv)
        await prepare.check(worker, home, prepared, what.env.get("PATH", ""))
        self._side = Side(worker, home, self._reports)
        await self._side.install()
        self._run.home = home
        return what, prepared.cwd

    async def _start(self, worker: Worker, what: Call, cwd: str) -> None:
        limits = self._limits()
        args = prepare.arguments(worker, what.command, cwd, what.env, silent=limits.silent, whole=limits.whole)
        if worker.gone.is_set():
            raise Lost
        self._run.phase, self._run.detached = STARTING, self._around.detach()
        await self._around.save()
        if self._run.detached:
            await self._start_detached(worker, args, limits)
            return
        sink = TaskSink(self._logs, self._around.max_output)
        try:
            self._running = await worker.start(SLOT, args, sink)
        except WorkerError as error:
            await self._end(verdict.aborted(f"cannot start: {error}"))
        except Lost:
            await self._lost()
        else:
            self._note(f"the worker runs {what.command}")
            await self._watch(self._running, limits)

    def _limits(self) -> verdict.Limits:
        left = None
        if self._recipe.max_seconds:
            left = max(1, int(self._recipe.max_seconds - (time.time() - self._around.held.state.taken)))
        return verdict.limits(self._task.params, left)

    # -- a command that survives lost connections

    async def _start_detached(self, worker: Worker, args: dict[str, Any], limits: verdict.Limits) -> None:
        running = self._detached(worker, limits)
        try:
            await running.start(args)
        except WorkerError as error:
            await self._end(verdict.aborted(f"cannot start: {error}"))
            return
        except Lost:
            self._note("the worker was lost while the task was started")
        self._running = running
        await self._watch(running, limits)

    async def _resume(self) -> None:
        """Go on with a command that a gateway before us has started."""
        self._worker = await self._around.worker_of()
        self._note("the gateway was restarted and goes on with the task")
        await self._watchdog(REARM_SECONDS)
        keeper = self._beside(self._keep())
        limits = self._limits()
        self._side = Side(self._worker, self._run.home, self._reports)
        self._running = self._detached(self._worker, limits)
        try:
            await self._watch(self._running, limits)
        finally:
            keeper.cancel()

    def _detached(self, worker: Worker, limits: verdict.Limits) -> Detached:
        offset = (self._home / OUTPUT).stat().st_size
        sink = TaskSink(self._logs, self._around.max_output - offset)
        return Detached(worker, self._back, self._run.home, sink, offset=offset, silent=limits.silent)

    async def _back(self) -> Worker:
        """Wait for the worker, whose connection was lost, and hear the task's commands again."""
        self._note("the worker was lost; the task goes on there")
        if self._side is not None:
            await self._side.close(last=False)
        self._worker = await self._around.worker_of()
        self._note("the worker is back")
        self._side = Side(self._worker, self._run.home, self._reports)
        self._beside(self._side.serve())
        return self._worker

    async def _find_again(self) -> None:
        """Find the command that a gateway before us has started, to end it."""
        try:
            async with asyncio.timeout(BACK):
                self._worker = await self._around.worker_of()
        except TimeoutError:
            self._note("the worker has not come back: what runs there is left to itself")
        else:
            self._running = self._detached(self._worker, self._limits())

    # -- meanwhile

    async def _watch(self, running: Running, limits: verdict.Limits) -> None:
        if self._side is not None:
            self._beside(self._side.serve())
        self._pusher = self._beside(self._push_on())
        ended = asyncio.create_task(running.ended())
        ended.add_done_callback(_looked_at)
        aborting = asyncio.create_task(self._aborting.wait())
        try:
            await asyncio.wait((ended, aborting), return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                self._run.ends_recipe = True
                await self._around.save()
                await self._kill(running, ended, self._run.message)
        finally:
            aborting.cancel()
            ended.cancel()  # no harm once it is done
        if self._aborting.is_set():
            await self._end(verdict.aborted(self._run.message), collect=True)
            return
        try:
            found = verdict.judge(ended.result(), self._reported, limits)
        except Lost:
            await self._lost()
        except TooMuch:
            await self._end(verdict.too_much(self._around.max_output), collect=True)
        except (OSError, WorkerError) as error:
            await self._end(verdict.aborted(f"its output could not be kept: {error}"), collect=True)
        else:
            await self._end(found, collect=True)

    async def _lost(self) -> None:
        await self._end(verdict.aborted("the worker was lost while it ran"))
        await self._expect_worker()

    async def _expect_worker(self) -> None:
        """Give the worker a while to come back: nobody else would notice that it does not."""
        await self._watchdog(LOST_SECONDS)

    async def _kill(self, running: Running, ended: asyncio.Task[Any], why: str) -> None:
        """Have the command killed; one that does not end goes with its worker's connection."""
        try:
            async with asyncio.timeout(KILLED):
                await running.interrupt(why)
                await asyncio.wait((ended,))
        except (WorkerError, Lost, TimeoutError) as error:
            self._note(f"the command does not end: {error}" if str(error) else "the command does not end")
            if self._worker is not None:
                self._worker.drop()
            await asyncio.wait((ended,), timeout=KILLED)

    async def _keep(self) -> None:
        """Speak for the recipe as long as its worker answers."""
        while True:
            await asyncio.sleep(REARM_EVERY)
            if self._worker is not None and time.monotonic() - self._worker.heard < SILENT:
                await self._watchdog(REARM_SECONDS)

    async def _watchdog(self, seconds: int) -> None:
        try:
            await self._around.controller.post(f"/recipes/{self._recipe.id}/watchdog", {"seconds": str(seconds)})
        except Refused as refusal:
            stop_at_conflict(refusal)
            self._note(f"watchdog refused: {refusal}")

    async def _push_on(self) -> None:
        while True:
            await asyncio.sleep(UPLOAD_EVERY)
            await self._push()

    def _beside(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something beside; that the controller has ended it all is heard there too."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._done_beside)
        return task

    def _done_beside(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Stop):
            self._around.stop(str(error))
        elif error is not None:
            self._say(f"went wrong beside it: {error!r}")

    def _abort(self, message: str) -> None:
        """Hear that the task wants its recipe to end."""
        if not self._aborting.is_set():
            self._run.message = message
            self._aborting.set()

    def _count(self) -> None:
        self._reported += 1

    # -- after

    async def _end(self, found: Verdict, *, collect: bool = False) -> None:
        run = self._run
        run.phase, run.status, run.message, run.collect = ENDED, found.status, found.message, collect
        run.form = {} if found.report is None else found.report.form()
        await self._around.save()

    async def _finish(self) -> None:
        """Tell the end: reports, logs, our own result, and then the status; raises Stop, OSError."""
        run = self._run
        if self._side is not None:
            await self._side.close()
        if self._aborting.is_set() and not run.ends_recipe:  # that was its last word
            run.ends_recipe = True
            await self._end(verdict.aborted(run.message), collect=run.collect)
        if self._reported and run.form.get("result") == "Pass":
            run.form = {}
            await self._around.save()
        if run.collect:
            await self._collect()
        await self._reports.declare()
        await self._tell_result()
        self._write(f"{run.status}: {run.message}")
        if self._pusher is not None:
            self._pusher.cancel()
        await self._push()
        form = {"status": run.status}
        if run.status == verdict.ABORTED:
            form["message"] = run.message
        try:
            await self._around.controller.post(f"{self._url}/status", form)
        except Refused as refusal:
            # 409 also answers a repetition of what was taken already, so it is no reason to stop here.
            self._say(f"{run.status} refused: {refusal}")
        self._say(f"{run.status}: {run.message}")
        await self._clear_up()

    async def _collect(self) -> None:
        side = self._side
        if side is None:  # a gateway before us saw it end
            try:
                async with asyncio.timeout(BACK):
                    self._worker = await self._around.worker_of()
            except TimeoutError:
                self._note("the worker has not come back: the logs that it still has are not collected")
                return
            side = Side(self._worker, self._run.home, self._reports)
        await side.collect()
        self._run.collect = False
        await self._around.save()

    async def _tell_result(self) -> None:
        form = self._run.form
        if not form:
            return
        try:
            await self._reports.deliver(form, form["path"])
        except Refused as refusal:
            stop_at_conflict(refusal)
            self._note(f"result refused: {refusal}")

    async def _clear_up(self) -> None:
        """Take the task's directory away; where that fails, the next task does it."""
        worker = self._worker
        if worker is None or not self._run.home or worker.gone.is_set():
            return
        with contextlib.suppress(prepare.CannotStart, WorkerError, Lost, TimeoutError):
            async with asyncio.timeout(CLEAR_UP):
                await prepare.clear(worker, self._run.home)

    async def put_down(self, why: str) -> None:
        """Kill the task because the controller wants no more of it; upload what it has left, as far as that is taken.

        What is there goes up at once, before the task has had time to end: its logs may close soon.
        """
        for task in self._background:
            task.cancel()
        self._note(why)
        words = asyncio.create_task(self._last_words())
        if self._running is None and self._run.detached and self._run.phase == STARTING:
            await self._find_again()
        if self._running is not None:
            ended = asyncio.create_task(self._swallowed(self._running))
            await self._kill(self._running, ended, why)
            ended.cancel()
        if self._side is not None:
            await self._side.close(last=False)
        await words
        await self._last_words()
        await self._clear_up()

    async def _swallowed(self, running: Running) -> None:
        with contextlib.suppress(Exception):
            await running.ended()

    async def _last_words(self) -> None:
        try:
            async with asyncio.timeout(LAST_WORDS):
                await self._logs.push(lambda path, refusal: self._say(f"{path}: {refusal}"))
        except (TimeoutError, OSError) as trouble:
            self._say(f"last words are lost: {trouble}")

    async def _push(self) -> None:
        await self._logs.push(self._given_up)

    def _given_up(self, path: str, refusal: Refused) -> None:
        stop_at_conflict(refusal)
        self._note(f"{path} is given up: {refusal}")

    def _note(self, words: str) -> None:
        self._write(words)
        self._say(words)

    def _write(self, words: str) -> None:
        with contextlib.suppress(OSError, KeyError):  # a full disk, or it is closed: there are more important things
            self._logs.say(words)

    def _say(self, words: str) -> None:
        self._around.say(f"recipe {self._recipe.id} task {self._task.id} {self._task.name}: {words}")


def _looked_at(task: asyncio.Task[Any]) -> None:
    """Let asyncio not complain of an outcome that does not matter any more."""
    if not task.cancelled():
        task.exception()
