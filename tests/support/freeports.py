"""Ports that nobody else is given, neither by the kernel nor by another run of the tests on this machine."""

import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from pathlib import Path

#: the lowest that is given: below are those of well-known services
LOWEST = 10_000
TRIES = 1_000

_given: set[int] = set()
#: not the seeded one: pytest-xdist's workers all have the same seed
_CHOICE = random.SystemRandom()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on. Until this process ends, it is given to nobody else.

    It is none of those that the kernel gives to whoever calls somebody, or binds to port 0: between this and a server's
    start, or while a server is started anew, one of them may be taken. Source: ip(7), ip_local_port_range.
    """
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    ports = [*range(LOWEST, first), *range(last + 1, 65_536)]
    for _ in range(TRIES):
        port: int = _CHOICE.choice(ports)
        if port not in _given and _lock(port) and _is_free(port):
            _given.add(port)
            return port
    raise AssertionError("no port is free")


def _lock(port: int) -> bool:
    """Lock a port's byte of a file that all runs share; the lock ends with this process. Whether it was nobody's."""
    try:
        fcntl.lockf(_locks(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


@cache
def _locks() -> int:
    """Open that file; it is never closed, for that would end the locks."""
    path = Path(tempfile.gettempdir()) / f"tackroom-ports-of-{os.geteuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # as servers do: what is left of connections that have ended is in nobody's way
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
