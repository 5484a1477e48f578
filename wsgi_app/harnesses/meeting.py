"""Sync as every harness does it: what a request of `tackroom-sync` asks the controller, and what its answers mean.

Source: design.md section 6. Whether a recipe that only waits may outlive the others is for the controller to say, which
knows all of them.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from wsgi_app.harnesses.line import Refused
from wsgi_app.harnesses.request import DEAD_PEER, DONE, REFUSED, WRONG_USE, Reply

ONE_CALL = 30  #: seconds that one call may wait
SOON = 1.0  #: seconds: an answer that comes sooner than asked for is not to be pressed for the next
LAST_CALL = 10.0  #: seconds that the controller has for its answer when the time limit is over


class NotARequest(Exception):
    """A process of the task wrote a request that says nothing."""


class Arrival(NamedTuple):
    """What is PUT for `set`."""

    path: str
    body: bytes  #: JSON, or nothing


class Question(NamedTuple):
    """What is asked again and again for `wait`."""

    path: str  #: with a query, to which `&timeout=` is added
    until: float | None  #: of the monotonic clock


def arrival(recipe: int, request: dict[str, Any]) -> Arrival:
    """Return what a request with `"do": "set"` asks for; raises NotARequest."""
    try:
        say = request["say"]
        return Arrival(_path(recipe, request["state"]), b"" if say is None else str(say).encode())
    except (KeyError, ValueError) as error:
        raise NotARequest(f"not a request: {error!r}") from error


def question(recipe: int, request: dict[str, Any]) -> Question:
    """Return what a request with `"do": "wait"` asks for; raises NotARequest."""
    try:
        query = {name: "1" for name in ("any", "others") if request.get(name)}
        if request["role"] is not None:
            query["role"] = str(request["role"])
        until = None if request["until"] is None else float(request["until"])
        return Question(f"{_path(recipe, request['state'])}?{urlencode(query)}", until)
    except (KeyError, ValueError, TypeError) as error:
        raise NotARequest(f"not a request: {error!r}") from error


def answered(body: bytes) -> tuple[Reply | None, str]:
    """Return the reply when the state is reached, and else who is missing, in words."""
    try:
        answer = json.loads(body)
        if answer["reached"]:
            return Reply(DONE, "", json.dumps(answer["said"])), ""
        names = (f"recipe {recipe['recipe']} ({recipe['system']})" for recipe in answer["waiting_for"])
        return None, "not there: " + ", ".join(names)
    except (ValueError, KeyError, TypeError) as error:
        return Reply(REFUSED, f"the controller's answer is none: {error!r}"), ""


def refused(refusal: Refused) -> Reply:
    """What a command says when the controller said no."""
    if refusal.code == "sync.dead-peer":
        return Reply(DEAD_PEER, refusal.message)
    return Reply(WRONG_USE if refusal.status in (400, 413) else REFUSED, str(refusal))


def _path(recipe: int, state: Any) -> str:
    return f"/recipes/{recipe}/sync/{quote(str(state), safe='')}"
