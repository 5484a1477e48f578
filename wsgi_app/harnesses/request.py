"""What a task asks of the harness: a file in the task's spool, and the file that answers it.

Commands in a task do not speak to the controller, whose key they do not have. So what they ask survives whatever
happens to network, controller and harness meanwhile. This is the commands' end; the harness's end is `spool`.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

POLL = 0.02  #: seconds
REQUEST = ".request"
ANSWER = ".answer"

DONE = 0
FAILED = 1  #: a report was refused, or a state was not reached in time
WRONG_USE = 2
DEAD_PEER = 3
REFUSED = 4


class Reply(NamedTuple):
    """What became of a request."""

    exit: int  #: what the command exits with
    problem: str = ""  #: for standard error
    output: str = ""  #: for standard output


OVER = Reply(REFUSED, "the task is over")


def ask(spool: Path, request: dict[str, Any], patience: float | None = None) -> Reply:
    """Leave a request and wait for what becomes of it, for `patience` seconds if that is given."""
    name = f"{time.time_ns():020d}-{os.getpid()}"
    waiting, answer = spool / (name + REQUEST), spool / (name + ANSWER)
    until = None if patience is None else time.monotonic() + patience
    try:
        lock = _leave(request, spool / f"{name}.new", waiting)
    except FileNotFoundError:
        return OVER
    try:
        while not answer.exists():
            if not waiting.exists() and not answer.exists():  # the answer comes before the request goes
                return OVER
            if until is not None and time.monotonic() > until:
                waiting.unlink(missing_ok=True)
                return Reply(FAILED, "the harness did not answer in time")
            time.sleep(POLL)
        exit_status, problem, output = json.loads(answer.read_text())
        # In this order: a request without its answer would be worked off again.
        waiting.unlink(missing_ok=True)
        answer.unlink(missing_ok=True)
    finally:
        os.close(lock)
    return Reply(int(exit_status), str(problem), str(output))


def _leave(request: dict[str, Any], temporary: Path, target: Path) -> int:
    """Write the request; return the descriptor that holds the lock which says that somebody waits for the answer."""
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(json.dumps(request).encode())
    temporary.replace(target)
    return descriptor


def abandoned(file: Path) -> bool:
    """True when nobody waits for the answer to the request in this file any more."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)
