"""One record of a recipe's log."""

from enum import StrEnum
from typing import NamedTuple

from attrs import field, frozen

from wsgi_app.model import Task
from wsgi_app.signals import CaseSignal


class Level(StrEnum):
    """What sort of thing a record tells."""

    ERROR = "error"
    INFO = "info"
    #: a line of a console
    OUTPUT = "output"
    #: a line of a console that says what became of a test case, and nothing else
    RESULT = "result"


@frozen
class Phase:
    """A task begins, or has ended."""

    #: as it is by now
    task: Task = field(eq=False)
    #: which of its recipe's tasks it is, from 0
    place: int
    #: how long it may take, or took
    seconds: int
    ended: bool


@frozen
class CaseSaid:
    """What a line says of a test case, and of which task, by its place (from 0) and its name."""

    place: int
    task: str
    case: CaseSignal


class Record(NamedTuple):
    """One record; its time is in seconds since the epoch, and never less than the one before it."""

    number: int
    time: float
    level: Level
    #: None: it says what became of a test case. Of a phase: its task's name
    text: str | None
    said: CaseSaid | None = None
    phase: Phase | None = None

    @property
    def words(self) -> str:
        """What is looked through for a text."""
        if self.said is None:
            return self.text or ""
        case = self.said.case
        return " ".join((case.name, case.result, case.measurement, case.units))
