"""A command's own interpreter and program, imported once: each run is a fork of that, which starts in milliseconds.

Run as a script, this is the process that forks: `forking.py DESCRIPTOR MODULE FUNCTION OTHERS ROOM`; it needs nothing
but the standard library, since it runs in the environment of any program.
"""

import atexit
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

#: bytes of a command line with its environment
_MOST = 100_000


#: bytes that a process has for its own command line
_ROOM = 4096


class Forked:
    """A process that a `Forking` has started; what `subprocess.Popen` has of the same name."""

    def __init__(self, answers: socket.socket, words: Sequence[str]) -> None:
        self._answers = answers
        self._words = list(words)
        self.pid = int(answers.recv(100))
        self.returncode: int | None = None

    def __del__(self) -> None:
        # of one that was killed, and that nobody has waited for
        self._answers.close()

    def poll(self) -> int | None:
        """Return its exit status, None while it runs."""
        with suppress(TimeoutError, BlockingIOError):
            self._hear(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit status once it has ended. Raises `subprocess.TimeoutExpired` after so many seconds."""
        try:
            return self._hear(timeout)
        except (TimeoutError, BlockingIOError):
            raise subprocess.TimeoutExpired(self._words, timeout or 0) from None

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _hear(self, timeout: float | None) -> int:
        if self.returncode is None:
            self._answers.settimeout(timeout)
            self.returncode = int(self._answers.recv(100))
            self._answers.close()
        return self.returncode


class Forking:
    """A program's `function` of `module` as its command runs it; each run has its own arguments and environment.

    With `others`, modules that are imported too, what it starts with its own interpreter is a fork as well.
    """

    def __init__(self, interpreter: str, module: str, function: str, others: Sequence[str] = ()) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            words = [interpreter, "-P", __file__, str(theirs.fileno()), module, function, ",".join(others), " " * _ROOM]
            self._process = subprocess.Popen(words, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        atexit.register(self._end)

    def run(
        self, words: Sequence[str], environ: Mapping[str, str], seconds: float
    ) -> "subprocess.CompletedProcess[str]":
        """Run it with these words, its own name first, to its end, with nothing on its standard input.

        Raises `TimeoutError` after so many seconds, when it has been killed.
        """
        with os.fdopen(os.memfd_create("out"), "rb") as out, os.fdopen(os.memfd_create("err"), "rb") as err:
            process = self._fork(words, environ, out, err)
            try:
                status = process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                raise TimeoutError(words) from None
            said = [os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode() for file in (out, err)]
        return subprocess.CompletedProcess(list(words), status, *said)

    def start(self, words: Sequence[str], environ: Mapping[str, str], output: IO[Any]) -> Forked:
        """Start it with these words, in a session of its own; what it says goes to `output`."""
        return self._fork(words, environ, output, output, session=True)

    def _fork(
        self, words: Sequence[str], environ: Mapping[str, str], out: IO[Any], err: IO[Any], *, session: bool = False
    ) -> Forked:
        request = {"words": list(words), "environ": dict(environ), "directory": str(Path.cwd()), "session": session}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            given = [theirs.fileno(), out.fileno(), err.fileno()]
            socket.send_fds(self._socket, [json.dumps(request).encode()], given)
        return Forked(ours, words)

    def _end(self) -> None:
        self._socket.close()
        self._process.wait(20)


@cache
def forking(interpreter: str, module: str, function: str, others: Sequence[str] = ()) -> Forking:
    """Return the one that this process has for a program."""
    return Forking(interpreter, module, function, others)


def _serve(requests: socket.socket, function: Callable[[], Any]) -> None:
    """Answer requests until nobody can make any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        request, descriptors, _, _ = socket.recv_fds(requests, _MOST, 3)
        if not request:
            return
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            requests.close()
            _answer(json.loads(request), descriptors, function)
            os._exit(0)
        for descriptor in descriptors:
            os.close(descriptor)


def _answer(request: Mapping[str, Any], descriptors: Sequence[int], function: Callable[[], Any]) -> None:
    """Say which process runs it, and then how that ended."""
    answers = socket.socket(fileno=descriptors[0])
    child = os.fork()
    if child == 0:
        answers.close()
        for number, descriptor in enumerate(descriptors[1:], 1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.environ.clear()
        os.environ.update(request["environ"])
        time.tzset()
        os.chdir(request["directory"])
        if request["session"]:
            os.setsid()
        sys.argv[:] = request["words"]
        # the interpreter's own way to the exit, with all that it flushes and tells
        sys.exit(function())
    answers.send(str(child).encode())
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    # who waited too long has gone
    with suppress(OSError):
        answers.send(str(status).encode())


if __name__ == "__main__":
    found = getattr(importlib.import_module(sys.argv[2]), sys.argv[3])
    if sys.argv[4]:
        for name in sys.argv[4].split(","):
            importlib.import_module(name)
        # behind all else: what is there has no name of a module of anybody's
        sys.path.append(str(Path(__file__).parent))
        importlib.import_module("offspring").stand_in(sys.argv[2].rpartition(".")[0], found)
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])), found)
