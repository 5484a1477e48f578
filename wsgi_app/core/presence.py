"""Whether an indexer runs: each holds a shared lock on one file, and the kernel lets go of it when it dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NAME = "indexer.lock"


@contextmanager
def present(run: Path) -> Iterator[None]:
    """Show in the directory `run` that an indexer is at work. Raises OSError."""
    descriptor = os.open(run / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def is_present(run: Path) -> bool:
    """Return whether an indexer is at work. Raises OSError when that cannot be told."""
    try:
        descriptor = os.open(run / _NAME, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
