"""What a gateway keeps on disk: who it is, and that it is the only one on this data."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wsgi_app.harnesses.durable import write_durably

IDENTITY = re.compile(r"[0-9a-f]{32}")


class Occupied(Exception):
    """Another gateway has this directory."""


@contextmanager
def occupied(directory: Path) -> Iterator[None]:
    """Have a directory, which is made, to oneself. Raises Occupied, OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(directory / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Occupied(f"another 'tackroom workers' uses {directory}") from None
        yield


def identity(directory: Path) -> str:
    """Return the gateway's name for itself, the same after every restart. Raises OSError."""
    path = directory / "gateway"
    try:
        known = path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        known = ""
    if not IDENTITY.fullmatch(known):
        known = secrets.token_hex(16)
        write_durably(path, known.encode() + b"\n")
    return known
