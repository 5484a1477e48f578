"""What the system says when the disk cannot be used, as our own errors: one table for all that core does with files."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from wsgi_app.errors import DiskFull, ReadOnly, TackroomError, TooManyFiles, Unavailable

_TYPED: dict[int | None, type[TackroomError]] = {
    errno.ENOSPC: DiskFull,
    errno.EDQUOT: DiskFull,
    errno.EROFS: ReadOnly,
    errno.EMFILE: TooManyFiles,
    errno.ENFILE: TooManyFiles,
}

#: what says that disk, memory or descriptors cannot be used, and not that something else was wrong
TROUBLE = frozenset({*_TYPED, errno.EIO, errno.ENOMEM})


def typed(error: OSError, what: str) -> TackroomError:
    """Return our error for the system's; `what` (`the log`, ...) is what could not be used, where no class says more.

    Whatever it is, it is ours to mend and the caller's to try again.
    """
    known = _TYPED.get(error.errno)
    return Unavailable(f"{what} cannot be used now: {error.strerror or error}") if known is None else known()


@contextmanager
def trouble(what: str) -> Iterator[None]:
    """Raise our errors in place of the system's."""
    try:
        yield
    except OSError as error:
        raise typed(error, what) from error
