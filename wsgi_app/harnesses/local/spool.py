"""The spool of a task: works off what the task's commands leave there, also after we were killed in the middle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wsgi_app.harnesses.durable import write_durably
from wsgi_app.harnesses.local.rendezvous import Rendezvous
from wsgi_app.harnesses.local.reports import Reports
from wsgi_app.harnesses.removal import remove
from wsgi_app.harnesses.request import ANSWER, DONE, REQUEST, WRONG_USE, Reply, abandoned


class Spool:
    """The requests of one task, oldest first; one that waits keeps none of the others waiting.

    `abort` hears why the recipe is to be aborted.
    """

    def __init__(self, directory: Path, reports: Reports, rendezvous: Rendezvous, abort: Callable[[str], None]) -> None:
        self._directory = directory
        self._reports = reports
        self._rendezvous = rendezvous
        self._abort = abort

    def work(self) -> None:
        """Work off every request that is there, as far as it can be."""
        for file in sorted(self._directory.glob(f"*{REQUEST}")):
            answer = file.with_suffix(ANSWER)
            if not answer.exists():
                reply = self._do(file)
                if reply is None:
                    continue
                write_durably(answer, json.dumps(reply).encode())
            file.unlink(missing_ok=True)

    def close(self) -> None:
        """Do nothing more: who still waits for an answer learns that the task is over."""
        self._rendezvous.close()
        remove(self._directory)

    def _do(self, file: Path) -> Reply | None:
        """Do one request; None when there is no answer yet, or nobody who wants it."""
        try:
            request = json.loads(file.read_bytes())
        except FileNotFoundError:
            return None  # who asked has given up
        except ValueError:
            return Reply(WRONG_USE, "the request is not JSON")
        verb = request.get("do") if isinstance(request, dict) else None
        if verb == "report":
            return self._reports.do(file.stem, request)
        if verb == "set":
            return self._rendezvous.set(request)
        if verb == "wait":
            return self._wait(file, request)
        if verb == "abort":
            self._abort(str(request.get("message")).encode("utf-8", "replace").decode())
            return Reply(DONE)
        return Reply(WRONG_USE, "not a request")

    def _wait(self, file: Path, request: dict[str, Any]) -> Reply | None:
        if not abandoned(file):
            return self._rendezvous.wait(file.stem, request)
        self._rendezvous.drop(file.stem)
        file.unlink(missing_ok=True)
        return None
