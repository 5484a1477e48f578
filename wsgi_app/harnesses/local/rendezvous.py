"""Sync: what the processes of a task say to the other recipes of the set, and what they wait for.

Source: design.md section 6. A wait is a thread with a connection of its own, which asks again whenever the controller
has answered that it is not so far yet; so the harness's other work goes on. Whether a recipe that only waits may
outlive the others is for the controller to say, which knows all of them: we keep its watchdog quiet meanwhile.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from wsgi_app.harnesses.local.controller import Controller, Refused, Unreachable
from wsgi_app.harnesses.local.request import DEAD_PEER, DONE, FAILED, REFUSED, WRONG_USE, Reply

ONE_CALL = 30  #: seconds that one call may wait
SOON = 1.0  #: seconds: an answer that comes sooner than asked for is not to be pressed for the next
LONGEST_DELAY = 10.0  #: seconds between two attempts: others wait for those who wait
LAST_CALL = 10.0  #: seconds that the controller has for its answer when the time limit is over


class Rendezvous:
    """The sync calls of one recipe's task; `look` raises Stop when the recipe has ended."""

    def __init__(
        self, controller: Controller, recipe: int, look: Callable[[], None], note: Callable[[str], None]
    ) -> None:
        self._controller = controller
        self._path = f"/recipes/{recipe}/sync/"
        self._look = look
        self._note = note
        self._waits: dict[str, Wait] = {}

    def set(self, request: dict[str, Any]) -> Reply:
        """Say that the recipe has reached a state; raises Stop."""
        try:
            state, say = str(request["state"]), request["say"]
            body = b"" if say is None else str(say).encode()
            path = self._path + quote(state, safe="")
        except (KeyError, ValueError) as error:
            return Reply(WRONG_USE, f"not a request: {error!r}")
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
                state = str(request["state"])
                query = {name: "1" for name in ("any", "others") if request.get(name)}
                if request["role"] is not None:
                    query["role"] = str(request["role"])
                until = None if request["until"] is None else float(request["until"])
                path = f"{self._path}{quote(state, safe='')}?{urlencode(query)}"
            except (KeyError, ValueError, TypeError) as error:
                return Reply(WRONG_USE, f"not a request: {error!r}")
            self._waits[name] = Wait(self._controller, path, until)
            self._note(f"sync {state}: waits")
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
                answer = json.loads(self._controller.get(f"{self._path}&timeout={timeout}").body)
                if answer["reached"]:
                    return Reply(DONE, "", json.dumps(answer["said"]))
                missing = "not there: " + ", ".join(_name(recipe) for recipe in answer["waiting_for"])
            except Refused as refusal:
                return refused(refusal)
            except Unreachable as trouble:
                return Reply(FAILED, f"{missing} ({trouble})")
            except (ValueError, KeyError, TypeError) as error:
                return Reply(REFUSED, f"the controller's answer is none: {error!r}")
            if self._until is not None and time.monotonic() >= self._until:
                return Reply(FAILED, missing)
            if time.monotonic() - began < min(SOON, timeout):
                self._pause(SOON)
            elif self._dropped.is_set():
                raise _Dropped

    def _pause(self, seconds: float) -> None:
        if self._dropped.wait(seconds):
            raise _Dropped


def _name(recipe: dict[str, Any]) -> str:
    return f"recipe {recipe['recipe']} ({recipe['system']})"


def refused(refusal: Refused) -> Reply:
    """What a command says when the controller said no."""
    if refusal.code == "sync.dead-peer":
        return Reply(DEAD_PEER, refusal.message)
    return Reply(WRONG_USE if refusal.status in (400, 413) else REFUSED, str(refusal))
