"""What a gateway must still know after it was killed: a directory for each recipe in hand, with one small file in it.

The file is replaced as a whole, and is on disk before what follows from it is done. So whoever starts afterwards knows
of every command that may have been started, and starts none again.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from wsgi_app.harnesses.durable import write_durably
from wsgi_app.harnesses.removal import remove

WAITING = "waiting"  #: nothing of it was started
STARTING = "starting"  #: its command may have been started
ENDED = "ended"  #: how it ended is known; what is left is to tell the controller

STATE = "state.json"


class Unreadable(ValueError):
    """What the spool holds of a recipe makes no sense."""


@dataclass
class Run:
    """How far we are with the one task that is being worked on."""

    task: int
    phase: str = WAITING
    home: str = ""  #: its directory on the worker
    detached: bool = False  #: its command survives a lost connection
    collect: bool = False  #: the worker may still have logs of it
    status: str = ""  #: what will be told at the end: Completed or Aborted
    message: str = ""
    form: dict[str, str] = field(default_factory=dict)  #: the result that we report about its end, empty: none
    ends_recipe: bool = False  #: the tasks after it are not run


@dataclass
class State:
    """A recipe in hand, and the task of it that is being worked on."""

    recipe: int
    key: str
    system: str
    taken: float  #: seconds since the epoch
    done: list[int] = field(default_factory=list)  #: tasks that we have told the end of
    run: Run | None = None


class Held:
    """The directory of one recipe in hand: `state` is the truth, `save` makes it durable."""

    def __init__(self, directory: Path, state: State) -> None:
        self.directory = directory
        self.state = state

    @property
    def recipe(self) -> int:
        """The recipe's number."""
        return self.state.recipe

    @property
    def key(self) -> str:
        """The recipe's key at the controller."""
        return self.state.key

    @property
    def system(self) -> str:
        """Whom it was given to."""
        return self.state.system

    def body(self) -> bytes:
        """Return what is to be saved."""
        return json.dumps(asdict(self.state), indent=1).encode()

    def save(self, body: bytes) -> None:
        """Put it on disk; when this returns it survives a power cut. Raises OSError."""
        write_durably(self.directory / STATE, body)

    def load(self) -> None:
        """Read again what is on disk: what could not be saved has not been. Raises OSError, Unreadable."""
        self.state = _read(self.directory)

    def task(self, number: int) -> Path:
        """Return the directory of a task's files here, which is made. Raises OSError."""
        directory = self.directory / "tasks" / str(number)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return directory

    def forget(self) -> None:
        """Remove all of it. Raises OSError."""
        # first what makes it a recipe in hand: a directory without that is a leftover
        (self.directory / STATE).unlink(missing_ok=True)
        remove(self.directory)


class Spool:
    """All recipes in hand, below a directory that is ours alone."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory.resolve()
        for left in self._directory.iterdir():
            if not (left / STATE).exists():
                remove(left)

    def recipes(self) -> list[int]:
        """Return the recipes in hand."""
        return sorted(int(place.parent.name) for place in self._directory.glob(f"*/{STATE}") if _number(place))

    def open(self, recipe: int) -> Held:
        """Return a recipe in hand; raises Unreadable, OSError."""
        directory = self._directory / str(recipe)
        return Held(directory, _read(directory))

    def begin(self, recipe: int, key: str, system: str) -> Held:
        """Take a recipe in hand; it is on disk when this returns. One in hand gets the new key. Raises OSError."""
        directory = self._directory / str(recipe)
        try:
            held = self.open(recipe)
        except (OSError, Unreadable):
            directory.mkdir(mode=0o700, exist_ok=True)
            held = Held(directory, State(recipe, key, system, time.time()))
        held.state.key = key
        held.save(held.body())
        return held


def _number(place: Path) -> bool:
    return place.parent.name.isascii() and place.parent.name.isdigit()


def _read(directory: Path) -> State:
    try:
        data = json.loads((directory / STATE).read_bytes())
        run = data.get("run")
        return _made(State, {**data, "run": None if run is None else _made(Run, run)})
    except (ValueError, TypeError, AttributeError) as error:
        raise Unreadable(f"{directory / STATE}: {error}") from error


Made = TypeVar("Made", Run, State)


def _made(kind: type[Made], data: dict[str, Any]) -> Made:
    known = {one.name for one in fields(kind)}
    return kind(**{name: value for name, value in data.items() if name in known})
