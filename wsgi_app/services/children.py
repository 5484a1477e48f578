"""The processes that `tackroom serve` looks after: started, restarted when they die, ended together."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from attrs import define, field, frozen

#: prctl(2)
_PR_SET_PDEATHSIG = 1
#: a child that lived this long may be restarted at once
STEADY_SECONDS = 10.0
LONGEST_PAUSE = 8.0


@frozen
class Account:
    """Whom children run as."""

    uid: int
    gid: int


@frozen
class Program:
    """A process to keep running."""

    name: str
    command: Sequence[str]
    #: which signal ends it cleanly
    stop_signal: signal.Signals = signal.SIGTERM


@define
class _Child:
    program: Program
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    pause: float = 0.0
    not_before: float = field(default=0.0)


class Children:
    """A handful of programs; `say` gets one sentence for whatever happens to them."""

    def __init__(
        self,
        programs: Sequence[Program],
        environ: Mapping[str, str],
        directory: Path,
        account: Account | None,
        say: Callable[[str], None],
    ) -> None:
        self._children = [_Child(program) for program in programs]
        self._environ = dict(environ)
        self._directory = directory
        self._account = account
        self._say = say
        self._libc = ctypes.CDLL(None, use_errno=True)

    def look(self) -> None:
        """Start what does not run, and say so when it ran before. Call it again and again."""
        for child in self._children:
            status = None if child.process is None else child.process.poll()
            if child.process is not None and status is None:
                continue
            if child.process is not None:
                self._bury(child, child.process, status)
            if time.monotonic() >= child.not_before:
                self._try(child)

    def pid(self, name: str) -> int | None:
        """Return the process of the program of this name, None while it does not run."""
        process = self._process(name)
        return None if process is None else process.pid

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal to the program of this name, if it runs."""
        if process := self._process(name):
            process.send_signal(number)

    def stop(self, seconds: float) -> bool:
        """End all, kill what is left after so many seconds; True when nothing had to be killed."""
        for child in self._children:
            if child.process is not None and child.process.poll() is None:
                child.process.send_signal(child.program.stop_signal)
        deadline = time.monotonic() + seconds
        clean = True
        for child in self._children:
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                clean = False
            # also what a child left behind
            _kill_group(child.process.pid)
            child.process.wait()
        return clean

    def _process(self, name: str) -> "subprocess.Popen[bytes] | None":
        for child in self._children:
            if child.program.name == name and child.process is not None and child.process.poll() is None:
                return child.process
        return None

    def _try(self, child: _Child) -> None:
        """Start a child; where the system has no process or descriptor left, the next look tries again."""
        try:
            self._start(child)
        except OSError as error:
            if not child.started:
                raise
            child.pause = min(LONGEST_PAUSE, max(0.25, child.pause * 2))
            child.not_before = time.monotonic() + child.pause
            self._say(f"{child.program.name} cannot be started: {error.strerror} (trying again)")

    def _start(self, child: _Child) -> None:
        account = self._account
        child.process = subprocess.Popen(
            child.program.command,
            stdin=subprocess.DEVNULL,
            env=self._environ,
            # ours may be out of the service user's reach
            cwd=self._directory,
            start_new_session=True,
            umask=0o027,
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            extra_groups=None if account is None else [],
            preexec_fn=self._die_with_parent,
        )
        child.started = time.monotonic()

    def _die_with_parent(self) -> None:
        # after a kill -9 of ours, nobody must go on holding the port and the data
        self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    def _bury(self, child: _Child, process: "subprocess.Popen[bytes]", status: int | None) -> None:
        # its own children may hold the port or the socket still
        _kill_group(process.pid)
        lived = time.monotonic() - child.started
        child.pause = 0.0 if lived > STEADY_SECONDS else min(LONGEST_PAUSE, max(0.25, child.pause * 2))
        child.not_before = time.monotonic() + child.pause
        child.process = None
        self._say(f"{child.program.name} (pid {process.pid}) ended with {_ending(status)}: it is started again")


def _ending(status: int | None) -> str:
    if status is not None and status < 0:
        return f"signal {signal.Signals(-status).name}"
    return f"status {status}"


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
