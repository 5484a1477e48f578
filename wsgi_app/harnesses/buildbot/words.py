"""What we say of a task: to who reads its harness.log, and to who reads ours."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from wsgi_app.harnesses.buildbot.controller import Refused
from wsgi_app.harnesses.buildbot.logs import TaskLogs
from wsgi_app.harnesses.buildbot.stop import stop_at_conflict


class Words:
    """Words about one task, whose name `say` knows."""

    def __init__(self, logs: TaskLogs, say: Callable[[str], None]) -> None:
        self.say = say
        self._logs = logs

    def write(self, words: str) -> None:
        """Put it into the task's log alone."""
        with contextlib.suppress(OSError, KeyError):  # a full disk, or it is closed: there are more important things
            self._logs.say(words)

    def note(self, words: str) -> None:
        """Say it to both."""
        self.write(words)
        self.say(words)

    def given_up(self, path: str, refusal: Refused) -> None:
        """Say that the controller takes no more of a log; raises Stop when that is because it has ended all."""
        stop_at_conflict(refusal)
        self.note(f"{path} is given up: {refusal}")
