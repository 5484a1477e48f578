"""Processes that a process starts with its own interpreter, as forks of itself: all is imported there already.

What lies between fork and program is done here: descriptors, signals, rights, the command line that others see, the
way to the exit. Standard library only, like `forking`, which uses it.
"""

import atexit
import ctypes
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Never

#: prctl(2)
_PR_SET_DUMPABLE = 4

#: what `subprocess` gives to fork_exec(), in this order. Source: Modules/_posixsubprocess.c
_GIVEN = (
    *("words", "executables", "close_fds", "kept", "directory", "environ", "p2cread", "p2cwrite", "c2pread"),
    *("c2pwrite", "errread", "errwrite", "trouble_read", "trouble", "restore_signals", "session", "group"),
    *("gid", "gids", "uid", "umask", "before", "vfork"),
)

_fork_exec: Callable[..., int] = vars(subprocess)["_fork_exec"]


def stand_in(package: str, function: Callable[[], object]) -> None:
    """From now on, what this process starts as `python -P -m MODULE ...` is a fork of it; it must have one thread.

    `function` is what `python -m package` runs.
    """

    def fork_exec(*values: Any) -> int:
        given = dict(zip(_GIVEN, values, strict=True))
        if [os.fsdecode(word) for word in given["words"][:3]] != [sys.executable, "-P", "-m"]:
            return _fork_exec(*values)
        pid = os.fork()
        if pid == 0:
            try:
                _run(given, {package: function})
            finally:
                # whatever went wrong: the stack that we stand on is another process's
                traceback.print_exc()
                os._exit(255)
        return pid

    vars(subprocess)["_fork_exec"] = fork_exec


def _run(given: Mapping[str, Any], known: Mapping[str, Callable[[], object]]) -> Never:
    """Be the child: say what keeps it from being set up, else run its module to its end."""
    try:
        atexit._clear()
        _set_up(given)
    except OSError as error:
        os.write(given["trouble"], b"OSError:%x:" % (error.errno or 0))
        os._exit(255)
    os.close(given["trouble"])
    _open_streams()
    words = [os.fsdecode(word) for word in given["words"]]
    _name(words)
    sys.argv[:] = words[3:]
    _run_to_the_end(known.get(words[3]) or partial(runpy.run_module, words[3], run_name="__main__", alter_sys=True))


def _set_up(given: Mapping[str, Any]) -> None:
    """What fork_exec() does before the exec."""
    for number, source in enumerate(("p2cread", "c2pwrite", "errwrite")):
        if given[source] != -1:
            os.dup2(given[source], number)
    if given["directory"] is not None:
        os.chdir(given["directory"])
    if given["umask"] >= 0:
        os.umask(given["umask"])
    _forget_signals()
    if given["session"]:
        os.setsid()
    if given["gids"] is not None:
        os.setgroups(given["gids"])
    if given["gid"] is not None:
        os.setregid(given["gid"], given["gid"])
    if given["uid"] is not None:
        os.setreuid(given["uid"], given["uid"])
    # an exec would make it so again
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1)
    if given["before"] is not None:
        given["before"]()
    _close_all_but({0, 1, 2, *given["kept"]})
    if given["environ"] is not None:
        os.environb.clear()
        os.environb.update(line.split(b"=", 1) for line in given["environ"])
        time.tzset()


def _open_streams() -> None:
    """Open the three streams anew: those of the parent know where in other files they are."""
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)


def _forget_signals() -> None:
    """Leave ignored what is ignored, as an exec does, and begin like an interpreter with all else."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def _close_all_but(kept: set[int]) -> None:
    for entry in list(Path("/proc/self/fd").iterdir()):
        # the one that listed them is closed already
        if int(entry.name) not in kept:
            with suppress(OSError):
                os.close(int(entry.name))


def _name(words: Sequence[str]) -> None:
    """Show these words as this process's command line, as far as there is room. Source: proc(5), arg_start, arg_end."""
    fields = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    start, end = int(fields[45]), int(fields[46])
    line = b"".join(os.fsencode(word) + b"\0" for word in words)[: end - start - 1]
    with Path("/proc/self/mem").open("r+b", buffering=0) as memory:
        memory.seek(start)
        memory.write(line.ljust(end - start, b"\0"))


def _run_to_the_end(program: Callable[[], object]) -> Never:
    """Run it, and go an interpreter's way to the exit."""
    status = 1
    try:
        program()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    finally:
        if sys.exc_info()[0] is not None:
            traceback.print_exc()
        # joins the threads that are to be joined, as multiprocessing does
        vars(threading)["_shutdown"]()
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        os._exit(status & 0xFF)
