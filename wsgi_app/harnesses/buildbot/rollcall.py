"""The roll call: the controller hears who is connected and what each has in hand, and says what should be different.

One call waits there for the whole fleet. As soon as something changes here a newer one is made beside it, and the older
is answered by that; whatever it is answered counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from wsgi_app.harnesses.buildbot.controller import Controller, Refused, Unreachable

WAIT = 30  #: seconds that the controller lets pass before it answers that all is well
AT_MOST = 0.1  #: seconds between two calls, however much happens
AGAIN = 1.0  #: seconds after a call that came to nothing, and more each time
LONGEST_AGAIN = 10.0
NEWEST = re.compile(r'"sequence": (\d+)')


class RollCalls:
    """Calls the roll for ever: `members` returns who is here, `obey` gets each answer.

    `renew` is called when the controller does not take our token. `say` hears of trouble, once, and of its end.
    """

    def __init__(
        self,
        controller: Controller,
        gateway: str,
        members: Callable[[], list[dict[str, Any]]],
        obey: Callable[[dict[str, Any]], Awaitable[None]],
        renew: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        self._controller = controller
        self._gateway = gateway
        self._members = members
        self._obey = obey
        self._renew = renew
        self._say = say
        # greater than any before a restart, unless the clock went back: then the controller says how far it was
        self._sequence = int(time.time() * 1000)
        self._changed = asyncio.Event()
        self._older: set[asyncio.Task[None]] = set()
        self._again = AGAIN
        self._trouble = ""
        self.answered = 0.0  #: when the controller last answered: time.monotonic()

    def changed(self) -> None:
        """Call anew: who is here, or what they do, is different from what was said."""
        self._changed.set()

    async def run(self) -> None:
        """Call until cancelled."""
        try:
            while True:
                self._changed.clear()
                call = asyncio.create_task(self._call())
                self._older.add(call)
                call.add_done_callback(self._older.discard)
                news = asyncio.create_task(self._changed.wait())
                try:
                    await asyncio.sleep(AT_MOST)
                    await asyncio.wait((call, news), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    news.cancel()
        finally:
            for task in tuple(self._older):
                task.cancel()
            await asyncio.gather(*self._older, return_exceptions=True)

    async def farewell(self, seconds: float) -> None:
        """Say that nobody is here any more, if the controller can be told in time."""
        with contextlib.suppress(Refused, Unreachable):
            await self._controller.post_json("/workers/roll-call?wait=0", self._words([]), seconds=seconds, once=True)

    def _words(self, members: list[dict[str, Any]]) -> dict[str, Any]:
        self._sequence += 1
        return {"gateway": self._gateway, "sequence": self._sequence, "workers": members}

    async def _call(self) -> None:
        words = self._words(self._members())
        path = f"/workers/roll-call?wait={WAIT}"
        try:
            answer = await self._controller.post_json(path, words, wait=WAIT, once=True)
        except Refused as refusal:
            newest = NEWEST.search(refusal.message)
            if refusal.code == "roll-call.stale" and newest:
                # one that a newer call has overtaken is stale too, and no reason for another
                if int(newest[1]) > self._sequence:
                    self._sequence = int(newest[1])
                return
            if refusal.status in (401, 403):
                self._renew()
            await self._wait(f"the controller does not take the roll call: {refusal}")
        except Unreachable as error:
            await self._wait(str(error))
        else:
            self._again = AGAIN
            self.answered = time.monotonic()
            if self._trouble:
                self._trouble = ""
                self._say("the controller answers the roll call")
            if isinstance(answer, dict):
                await self._obey(answer)

    async def _wait(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._say(trouble)
        again, self._again = self._again, min(self._again * 1.5, LONGEST_AGAIN)
        await asyncio.sleep(again)
