"""Sync: what the processes of a task say to the other recipes of the set, and what they wait for.

Source: design.md section 6. A wait is a thread with a connection of its own, which asks again whenever the controller
has answered that it is not so far yet; so the harness's other work goes on. Whether a recipe that only waits may
outlive the others is for the controller to say, which knows all of them: we keep its watchdog quiet meanwhile.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

from wsgi_app.harnesses.local.controller import Controller, Refused, Unreachable
from wsgi_app.harnesses.meeting import LAST_CALL, ONE_CALL, SOON, NotARequest, answered, arrival, question, refused
from wsgi_app.harnesses.request import DONE, FAILED, WRONG_USE, Reply

LONGEST_DELAY = 10.0  #: seconds between two attempts: others wait for those who wait


class Rendezvous:
    """The sync calls of one recipe's task; `look` raises Stop when the recipe has ended."""

    def __init__(
        self, controller: Controller, recipe: int, look: Callable[[], None], note: Callable[[str], None]
    ) -> None:
        self._controller = controller
        self._recipe = recipe
        self._look = look
        self._note = note
        self._waits: dict[str, Wait] = {}

    def set(self, request: dict[str, Any]) -> Reply:
        """Say that the recipe has reached a state; raises Stop."""
        try:
            path, body = arrival(self._recipe, request)
        except NotARequest as error:
            return Reply(WRONG_USE, str(error))
        state = request["state"]
        try:
            self._controller.call("PUT", path, body=body, headers={"Content-Type": "application/json"})
        except Refused as refusal:
            if refusal.status == 409:
                self._look()
            self._note(f"sync {state} refused: {refusal}")
            return refused(refusal)
        self._note(f"sync {state}: said")
        return Reply(DONE)

    def wait(self, name: str, request: dict[str, Any]) -> Reply | None:
        """Begin the wait of that name, or see how far it is; None while it lasts."""
        if name not in self._waits:
            try:
                path, until = question(self._recipe, request)
            except NotARequest as error:
                return Reply(WRONG_USE, str(error))
            self._waits[name] = Wait(self._controller, path, until)
            self._note(f"sync {request['state']}: waits")
        reply = self._waits[name].reply
        if reply is not None:
            del self._waits[name]
            self._note(f"sync {request['state']}: {reply.problem or 'reached'}")
        return reply

    def drop(self, name: str) -> None:
        """End the wait of that name: nobody is interested any more."""
        wait = self._waits.pop(name, None)
        if wait is not None:
            wait.drop()

    def close(self) -> None:
        """End all waits."""
        for name in list(self._waits):
            self.drop(name)


class _Dropped(Exception):
    """Nobody waits any more."""


class Wait:
    """One wait for a state, up to the time `until` of the monotonic clock; `reply` is there when it is over."""

    def __init__(self, controller: Controller, path: str, until: float | None) -> None:
        self.reply: Reply | None = None
        self._dropped = threading.Event()
        self._controller = Controller(
            controller.base, controller.key, lambda words: None, pause=self._pause, longest=LONGEST_DELAY
        )
        self._path = path
        self._until = until
        threading.Thread(target=self._run, name="sync", daemon=True).start()

    def drop(self) -> None:
        """Ask no more; a call that is under way is left to itself."""
        self._dropped.set()

    def _run(self) -> None:
        try:
            self.reply = self._wait()
        except _Dropped:
            return
        finally:
            self._controller.close()

    def _wait(self) -> Reply:
        missing = "nothing is known of the others"
        while True:
            left = ONE_CALL if self._until is None else self._until - time.monotonic()
            timeout = max(0, min(ONE_CALL, math.ceil(left)))
            if self._until is not None:
                self._controller.hurry(max(left, 0) + LAST_CALL)
            began = time.monotonic()
            try:
                reply, missing = answered(self._controller.get(f"{self._path}&timeout={timeout}").body)
                if reply is not None:
                    return reply
            except Refused as refusal:
                return refused(refusal)
            except Unreachable as trouble:
                return Reply(FAILED, f"{missing} ({trouble})")
            if self._until is not None and time.monotonic() >= self._until:
                return Reply(FAILED, missing)
            if time.monotonic() - began < min(SOON, timeout):
                self._pause(SOON)
            elif self._dropped.is_set():
                raise _Dropped

    def _pause(self, seconds: float) -> None:
        if self._dropped.wait(seconds):
            raise _Dropped
