"""Results on their way to the controller, each once as far as can be known."""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from wsgi_app.harnesses.local.controller import Answer, Controller, Refused


class Delivered(NamedTuple):
    """A result that the controller has."""

    id: int  #: 0 when its address does not end in a number
    path: str  #: its URL path; its logs are below


class Results:
    """Delivers the results of one task. We are the only one who does, one after the other."""

    def __init__(self, controller: Controller, recipe: int, task: int) -> None:
        self._controller = controller
        self._recipe = recipe
        self._task = task
        self._path = f"/recipes/{recipe}/tasks/{task}/results/"

    def deliver(self, form: dict[str, str], name: str, last: int, doubtful: bool) -> Delivered:
        """POST a result and return where it is; raises Refused.

        `name` is the same whenever this result is sent, and no other's. `last` is the id of the result before it,
        `doubtful` says that it may have been sent before we were killed: then the controller is asked first.
        """

        def arrived() -> Answer | None:
            return self._arrived(form, last)

        answer = arrived() if doubtful else None
        if answer is None:
            answer = self._controller.post(self._path, form, {"Idempotency-Key": name}, arrived)
        path = self._controller.below(self._path, answer.location)
        number = path.rsplit("/", 1)[-1]
        return Delivered(int(number) if number.isdigit() else 0, path)

    def _arrived(self, form: dict[str, str], last: int) -> Answer | None:
        """Look for the result behind `last` among those that the controller has."""
        path = f"/recipes/{self._recipe}/results"
        query = f"?after={last}"
        while query:
            try:
                page = json.loads(self._controller.get(path + query).body)
                for found in page["results"]:
                    if self._same(found, form) and int(found["id"]) > last:
                        return Answer(201, str(found["id"]), 0, b"")
                following = urlsplit(page.get("next") or "").query
            except (Refused, ValueError, KeyError, TypeError):
                return None  # a controller that does not tell: it may get the result twice
            query = f"?{following}" if following else ""
        return None

    def _same(self, found: dict[str, Any], form: dict[str, str]) -> bool:
        return (
            found.get("task") == self._task
            and found.get("source") == "harness"
            and (found.get("path") or "/") == (form.get("path") or "/")
            and str(found.get("result")).lower() == form["result"].lower()
            and (found.get("message") or "") == form.get("message", "")
        )
