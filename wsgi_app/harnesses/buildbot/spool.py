"""What a gateway must still know after it was killed: a directory for each recipe in hand, with one small file in it.

The file is replaced as a whole. When it is written, and what may follow then, is `record`'s matter.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field, fields, replace
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


@dataclass(frozen=True)
class Run:
    """How far we are with the one task that is being worked on."""

    task: int
    phase: str = WAITING
    home: str = ""  #: its directory on the worker
    detached: bool = False  #: its command survives a lost connection
    reported: bool = False  #: the task has reported results of its own
    collect: bool = False  #: the worker may still have logs of it
    status: str = ""  #: what will be told at the end: Completed or Aborted
    message: str = ""
    form: dict[str, str] = field(default_factory=dict)  #: the result that we report about its end, empty: none
    ends_recipe: bool = False  #: the tasks after it are not run


@dataclass(frozen=True)
class State:
    """A recipe in hand, and the task of it that is being worked on."""

    recipe: int
    key: str
    system: str
    taken: float  #: seconds since the epoch
    done: tuple[int, ...] = ()  #: tasks that we have told the end of
    run: Run | None = None


class Held:
    """The directory of one recipe in hand; `state` is what is known of it."""

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

    def save(self, state: State) -> None:
        """Put it on disk; when this returns it survives a power cut, and is the truth. Raises OSError: nothing is."""
        write_durably(self.directory / STATE, json.dumps(asdict(state), indent=1).encode())
        self.state = state

    def task(self, number: int) -> Path:
        """Return the directory of a task's files here, which is made. Raises OSError."""
        directory = self.directory / "tasks" / str(number)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return directory

    def clear(self, number: int) -> None:
        """Remove the files of a task whose end is told."""
        remove(self.directory / "tasks" / str(number))

    def forget(self) -> None:
        """Remove all of it. Raises OSError."""
        # first what makes it a recipe in hand: a directory without that is a leftover
        (self.directory / STATE).unlink(missing_ok=True)
        remove(self.directory)


class Spool:
    """All recipes in hand, below a directory that is ours alone."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory.absolute()
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
        except (FileNotFoundError, Unreadable):
            directory.mkdir(mode=0o700, exist_ok=True)
            held = Held(directory, State(recipe, key, system, time.time()))
        held.save(replace(held.state, key=key))
        return held

    def discard(self, recipe: int) -> None:
        """Have one that is unreadable in hand no more; its files stay until the next start. Raises OSError."""
        (self._directory / str(recipe) / STATE).unlink(missing_ok=True)


def _number(place: Path) -> bool:
    return place.parent.name.isascii() and place.parent.name.isdigit()


def _read(directory: Path) -> State:
    try:
        data = json.loads((directory / STATE).read_bytes())
        run = data.get("run")
        done = tuple(int(task) for task in data.get("done", ()))
        return _made(State, {**data, "done": done, "run": None if run is None else _made(Run, run)})
    except (ValueError, TypeError, AttributeError) as error:
        raise Unreadable(f"{directory / STATE}: {error}") from error


Made = TypeVar("Made", Run, State)


def _made(kind: type[Made], data: dict[str, Any]) -> Made:
    known = {one.name for one in fields(kind)}
    return kind(**{name: value for name, value in data.items() if name in known})
