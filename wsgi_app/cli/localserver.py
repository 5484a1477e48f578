"""The Tackroom that runs on this machine, as its data tells: where it is, and the token for it."""

import os
from pathlib import Path

from wsgi_app.cli.place import SYSTEM_DATA, data_places, named_data


class LocalServer:
    """The Tackroom that runs on this machine, as its data directory tells. Raises OSError when that says nothing."""

    def __init__(self, data: Path) -> None:
        file = data / "run" / "url"
        # a directory of somebody else's may say anything; our token does not go there
        if not _is_the_systems(data) and file.stat().st_uid not in (os.geteuid(), 0):
            raise PermissionError(f"{data} is not ours")
        self.data = data
        self.url = file.read_text().strip()
        self.token = (data / "admin.token").read_text().strip()


def _is_the_systems(data: Path) -> bool:
    """Whether root has said that Tackroom's data is there: then it is, whoever owns it."""
    return data in (SYSTEM_DATA, named_data())


def local_server() -> LocalServer | None:
    """Return the first Tackroom of this machine whose files we may read, or None."""
    for data in data_places():
        try:
            return LocalServer(data)
        except OSError:
            continue
    return None
