"""Processes of a Tackroom that stand still for a while, as when they are stopped, swapped out or debugged."""

import os
import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from lab import Lab
from waiting import until


@contextmanager
def stopped(lab: Lab, name: str) -> Iterator[None]:
    """Let the process that has this in its command line stand still; not while it keeps others from the database."""
    (pid,) = lab.pids(name)

    def stands_still() -> bool:
        os.kill(pid, signal.SIGSTOP)
        until(lambda: re.search(r"^State:\s+T", Path(f"/proc/{pid}/status").read_text(), re.M), "its standing still")
        if _free(lab):
            return True
        os.kill(pid, signal.SIGCONT)
        return False

    try:
        until(stands_still, "a moment at which it does not write")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _free(lab: Lab) -> bool:
    """Whether nobody holds the database's writer lock for long."""
    with closing(sqlite3.connect(lab.data / "tackroom.db", timeout=0.5, isolation_level=None)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return False
    return True
