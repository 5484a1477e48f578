"""How a task's command comes to run on its worker: all that it needs is brought there, then it is started."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wsgi_app.harnesses.buildbot import prepare, verdict
from wsgi_app.harnesses.buildbot.detach import Detached
from wsgi_app.harnesses.buildbot.environment import NotSendable, call
from wsgi_app.harnesses.buildbot.logs import OUTPUT, TaskLogs, TaskSink
from wsgi_app.harnesses.buildbot.place import Place
from wsgi_app.harnesses.buildbot.surroundings import Surroundings
from wsgi_app.harnesses.buildbot.transport import SLOT, Lost, Running, Worker, WorkerError
from wsgi_app.harnesses.buildbot.verdict import Limits
from wsgi_app.harnesses.buildbot.words import Words
from wsgi_app.harnesses.document import RecipeDocument, TaskDocument
from wsgi_app.harnesses.fetch import CannotFetch

#: what `Start.prepare` raises for a task that cannot be run
CANNOT = (prepare.CannotStart, CannotFetch, NotSendable, WorkerError)


@dataclass(frozen=True)
class Ready:
    """A command that could be started now."""

    worker: Worker
    home: str  #: its directory there
    args: dict[str, Any]
    limits: Limits  #: that it has, as they were when this was made


class Start:
    """Starts one task at its place; `home` is our own directory of it."""

    def __init__(
        self,
        around: Surroundings,
        recipe: RecipeDocument,
        task: TaskDocument,
        place: Place,
        logs: TaskLogs,
        home: Path,
        words: Words,
    ) -> None:
        self._around = around
        self._recipe = recipe
        self._task = task
        self._place = place
        self._logs = logs
        self._home = home
        self._words = words

    async def prepare(self, worker: Worker) -> Ready:
        """Bring there what it needs; nothing of it runs when this returns. Raises Lost, OSError and each of CANNOT."""
        home = await prepare.make_home(worker, self._task.id, self._words.note)
        base = f"{self._around.controller.base.url}/recipes/{self._recipe.id}/"
        prepared = await prepare.bring(worker, self._task, home, self._home, base, self._words.note)
        what = call(self._around.public, self._recipe, self._task, home, prepared.argv)
        await prepare.check(worker, home, prepared, what.env.get("PATH", ""))
        await self._place.look(worker, home).install()
        limits = self.limits()
        args = prepare.arguments(worker, what.command, prepared.cwd, what.env, silent=limits.silent, whole=limits.whole)
        if worker.gone.is_set():
            raise Lost
        return Ready(worker, home, args, limits)

    async def start(self, ready: Ready) -> Running:
        """Start it. Raises WorkerError: it does not run; Lost: it may have run, and does not any more."""
        running: Running
        if self._around.record.run.detached:
            running = detached = self.started(ready.worker, ready.home)
            try:
                await detached.start(ready.args)
            except Lost:
                self._words.note("the worker was lost while the task was started")
        else:
            sink = TaskSink(self._logs, self._around.max_output)
            running = await ready.worker.start(SLOT, ready.args, sink)
        self._words.note(f"the worker runs {ready.args['command']}")
        return running

    def started(self, worker: Worker, home: str) -> Detached:
        """Return the detached command that was started in `home`, or is about to be. Raises OSError."""
        offset = (self._home / OUTPUT).stat().st_size
        sink = TaskSink(self._logs, self._around.max_output - offset)

        async def regain() -> Worker:
            return await self._place.regain(home)

        return Detached(worker, regain, home, sink, offset=offset, silent=self.limits().silent)

    def limits(self) -> Limits:
        """Return how long it may take from now on."""
        left = None
        if self._recipe.max_seconds:
            left = max(1, int(self._recipe.max_seconds - (time.time() - self._around.held.state.taken)))
        return verdict.limits(self._task.params, left)
