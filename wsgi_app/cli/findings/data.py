"""The data directory: room, owner, rights, and whether its file system can do what is needed."""

import fcntl
import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

from wsgi_app.cli.findings.finding import Finding
from wsgi_app.cli.place import as_owner
from wsgi_app.config import Config
from wsgi_app.core.room import FEW_INODES, LOW_SPACE, Room


def data(config: Config) -> Iterator[Finding]:
    """Look at the directory; it is there."""
    yield from _room(config.data)
    yield _rights(config)
    yield _owners(config)
    if config.logs.is_dir():
        disk = _disk(config)
        yield disk
        # a lease needs a file: without room, nothing is known of them
        if disk.mend is None:
            yield _leases(config)


def _room(place: Path) -> Iterator[Finding]:
    status = os.statvfs(place)
    free = status.f_bavail * status.f_frsize
    mend = None if free > LOW_SPACE else "make room, or move the data to a larger disk"
    yield Finding("space", f"{place}: {free >> 20} MiB free", mend)
    # some file systems make them as they are needed, and say 0
    if status.f_files:
        mend = None if status.f_favail > FEW_INODES else "remove small files, or move the data to a larger disk"
        yield Finding("inodes", f"{place}: room for {status.f_favail} files", mend)


def _disk(config: Config) -> Finding:
    """Write to each file system that is used, as the owner of the data."""
    places = [place for place in (config.logs, config.data, config.gate, config.run) if place.is_dir()]
    with as_owner(config.data):
        found = Room(places).look()
    if found.trouble is None:
        return Finding("disk", f"{config.data} can be written")
    said, _, mend = found.trouble.partition(": ")
    return Finding("disk", said, mend)


def _rights(config: Config) -> Finding:
    if config.data.stat().st_mode & 0o007:
        return Finding("rights", f"others may use {config.data}: private logs too", f"chmod o= {config.data}")
    for token in (config.admin_token, config.workers_token, config.callback_key):
        if token.exists() and token.stat().st_mode & 0o077:
            mend = f"chmod 600 {token}, or remove it and start serve again"
            return Finding("rights", f"others may read {token}", mend)
    return Finding("rights", f"{config.data} is closed to others")


def _owners(config: Config) -> Finding:
    """Look whether all is of one owner: neither plane may make what the other cannot write."""
    owner = config.data.stat().st_uid
    database = config.database
    ours = [config.logs, config.gate, config.run, config.admin_token, config.workers_token, config.callback_key]
    ours += [config.journal, *(database.with_name(database.name + end) for end in ("", "-wal", "-shm"))]
    # the top of the log tree is enough: what is below is made by the same processes
    ours += [config.logs.parent, *(config.gate.iterdir() if config.gate.is_dir() else ())]
    foreign = [str(path) for path in ours if path.exists() and path.stat().st_uid != owner]
    name = _user(owner)
    if foreign:
        shown = ", ".join(foreign[:3]) + (f" and {len(foreign) - 3} more" if len(foreign) > 3 else "")
        return Finding("owner", f"not of {name}, who has the rest: {shown}", f"chown -R {name}: {config.data}")
    return Finding("owner", f"{config.data} is of {name}")


def _leases(config: Config) -> Finding:
    """Take a lease, as the indexer does to tell whether a log is still being written."""
    try:
        with as_owner(config.data), tempfile.TemporaryFile(dir=config.logs.parent) as file:
            fcntl.fcntl(file.fileno(), fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError as error:
        return Finding(
            "leases",
            f"{config.logs.parent}: {error.strerror}",
            f"the data must lie on a local file system with room, where {_user(config.data.stat().st_uid)} may write",
        )
    return Finding("leases", f"{config.logs.parent} can be written, and knows leases")


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
