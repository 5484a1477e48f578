"""The steps of a recipe in hand. Each is on disk before what follows from it is done:

    begins     WAITING   which task is next
    starts     STARTING  its command may run from here on
    reports              it has reported results, so it needs none of ours
    aborts               it wants its recipe to end
    ends       ENDED     how it ended, which is told from here on
    collected            its logs are here
    done                 all of its end was told

A gateway that was killed goes on from the last of them, and may do again what follows from it: results have an
Idempotency-Key, logs go on where the controller has them, an end is taken once. Only a command cannot be started again,
so `starts` is the one step that is not taken unless it is on disk. The others are, when a disk is full, and are written
with the next one for which there is room: an end must be told all the same. What a later gateway does not know then it
finds STARTING, and aborts; the controller refuses that where it has heard of the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from wsgi_app.harnesses.buildbot.spool import ENDED, STARTING, Held, Run, State
from wsgi_app.harnesses.buildbot.verdict import ABORTED, Verdict, aborted


class Record:
    """Takes the steps of the recipe that is held, one at a time; `say` hears of those that could not be written."""

    def __init__(self, held: Held, say: Callable[[str], None]) -> None:
        self._held = held
        self._say = say
        self._one = asyncio.Lock()

    @property
    def state(self) -> State:
        """All that is known of the recipe."""
        return self._held.state

    @property
    def run(self) -> Run:
        """How far the task is that is being worked on; there must be one."""
        run = self._held.state.run
        if run is None:
            raise LookupError(f"recipe {self._held.recipe} has no task in hand")
        return run

    async def begins(self, task: int, *, lost: str = "") -> None:
        """A task is next; `lost`: why it is over already, nothing being known of it."""
        run = Run(task, ENDED, status=ABORTED, message=lost) if lost else Run(task)
        await self._step(lambda state: replace(state, run=run))

    async def starts(self, home: str, *, detached: bool) -> None:
        """Its command is about to be started in `home`. Raises OSError: then it must not be started."""
        await self._task(phase=STARTING, home=home, detached=detached, must=True)

    async def reports(self) -> None:
        """It has reported a result, which the controller has."""
        if not self.run.reported:
            await self._task(reported=True)

    async def aborts(self, message: str) -> None:
        """It wants its recipe to end; the first reason counts."""
        if not self.run.ends_recipe:
            await self._task(ends_recipe=True, message=message)

    async def ends(self, found: Verdict, *, collect: bool = False) -> None:
        """Its command is over, and nothing of it is to be started any more."""
        form = {} if found.report is None else found.report.form()
        if self.run.ends_recipe:
            found = aborted(self.run.message)
        await self._task(phase=ENDED, status=found.status, message=found.message, form=form, collect=collect)

    async def collected(self) -> None:
        """The worker has no logs of it that are not here."""
        await self._task(collect=False)

    async def done(self) -> None:
        """The controller knows its end; its files are of no more use, and may be what fills the disk."""
        task = self.run.task
        await self._step(lambda state: replace(state, done=(*state.done, task), run=None))
        await asyncio.to_thread(self._held.clear, task)

    async def forget(self) -> None:
        """The recipe is over: nothing is known of it any more. Raises OSError."""
        async with self._one:
            await asyncio.to_thread(self._held.forget)

    async def _task(self, *, must: bool = False, **changes: Any) -> None:
        await self._step(lambda state: replace(state, run=_changed(self.run, changes)), must=must)

    async def _step(self, change: Callable[[State], State], *, must: bool = False) -> None:
        async with self._one:
            state = change(self._held.state)
            if not must:
                self._held.state = state
            writing = asyncio.create_task(asyncio.to_thread(self._held.save, state))
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                await asyncio.wait((writing,))  # it is being written whoever waits, and nobody else may meanwhile
                if not writing.cancelled():
                    writing.exception()
                raise
            except OSError as error:
                if must:
                    raise
                self._say(f"recipe {state.recipe}: a step is not on disk: {error}")


def _changed(run: Run, changes: dict[str, Any]) -> Run:
    """Return how far a task is; what it says at the very end counts too."""
    run = replace(run, **changes)
    if run.phase == ENDED and run.ends_recipe:
        run = replace(run, status=ABORTED, form={})
    if run.phase == ENDED and run.reported and run.form.get("result") == "Pass":
        run = replace(run, form={})  # its own results say more than that it went well
    return run
