"""One recipe: its tasks in order, each until its end is told, until the recipe is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from wsgi_app.harnesses.document import RecipeDocument, TaskDocument
from wsgi_app.harnesses.local.controller import Controller, Refused
from wsgi_app.harnesses.local.lease import ASK_EVERY, Stop, read
from wsgi_app.harnesses.local.run import Surroundings, TaskRun
from wsgi_app.harnesses.local.state import ENDED, Run, Store
from wsgi_app.harnesses.local.task import kill_session
from wsgi_app.harnesses.removal import remove

INTERRUPTED = "interrupted by the operator"


class Recipe:
    """The recipe that the store's state names. The controller's document says which tasks are left to do."""

    def __init__(
        self, controller: Controller, store: Store, say: Callable[[str], None], show: TextIO | None = None
    ) -> None:
        self._controller = controller
        self._store = store
        self._say = say
        self._id = store.state.recipe
        self._around = Surroundings(controller, store, say, show)
        self._last: RecipeDocument | None = None
        self._current: TaskRun | None = None

    def work(self) -> bool:
        """Run what is left of the recipe. True when it was worked through, False when the controller ended it.

        On KeyboardInterrupt the running task is killed, it and the rest of the recipe are reported as aborted, and
        KeyboardInterrupt is raised again.
        """
        try:
            while self._next():
                pass
        except Stop as stop:
            self.abandon(str(stop))
            return False
        except KeyboardInterrupt:
            self._interrupt()
            raise
        self._forget()
        return True

    def _next(self) -> bool:
        """Do one task; False when none is left."""
        state = self._store.state
        recipe = self._read()
        while recipe.early:
            time.sleep(ASK_EVERY)
            recipe = self._read()
        if recipe.finished:
            if state.run is not None and state.run.phase != ENDED:
                raise Stop(f"the controller has ended recipe {recipe.id}: {recipe.status}")
            return False
        if recipe.stop_on_fail and any(task.failed for task in recipe.tasks):
            self._end("a task failed, and the recipe is to stop then")
            return False
        left = [task for task in recipe.tasks if not task.finished and task.id not in state.done]
        if not left:
            return False
        return self._do(recipe, left[0])

    def _do(self, recipe: RecipeDocument, task: TaskDocument) -> bool:
        state = self._store.state
        if state.run is not None and state.run.task != task.id:
            # The controller took the end of that task before we could note it.
            self._kill_leftover()
            if state.run.ends_recipe:
                self._end(state.run.message)
                return False
            state.run = None
        if state.run is None:
            state.run = Run(task.id)
            self._store.save()
        run = state.run
        self._current = TaskRun(self._around, recipe, task, run)
        self._current.work()
        self._current = None
        state.done.append(task.id)
        if run.ends_recipe:
            self._end(run.message)
        state.run = None
        self._store.save()
        return not run.ends_recipe

    def _read(self) -> RecipeDocument:
        self._last = read(self._controller, self._id)
        return self._last

    def _end(self, message: str) -> None:
        try:
            self._controller.post(f"/recipes/{self._id}/status", {"status": "Aborted", "message": message})
        except Refused as refusal:
            self._say(f"recipe {self._id}: end refused: {refusal}")

    def _interrupt(self) -> None:
        """Tell the controller that the operator ended the recipe; a second KeyboardInterrupt leaves that for later."""
        if self._current is None:
            self._kill_leftover()
        else:
            self._current.interrupt(INTERRUPTED)
            try:
                self._current.finish()
            except Stop as stop:
                self._say(f"recipe {self._id}: {stop}")
        self._end(INTERRUPTED)  # this also aborts what could not be told task by task
        self._forget()

    def abandon(self, why: str) -> None:
        """Kill what runs and forget the recipe: the controller wants no more of it. It gets what the task last said."""
        self._say(f"recipe {self._id}: {why}")
        left = self._current or self._left_behind()
        if left is None:
            self._kill_leftover()
        else:
            left.put_down(why)
        self._forget()

    def _left_behind(self) -> TaskRun | None:
        """The task that a harness before us worked on, None when there was none or nothing is known of it any more."""
        run = self._store.state.run
        try:
            recipe = self._last or self._read()
        except Stop:
            return None
        tasks = [task for task in recipe.tasks if run is not None and task.id == run.task]
        return TaskRun(self._around, recipe, tasks[0], run) if run is not None and tasks else None

    def _kill_leftover(self) -> None:
        """Kill the process that a harness before us started, if it lives."""
        run = self._store.state.run
        if run is not None and run.process is not None:
            kill_session(run.process)

    def _forget(self) -> None:
        directory = self._store.recipe_directory()
        state = self._store.state
        state.recipe, state.key, state.run, state.done = 0, "", None, []
        self._store.save()
        remove(directory)
