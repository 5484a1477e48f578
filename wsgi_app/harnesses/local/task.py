"""The process of a task: it outlives us, so that a harness that was killed and started again finds it.

The task runs below a small shell, in a session of its own. That shell waits for one word before it does anything: the
word is given when its process id is safely on disk, so there is no moment in which a task runs that nobody knows of.
It then runs the command and writes the exit status to a file. Output goes through a `cat` that appends to a file, and
not straight into it, because `> /dev/stderr`, common in scripts, would truncate a file; the `cat` belongs to the task
and not to us.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from wsgi_app.harnesses.local.state import Process

DRAIN = 2.0  #: seconds in which output may still come when the command has ended and something holds its output open
LINGER = 3.0  #: seconds before a process without exit status counts as lost: at a shutdown, our own end comes first
PATIENCE = 10.0  #: seconds between SIGTERM and SIGKILL

SHELL = """
read -r _tackroom_go || exit 125
_tackroom_exit=$1 _tackroom_log=$2
shift 2
{ (exec "$@"); echo $? >"$_tackroom_exit"; } </dev/null 2>&1 | {
    trap '' TERM HUP INT
    exec /bin/cat >>"$_tackroom_log"
}
"""


class Ended(NamedTuple):
    """How the process ended: `exit` is None when it left no exit status."""

    exit: int | None


class TaskProcess:
    """One started task; `output` and `exit` are its files, `argv` what it runs."""

    def __init__(self, process: Process, exit_file: Path, child: subprocess.Popen[bytes] | None = None) -> None:
        self.process = process
        self._exit_file = exit_file
        self._child = child
        self._since: float | None = None  # when we first saw that it is over

    @classmethod
    def start(cls, argv: list[str], cwd: str, env: dict[str, str], output: Path, exit_file: Path) -> TaskProcess:
        """Make the process; it waits for `go`. Raises OSError."""
        exit_file.unlink(missing_ok=True)
        child = subprocess.Popen(
            ["/bin/sh", "-c", SHELL, "tackroom-task", str(exit_file), str(output), *argv],
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        about = _stat(child.pid)
        return cls(Process(child.pid, about.start if about else 0, boot_id()), exit_file, child)

    def go(self) -> None:
        """Let the command run; call it when the process is recorded."""
        if self._child is not None and self._child.stdin is not None:
            try:
                self._child.stdin.write(b"go\n")
                self._child.stdin.close()
            except BrokenPipeError:
                return  # it is dead already: poll will say so

    def poll(self) -> Ended | None:
        """Return how the process ended, None while it runs."""
        alive = self.alive()
        status = self.exit_status()
        if alive and status is None:
            return None
        now = time.monotonic()
        if self._since is None:
            self._since = now
        if status is not None:
            return Ended(status) if not alive or now - self._since > DRAIN else None
        return Ended(None) if now - self._since > (LINGER if self._child is not None else 0) else None

    def alive(self) -> bool:
        """True while the very process that was started is there and no zombie."""
        if self._child is not None and self._child.poll() is not None:
            return False
        return alive(self.process)

    def exit_status(self) -> int | None:
        """The exit status that the shell wrote down, None when there is none (yet)."""
        try:
            text = self._exit_file.read_text()
        except FileNotFoundError:
            return None
        word = text.strip()
        return int(word) if text.endswith("\n") and word.isdigit() else None

    def kill(self, patience: float = PATIENCE, meanwhile: Callable[[], None] | None = None) -> None:
        """End every process of the task's session (see `kill_session`)."""
        kill_session(self.process, patience, meanwhile)
        if self._child is not None:
            self._child.poll()  # reaps it


class _Stat(NamedTuple):
    state: str
    session: int
    start: int


def _stat(pid: int) -> _Stat | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    words = text[text.rindex(")") + 2 :].split()  # the name before it may hold spaces and parentheses
    return _Stat(words[0], int(words[3]), int(words[19]))


def boot_id() -> str:
    """A word that changes with every boot."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def alive(process: Process) -> bool:
    """True when the process is there: same boot, same number, same start, no zombie."""
    about = _stat(process.pid)
    return about is not None and process.boot == boot_id() and about.start == process.start and about.state not in "ZX"


def members(process: Process) -> list[int]:
    """The living processes of the session that the process leads or led."""
    leader = _stat(process.pid)
    if process.boot != boot_id() or (leader is not None and leader.start != process.start):
        return []  # the number belongs to somebody else by now
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            about = _stat(int(entry.name))
            if about is not None and about.session == process.pid and about.state not in "ZX":
                found.append(int(entry.name))
    return found


def kill_session(process: Process, patience: float = PATIENCE, meanwhile: Callable[[], None] | None = None) -> None:
    """End every process of the session that the process leads: SIGTERM, and SIGKILL after `patience` seconds.

    `meanwhile` is called once in between.
    """
    deadline = time.monotonic() + patience
    _signal(process, signal.SIGTERM)
    if meanwhile is not None:
        meanwhile()
    while members(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    while members(process):
        _signal(process, signal.SIGKILL)
        time.sleep(0.02)


def _signal(process: Process, number: signal.Signals) -> None:
    for pid in members(process):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
