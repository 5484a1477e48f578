"""Where a log lies on the disk. What is planted there by other hands leads nowhere: apache/parts/logs.conf, Options."""

import os
import stat
from pathlib import Path

from wsgi_app.errors import Denied


def place(root: Path, path: str) -> Path:
    """Return the place of a log below the root. Raises `Denied` when a symbolic link lies on the way or there."""
    # on strings: each upload that comes this way pays for it
    found = str(root)
    for component in path.split("/"):
        found += "/" + component
        try:
            if stat.S_ISLNK(os.lstat(found).st_mode):
                raise Denied("a symbolic link is no log")
        except OSError:
            # not there, or below a file: whoever opens it is told
            break
    return root / path


def holds_bytes(path: Path) -> bool:
    """Return whether a file that is no link lies there, and something is in it. Raises `FileNotFoundError`."""
    status = path.lstat()
    return stat.S_ISREG(status.st_mode) and status.st_size > 0
