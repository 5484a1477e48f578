"""The Tackroom that runs on this machine, as its data tells: where it is, and the token for it."""

import os
import stat
from collections.abc import Collection
from pathlib import Path

from wsgi_app.cli.place import SYSTEM_DATA, data_places, named_data

#: bytes; a URL or a token is shorter
_LONGEST = 4096


class LocalServer:
    """The Tackroom that runs on this machine, as its data directory tells. Raises OSError when that says nothing."""

    def __init__(self, data: Path) -> None:
        # held open: what is looked at is what is read, whoever puts another in its place
        directory = os.open(data, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            owner = os.fstat(directory).st_uid
            # a directory of somebody else's may say anything; our token does not go there
            ours = {os.geteuid(), 0}
            self.url = _read(directory, "run/url", {*ours, owner} if _is_the_systems(data) else ours)
            # nor does what the owner of the data could not read, by a name of theirs for a file of root's
            self.token = _read(directory, "admin.token", {owner})
        finally:
            os.close(directory)
        self.data = data


def _is_the_systems(data: Path) -> bool:
    """Whether root has said that Tackroom's data is there: then it is, whoever owns it."""
    return data in (SYSTEM_DATA, named_data())


def _read(directory: int, name: str, owners: Collection[int]) -> str:
    """Return what a short file of one of these users says. Raises OSError."""
    # a pipe must not keep us waiting
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid not in owners:
            raise PermissionError(f"{name} is not ours")
        return file.read(_LONGEST).decode(errors="replace").strip()


def local_server() -> LocalServer | None:
    """Return the first Tackroom of this machine whose files we may read, or None."""
    for data in data_places():
        try:
            return LocalServer(data)
        except OSError:
            continue
    return None
