"""What all tasks of a recipe share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from wsgi_app.harnesses.buildbot.controller import Controller
from wsgi_app.harnesses.buildbot.record import Record
from wsgi_app.harnesses.buildbot.spool import Held
from wsgi_app.harnesses.buildbot.transport import Worker


@dataclass(frozen=True)
class Surroundings:
    """What all tasks of a recipe share."""

    controller: Controller  #: with the recipe's key
    public: str  #: the controller's URL for those who come from elsewhere, as tasks do
    held: Held
    record: Record
    worker_of: Callable[[], Awaitable[Worker]]  #: waits until the recipe's worker is connected
    say: Callable[[str], None]
    stop: Callable[[str], None]  #: end it all, for this reason
    max_output: int  #: bytes
    detach: Callable[[], bool]  #: whether a command is to survive a lost connection
