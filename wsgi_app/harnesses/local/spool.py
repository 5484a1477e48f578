"""The spool of a task: works off what `tackroom-report` leaves there, also after we were killed in the middle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from wsgi_app.harnesses.local.controller import Refused
from wsgi_app.harnesses.local.logs import NotALog
from wsgi_app.harnesses.local.report import ANSWER, REQUEST
from wsgi_app.harnesses.local.state import write_durably


class Desk(Protocol):
    """Whoever brings reports to the controller."""

    def last_result(self) -> int:
        """The id of the last result that was delivered, 0 when there was none."""

    def deliver(self, form: dict[str, str], name: str, last: int, doubtful: bool) -> str:
        """Deliver a result and return the URL path that its logs are below; raises Refused. See Results.deliver."""

    def upload(self, owner: str | None, name: str, file: Path) -> int:
        """Upload a file as a log of the result at `owner`, or of the task; raises Refused, NotALog."""


class Spool:
    """The requests of one task, oldest first."""

    def __init__(self, directory: Path, desk: Desk, write: Callable[[str], None]) -> None:
        self._directory = directory
        self._desk = desk
        self._write = write

    def work(self) -> None:
        """Work off every request that is there."""
        for file in sorted(self._directory.glob(f"*{REQUEST}")):
            answer = file.with_suffix(ANSWER)
            if not answer.exists():
                problem = self._do(file)
                write_durably(answer, json.dumps({"problem": problem}).encode())
            file.with_suffix(".sent").unlink(missing_ok=True)
            file.unlink(missing_ok=True)

    def _do(self, file: Path) -> str:
        """Do one request; return what was refused."""
        try:
            request = json.loads(file.read_bytes())
            form = request.get("form")
            logs = [(str(log["name"]), Path(log["file"])) for log in request["logs"]]
            if form is not None:
                form = {str(key): str(value) for key, value in form.items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return f"not a request: {error!r}"
        problems: list[str] = []
        owner = None
        if form is not None:
            try:
                owner = self._deliver(file, form)
            except Refused as refusal:
                self._write(f"result {form} refused: {refusal}")
                return str(refusal)
        for name, log in logs:
            try:
                size = self._desk.upload(owner, name, log)
                self._write(f"log {name}: {size} bytes")
            except (Refused, NotALog) as error:
                self._write(f"log {name} refused: {error}")
                problems.append(f"log {name}: {error}")
        return "; ".join(problems)

    def _deliver(self, file: Path, form: dict[str, str]) -> str:
        """Deliver the result of a request, unless it was: its `.sent` file says how far it is."""
        sent = file.with_suffix(".sent")
        known = _read(sent)
        if known.get("path"):
            return str(known["path"])
        last = int(known.get("last", self._desk.last_result()))
        if not known:
            write_durably(sent, json.dumps({"last": last}).encode())
        path = self._desk.deliver(form, file.stem, last, doubtful=bool(known))
        write_durably(sent, json.dumps({"path": path}).encode())
        return path


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
