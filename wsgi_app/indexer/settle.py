"""Whether a log may be read for good: nobody writes it, and no upload is about to replace it.

The kernel knows who writes: it grants a read lease (`F_SETLEASE F_RDLCK`) only while nobody holds the file open for
writing, and we give it back at once. A writer that opens the file in between is held up for that long.
"""

import errno
import fcntl
import os
import signal
import time
from pathlib import Path

from wsgi_app.indexer.place import TEMPORARY

#: where the kernel does not tell, a file that changed less than this many seconds ago counts as being written
QUIET_SECONDS = 10
#: an upload's file is closed a moment before it is renamed
RENAME_SECONDS = 2
#: leftovers of uploads older than that go
STALE_SECONDS = 86400

_NO_LEASES = (errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENOLCK, errno.EOPNOTSUPP)


def settled(path: Path) -> bool:
    """Whether nobody writes the log, or is about to replace it. Raises OSError when it is gone or cannot be read."""
    return not writers(path) and not uploading(path.parent)


def writers(path: Path) -> bool:
    """Whether somebody holds the file open for writing. Raises OSError.

    Leases are for the file's owner, and not every file system has them (NFS has none): then a file that was changed
    within the last ten seconds counts as being written. Both planes and the indexer are one user, so a foreign file
    is an accident; it must be indexed all the same.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        # a writer that comes while we have the lease makes the kernel signal us: SIGIO would end the process
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        if error.errno == errno.EAGAIN:
            return True
        if error.errno not in _NO_LEASES:
            raise
        return _age(os.fstat(descriptor)) < QUIET_SECONDS
    finally:
        os.close(descriptor)
    return False


def uploading(directory: Path) -> bool:
    """Whether an upload into the directory is under way. What a killed httpd left there counts as none."""
    return any(_uploading(path) for path in _temporary(directory))


def sweep(directory: Path, *, older: float = STALE_SECONDS) -> int:
    """Remove what uploads left in the directory more than `older` seconds ago; return how many files that were."""
    swept = 0
    for path in _temporary(directory):
        try:
            if _age(path.lstat()) > older and not _uploading(path):
                path.unlink()
                swept += 1
        except FileNotFoundError:
            continue
    return swept


def _temporary(directory: Path) -> list[Path]:
    with os.scandir(directory) as entries:
        return [Path(entry.path) for entry in entries if entry.name.startswith(TEMPORARY)]


def _uploading(path: Path) -> bool:
    try:
        return writers(path) or _age(path.lstat()) < RENAME_SECONDS
    except FileNotFoundError:
        # it was renamed: the log has just changed
        return True


def _age(status: os.stat_result) -> float:
    """Return how long ago the file changed; if that seems to lie ahead, the clock was put back, and it was not now."""
    return abs(time.time() - status.st_mtime)
