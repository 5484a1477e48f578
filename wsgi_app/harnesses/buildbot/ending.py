"""What is told of a task that has ended: results, logs, its last status; and what is cleared away then."""

from __future__ import annotations

import asyncio

from wsgi_app.harnesses.buildbot import verdict
from wsgi_app.harnesses.buildbot.controller import Refused
from wsgi_app.harnesses.buildbot.logs import TaskLogs
from wsgi_app.harnesses.buildbot.place import Place
from wsgi_app.harnesses.buildbot.reports import Reports
from wsgi_app.harnesses.buildbot.stop import stop_at_conflict
from wsgi_app.harnesses.buildbot.surroundings import Surroundings
from wsgi_app.harnesses.buildbot.words import Words

LAST_WORDS = 60.0  #: seconds for bringing its last words to the controller; the logs of an aborted one close then


class Ending:
    """The end of one task, as far as its record says what that is."""

    def __init__(self, around: Surroundings, place: Place, reports: Reports, logs: TaskLogs, words: Words) -> None:
        self._around = around
        self._record = around.record
        self._place = place
        self._reports = reports
        self._logs = logs
        self._words = words

    async def tell(self) -> None:
        """Tell it: reports, logs, our own result, and then the status. Raises Stop, OSError."""
        if self._place.side is not None:
            await self._place.side.close()  # what it says now still counts
        if self._record.run.collect:
            await self._collect()
        await self._reports.declare()
        await self._tell_result()
        run = self._record.run
        self._words.write(f"{run.status}: {run.message}")
        await self._logs.push(self._words.given_up)
        form = {"status": run.status}
        if run.status == verdict.ABORTED:
            form["message"] = run.message
        try:
            await self._around.controller.post(f"{self._reports.url}/status", form)
        except Refused as refusal:
            # 409 also answers a repetition of what was taken already, so it is no reason to stop here
            self._words.say(f"{run.status} refused: {refusal}")
        self._words.say(f"{run.status}: {run.message}")
        await self._place.clear(run.home)

    async def _collect(self) -> None:
        side = self._place.side
        if side is None:  # a gateway before us saw it end
            worker = await self._place.reach_soon()
            if worker is None:
                self._words.note("the worker has not come back: the logs that it still has are not collected")
                return
            side = self._place.look(worker, self._record.run.home)
            await side.close()  # what it asked at last may not have been heard
        await side.collect()
        await self._record.collected()

    async def _tell_result(self) -> None:
        form = self._record.run.form
        if not form:
            return
        try:
            await self._reports.deliver(form, form["path"])
        except Refused as refusal:
            stop_at_conflict(refusal)
            self._words.note(f"result refused: {refusal}")

    async def last_words(self) -> None:
        """Bring its logs to the controller, as far as that is taken and there is time."""
        try:
            async with asyncio.timeout(LAST_WORDS):
                await self._logs.push(lambda path, refusal: self._words.say(f"{path}: {refusal}"))
        except (TimeoutError, OSError) as trouble:
            self._words.say(f"last words are lost: {trouble}")
