"""The recipes in hand: taken, gone on with after a restart, and given up when nobody will bring their workers back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial

from wsgi_app.harnesses.address import segment
from wsgi_app.harnesses.buildbot.controller import Controller, Refused, Unreachable
from wsgi_app.harnesses.buildbot.fleet import Fleet
from wsgi_app.harnesses.buildbot.recipe import AGAIN, RecipeRun
from wsgi_app.harnesses.buildbot.spool import Held, Spool, Unreadable
from wsgi_app.harnesses.buildbot.stop import Stop, read

LOOK_SECONDS = 10.0  #: between two looks at the recipes of absent workers: no roll call tells of those
ASKED_SECONDS = 10.0  #: until a question is given up that comes again
PUT_DOWN_SECONDS = 20.0  #: that the task of a worker which was removed has to end there
REMOVED = "its worker was removed"

_log = logging.getLogger(__name__)


class InHand:
    """The recipes in hand, of which the fleet knows, too; the last three are as a RecipeRun has them."""

    def __init__(
        self,
        controller: Controller,
        spool: Spool,
        fleet: Fleet,
        say: Callable[[str], None],
        *,
        public: str,
        max_output: int,
        again: float = AGAIN,
    ) -> None:
        self._controller = controller
        self._spool = spool
        self._fleet = fleet
        self._say = say
        self._public = public
        self._max_output = max_output
        self._again = again
        self._runs: dict[int, asyncio.Task[None]] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        return len(self._runs)

    def resume(self) -> None:
        """Go on with what a gateway before us had in hand."""
        for recipe in self._spool.recipes():
            self._resume(recipe)

    async def begin(self, recipe: int, key: str, system: str) -> None:
        """Take a recipe in hand, unless it is, or its system has another: an older order may say it again."""
        if recipe in self._runs or self._fleet.busy(system):
            return
        try:
            held = await asyncio.to_thread(self._spool.begin, recipe, key, system)
        except OSError as error:
            self._say(f"recipe {recipe} cannot be taken: {error}")
            await asyncio.sleep(self._again)
            return
        if recipe not in self._runs:
            self._work(held)

    async def dismiss(self, name: str) -> None:
        """End the connection of a worker that the controller does not know, or has elsewhere.

        When there is no such worker any more, its recipe is ended before.
        """
        found = self._fleet.dismiss(name)
        if found is None:
            return
        worker, run = found
        self._say(f"worker {name}: the controller does not know it, or has it elsewhere")
        if run is not None and await self._removed(name):
            run.give_up(REMOVED)
            if (work := self._runs.get(run.recipe)) is not None:
                await asyncio.wait((work,), timeout=PUT_DOWN_SECONDS)
        worker.drop()

    async def look_after_absent(self) -> None:
        """Look now and then whether what absent workers have in hand has ended, or they will not come back."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for run in self._fleet.absent():
                try:
                    recipe = await read(self._controller.keyed(run.key), run.recipe)
                except Stop as stop:
                    self._fleet.stop(run.recipe, "it is gone", str(stop))
                    continue
                if recipe.finished:
                    self._fleet.stop(run.recipe, recipe.status, "its worker is away")
                elif await self._removed(run.system):
                    run.give_up(REMOVED)

    async def idle(self) -> None:
        """Wait until nothing is in hand."""
        await self._idle.wait()

    async def close(self) -> None:
        """Leave all of it to a later gateway."""
        works = tuple(self._runs.values())
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)

    def _resume(self, recipe: int) -> None:
        if recipe in self._runs:
            return
        try:
            self._work(self._spool.open(recipe))
        except FileNotFoundError:
            return
        except Unreadable as error:
            # if it still counts, the roll call brings it again, with another key
            self._say(f"recipe {recipe}: what is known of it makes no sense: {error}")
            with contextlib.suppress(OSError):
                self._spool.discard(recipe)
        except OSError as error:
            self._say(f"recipe {recipe}: what is known of it cannot be read: {error}")
            asyncio.get_running_loop().call_later(self._again, self._resume, recipe)

    def _work(self, held: Held) -> None:
        run = RecipeRun(
            self._controller,
            held,
            partial(self._fleet.worker, held.system),
            partial(_say_of, held.recipe),
            public=self._public,
            max_output=self._max_output,
            detach=lambda: self._fleet.detach.get(held.system, False),
            again=self._again,
        )
        self._fleet.begins(run)
        self._idle.clear()
        work = asyncio.create_task(run.work(), name=f"recipe {held.recipe}")
        self._runs[held.recipe] = work
        work.add_done_callback(partial(self._done, run))

    def _done(self, run: RecipeRun, work: asyncio.Task[None]) -> None:
        del self._runs[run.recipe]
        self._fleet.ends(run)
        if not self._runs:
            self._idle.set()
        if not work.cancelled() and work.exception() is not None:
            _log.error("recipe %d", run.recipe, exc_info=work.exception(), extra={"recipe": run.recipe})

    async def _removed(self, name: str) -> bool:
        """Whether the controller says that there is no worker of this name."""
        try:
            await self._controller.call("GET", f"/workers/{segment(name)}", seconds=ASKED_SECONDS)
        except Refused as refusal:
            return refusal.status == 404
        except Unreachable:
            pass
        return False


def _say_of(recipe: int, words: str) -> None:
    _log.info("%s", words, extra={"recipe": recipe})
