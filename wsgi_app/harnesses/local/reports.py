"""Results and logs that a task reports, on their way to the controller.

Each result has an Idempotency-Key of its own. So it may be sent again whenever its answer was lost, with us or on the
way: the controller answers the same again (within a day), and stores it once.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from wsgi_app.harnesses.address import log_name
from wsgi_app.harnesses.local.controller import Controller, Refused
from wsgi_app.harnesses.local.lease import Lease, stop_at_conflict
from wsgi_app.harnesses.local.logs import NotALog, Uploaded, log_path, upload_file
from wsgi_app.harnesses.request import DONE, FAILED, WRONG_USE, Reply

MOST_LOGS = 1000  #: files in the directory for logs that become logs
OURS = ("taskout.log", "harness.log")  #: nothing that a task brings replaces them


class Reports:
    """The reports of the task at URL path `url`.

    `note` writes words into the task's log, `count` hears of each delivered result, `between` is called between the
    parts of a long upload.
    """

    def __init__(
        self,
        controller: Controller,
        lease: Lease,
        url: str,
        *,
        show: TextIO | None,
        note: Callable[[str], None],
        count: Callable[[], None],
        between: Callable[[], None],
    ) -> None:
        self._controller = controller
        self._lease = lease
        self._url = url
        self._show = show
        self._note = note
        self._count = count
        self._between = between
        self._uploaded: dict[str, Uploaded] = {}  # logs that are not declared yet, by URL path

    def do(self, name: str, request: dict[str, Any]) -> Reply:
        """Do one request, however often it was begun before; `name` is its own. Raises Stop."""
        try:
            form = request.get("form")
            logs = [(_utf8(log["name"]), Path(log["file"])) for log in request["logs"]]
            if form is not None:
                form = {str(key): _utf8(value) for key, value in form.items()}
        except (KeyError, TypeError, AttributeError) as error:
            return Reply(WRONG_USE, f"not a request: {error!r}")
        owner = self._url
        if form is not None:
            try:
                owner = self.deliver(form, name)
            except Refused as refusal:
                self._note(f"result {form} refused: {refusal}")
                return Reply(FAILED, str(refusal))
            self._count()
            self._note(f"result {form.get('result')} {form.get('path', '')}")
        problems = [problem for log, file in logs if (problem := self._upload(owner, log, file))]
        if form is not None:
            # the logs of a result come with it; those of the task may come again until it ends
            self.declare(f"{owner}/logs/")
        return Reply(FAILED if problems else DONE, "; ".join(problems))

    def collect(self, directory: Path) -> None:
        """Make every regular file in the task's directory for logs a log of the task; raises Stop."""
        names = sorted(gathered(directory))
        if len(names) > MOST_LOGS:
            self._note(f"of {len(names)} logs, {MOST_LOGS} are taken")
        for name in names[:MOST_LOGS]:
            self._upload(self._url, _utf8(name), directory / name)

    def declare(self, below: str = "") -> None:
        """Say of the logs that went up, those below a URL path, what they are: the controller checks and seals them."""
        for path in [path for path in self._uploaded if path.startswith(below)]:
            try:
                self._controller.declare(path, *self._uploaded.pop(path))
            except Refused as refusal:
                # nothing is lost: it was taken, and is read when the task has ended
                self._note(f"log {path} was not declared: {refusal}")

    def deliver(self, form: dict[str, str], name: str) -> str:
        """POST a result and return its URL path, which its logs are below; raises Refused, Stop."""
        path = f"{self._url}/results/"
        key = {"Idempotency-Key": f"{self._url.rpartition('/')[2]}-{name}"}
        try:
            answer = self._controller.post(path, form, key)
        except Refused as refusal:
            stop_at_conflict(refusal)
            raise
        return self._controller.below(path, answer.location)

    def _upload(self, owner: str, name: str, file: Path) -> str:
        """Upload a file as a log; return what was wrong with it."""
        try:
            path = self._place(owner, name)
            self._uploaded[path] = upload_file(self._controller, path, file, self._show, self._between)
        except (Refused, NotALog) as error:
            if isinstance(error, Refused) and error.status == 409:
                self._lease.look()  # the task's choice of a name may be to blame: ask before giving all up
            self._note(f"log {name} refused: {error}")
            return f"log {name}: {error}"
        self._note(f"log {name}: {self._uploaded[path].size} bytes")
        return ""

    def _place(self, owner: str, name: str) -> str:
        """The URL path of a log that a task brings; raises NotALog."""
        try:
            name = log_name(name)
        except ValueError as error:
            raise NotALog(str(error)) from error
        if owner == self._url and name in OURS:
            raise NotALog("that one is written by the harness")
        return log_path(owner, name)


def gathered(directory: Path) -> Iterator[str]:
    """The names of the regular files in a directory and below, links not followed, relative to it."""
    for place, _, names in os.walk(directory):
        for name in names:
            file = Path(place, name)
            with suppress(OSError):  # something that the task left behind may still work there
                if stat.S_ISREG(file.lstat().st_mode):
                    yield str(file.relative_to(directory))


def _utf8(value: Any) -> str:
    """Text that can be sent: what was no UTF-8 in a command line or a file name becomes question marks."""
    return str(value).encode("utf-8", "replace").decode()
