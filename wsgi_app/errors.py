"""Everything that core refuses, as typed errors with stable codes.

A kind (`NotFound`, `Conflict`, ...) says what sort of refusal it is; each protocol maps the kinds to its wire in one
total table. The classes below a kind carry the codes that clients may rely on; a class's docstring is its message
unless a better one is given.
"""

from typing import ClassVar


class TackroomError(Exception):
    """Something went wrong in Tackroom."""

    #: stable, for machines: `noun.what`
    code: ClassVar[str] = "internal"

    def __init__(self, message: str | None = None, *, field: str | None = None) -> None:
        """Say what was refused (default: the docstring) and which part of the input it is about (`field`)."""
        self.message = message or (type(self).__doc__ or "").strip()
        self.field = field
        super().__init__(self.message)


class Invalid(TackroomError):
    """The input is not valid."""

    code = "input.invalid"


class BadName(Invalid):
    """A log's name must be UTF-8 components of 1 to 255 bytes, without control characters, backslash or leading dot."""

    code = "log.bad-name"


class BadRange(Invalid):
    """Content-Range must read `bytes FIRST-LAST/TOTAL` or `bytes FIRST-LAST/*`, and the body must be as long."""

    code = "log.bad-range"


class TornUpload(Invalid):
    """The body ended before its Content-Length."""

    code = "log.torn"


class BadSyncState(Invalid):
    """A sync state is 1 to 255 bytes of UTF-8 without slashes and control characters."""

    code = "sync.bad-state"


class BadDocument(Invalid):
    """The document cannot be read."""

    code = "document.invalid"


class Unauthenticated(TackroomError):
    """Credentials are needed."""

    code = "auth.required"


class BadCredentials(Unauthenticated):
    """The credentials are not known, or no longer valid."""

    code = "auth.unknown"


class Denied(TackroomError):
    """These credentials do not allow that."""

    code = "auth.denied"


class TooManyResults(Denied):
    """Too many results in recipe"""

    code = "recipe.too-many-results"


class TooManyLogs(Denied):
    """Too many logs in recipe"""

    code = "recipe.too-many-logs"


class TooManyBytes(Denied):
    """Too many bytes in recipe"""

    code = "recipe.too-many-bytes"


class TooManySyncStates(Denied):
    """The recipe has reached as many sync states as it may"""

    code = "sync.too-many-states"


class NotFound(TackroomError):
    """There is no such thing."""

    code = "not-found"


class NoSuchJob(NotFound):
    """There is no such job."""

    code = "job.unknown"


class NoSuchRecipe(NotFound):
    """There is no such recipe."""

    code = "recipe.unknown"


class NoSuchTask(NotFound):
    """There is no such task in this recipe."""

    code = "task.unknown"


class NoSuchResult(NotFound):
    """There is no such result in this task."""

    code = "result.unknown"


class NoSuchLog(NotFound):
    """There is no such log."""

    code = "log.unknown"


class NoSuchSystem(NotFound):
    """There is no such system."""

    code = "system.unknown"


class Conflict(TackroomError):
    """That cannot be done in this state."""

    code = "conflict"


class TaskFinished(Conflict):
    """The status of a finished task cannot be changed"""

    code = "task.finished"


class TaskNotStarted(Conflict):
    """The task has not been started"""

    code = "task.not-started"


class RecipeFinished(Conflict):
    """The recipe is finished"""

    code = "recipe.finished"


class RecipeNotAssigned(Conflict):
    """The recipe has no system yet"""

    code = "recipe.not-assigned"


class LogClosed(Conflict):
    """The log is closed: what it belongs to has finished"""

    code = "log.closed"


class LogIsDirectory(Conflict):
    """A log and a directory cannot have one name"""

    code = "log.is-directory"


class DeadPeer(Conflict):
    """A peer has ended without arriving"""

    code = "sync.dead-peer"


class SystemExists(Conflict):
    """There is a system of that name already"""

    code = "system.exists"


class SystemBusy(Conflict):
    """The system holds a recipe"""

    code = "system.busy"


class LengthMissing(TackroomError):
    """A log needs a Content-Length: a body of unknown length cannot be told from a torn one."""

    code = "log.no-length"


class TooLarge(TackroomError):
    """The body is larger than 10 MiB: send it in ranges."""

    code = "body.too-large"


class BeyondLimit(TackroomError):
    """The range ends beyond the largest log that is allowed."""

    code = "log.beyond-limit"


class Unavailable(TackroomError):
    """Not now: try again."""

    code = "unavailable"


class Superseded(Unavailable):
    """Another upload made this log meanwhile: send it again to replace it."""

    code = "log.superseded"


class DatabaseBusy(Unavailable):
    """The database is busy: try again."""

    code = "database.busy"


class TooManyWaiters(Unavailable):
    """Too many calls are waiting: try again."""

    code = "waiters.too-many"


class DiskFull(TackroomError):
    """The disk is full: try again when there is room."""

    code = "disk.full"
