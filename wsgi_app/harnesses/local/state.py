"""What the harness must still know after it was killed: one small file, replaced as a whole."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from wsgi_app.harnesses.durable import write_durably

PREPARING = "preparing"  #: the task's process does not exist yet (or again)
STARTED = "started"  #: its process exists; what became of it is for the process table and the exit file to say
ENDED = "ended"  #: how it ended is known; what is left is to tell the controller


class Locked(Exception):
    """Another harness uses the state directory."""


@dataclass
class Process:
    """Which process runs the task: a number is only sure together with its start time and the boot."""

    pid: int
    start: int  #: clock ticks after the boot, field 22 of /proc/PID/stat
    boot: str


@dataclass
class Run:
    """How far we are with the one task that is being worked on."""

    task: int
    phase: str = PREPARING
    argv: list[str] = field(default_factory=list)  #: empty until the task is prepared (fetched, written out)
    cwd: str = ""
    process: Process | None = None
    starts: int = 0
    reboots: int = 0
    results: int = 0  #: how many results the task itself has delivered
    status: str = ""  #: what will be told at the end: Completed or Aborted
    message: str = ""
    exit: int | None = None
    exit_reported: bool = False  #: its exit status was reported
    ends_recipe: bool = False  #: the operator ended it: the tasks after it are not run


@dataclass
class State:
    """Which recipe we hold, and the task of it that is being worked on."""

    url: str = ""
    system: str = ""
    recipe: int = 0  #: 0: none
    key: str = ""
    done: list[int] = field(default_factory=list)  #: tasks that we have told the end of
    run: Run | None = None


class Store:
    """The state directory: `state` is the truth, `save` makes it durable. Raises Locked when it is in use."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory = directory.resolve()
        self._lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise Locked(f"another harness uses {self.directory}") from error
        self.state = self._load()

    def save(self) -> None:
        """Put the state on disk; when this returns it survives a power cut."""
        write_durably(self.directory / "state.json", json.dumps(asdict(self.state), indent=1).encode())

    def close(self) -> None:
        """Let another harness have the directory."""
        os.close(self._lock)

    def recipe_directory(self) -> Path:
        """Where the files of the recipe that we hold are."""
        return self.directory / "recipes" / str(self.state.recipe)

    def _load(self) -> State:
        try:
            data = json.loads((self.directory / "state.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return State()
        run = data.get("run")
        if run is not None:
            process = run.get("process")
            run = _made(Run, {**run, "process": process and _made(Process, process)})
        return _made(State, {**data, "run": run})


Made = TypeVar("Made", Process, Run, State)


def _made(kind: type[Made], data: dict[str, Any]) -> Made:
    known = {one.name for one in fields(kind)}
    return kind(**{name: value for name, value in data.items() if name in known})
