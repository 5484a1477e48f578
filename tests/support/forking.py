"""A command's own interpreter and program, imported once: each run is a fork of that, which starts in milliseconds.

Run as a script, this is the process that forks: `forking.py DESCRIPTOR MODULE FUNCTION`; it needs nothing but the
standard library, since it runs in the environment of any program.
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
from typing import Any

#: bytes of a command line with its environment
_MOST = 100_000


class Forking:
    """A program's `function` of `module` as its command runs it; each run has its own arguments and environment."""

    def __init__(self, interpreter: str, module: str, function: str) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            words = [interpreter, "-P", __file__, str(theirs.fileno()), module, function]
            self._process = subprocess.Popen(words, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        atexit.register(self._end)

    def run(
        self, words: Sequence[str], environ: Mapping[str, str], seconds: float
    ) -> "subprocess.CompletedProcess[str]":
        """Run it with these words, its own name first, to its end, with nothing on its standard input.

        Raises `TimeoutError` after so many seconds, when it has been killed.
        """
        request = json.dumps({"words": list(words), "environ": dict(environ), "directory": str(Path.cwd())}).encode()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, os.fdopen(os.memfd_create("out"), "rb") as out, os.fdopen(os.memfd_create("err"), "rb") as err:
            with theirs:
                given = [theirs.fileno(), out.fileno(), err.fileno()]
                socket.send_fds(self._socket, [request], given)
            pid = int(ours.recv(100))
            ours.settimeout(seconds)
            try:
                status = int(ours.recv(100))
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise
            said = [os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode() for file in (out, err)]
        return subprocess.CompletedProcess(list(words), status, *said)

    def _end(self) -> None:
        self._socket.close()
        self._process.wait(20)


@cache
def forking(interpreter: str, module: str, function: str) -> Forking:
    """Return the one that this process has for a program."""
    return Forking(interpreter, module, function)


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
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])), found)
