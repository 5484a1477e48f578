"""Everything that core refuses, as typed errors with stable codes.

A kind (`NotFound`, `Conflict`, ...) says what sort of refusal it is; each protocol maps the kinds to its wire in one
total table. The classes below a kind carry the codes that clients may rely on. The first paragraph of a class's
docstring is its message unless a better one is given; what follows is for the reference, which is made from this.
"""

from collections.abc import Sequence
from typing import ClassVar


class TackroomError(Exception):
    """Something went wrong in Tackroom."""

    #: stable, for machines: `noun.what`
    code: ClassVar[str] = "internal"

    def __init__(self, message: str | None = None, *, field: str | None = None) -> None:
        """Say what was refused (default: as the class says) and which part of the input it is about (`field`)."""
        self.message = message or " ".join((type(self).__doc__ or "").split("\n\n")[0].split())
        self.field = field
        super().__init__(self.message)


class Invalid(TackroomError):
    """The input is not valid.

    A value in the query, form or document does not fit; `field` says which.
    """

    code = "input.invalid"


class BadName(Invalid):
    """A log's name must be UTF-8 components of 1 to 255 bytes, without control characters, backslash or leading dot.

    A log's name has a component that is empty, longer than 255 bytes, begins with a dot, or has a control character
    or backslash; or it is longer than 1,000 bytes, or not UTF-8.
    """

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
    """The document cannot be read.

    The job, or another body, cannot be read; the message names line or path.
    """

    code = "document.invalid"


class BadDescriptor(BadDocument):
    """The job descriptor is not valid.

    A job in ConTest's JSON is not as it must be; the message is ConTest's own where it has one.
    """

    code = "descriptor.invalid"


class BadLavaJob(BadDocument):
    """The LAVA job is not valid.

    A job in LAVA's YAML is not as it must be, or needs what no system here can do; `field` says where.
    """

    code = "lava-job.invalid"

    def __init__(self, message: str | None = None, *, path: Sequence[str | int] = (), field: str | None = None) -> None:
        """Say what was refused, and at which place in the document: keys and indices, of which `field` is made."""
        self.path = tuple(path)
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        super().__init__(message, field=field or "".join(steps).removeprefix(".") or None)


class NothingFits(Invalid):
    """No system is what the job asks for.

    A LAVA job is taken only when the lab has systems of its types, tags and names, enough for all that run together;
    `field` is its role, if it has one.
    """

    code = "job.nothing-fits"


class Unauthenticated(TackroomError):
    """Credentials are needed."""

    code = "auth.required"


class BadCredentials(Unauthenticated):
    """The credentials are not known, or no longer valid."""

    code = "auth.unknown"


class Denied(TackroomError):
    """These credentials do not allow that."""

    code = "auth.denied"


class NoCommands(Denied):
    """This site runs no commands or scripts of its users.

    The job has a command or a script, and the setting `commands` is off; `field` says where.
    """

    code = "job.no-commands"


class WorkerRefused(Denied):
    """There is no worker of that name with that password

    A worker's name or password is wrong; nobody is told which.
    """

    code = "auth.worker-refused"


class TooManyResults(Denied):
    """Too many results in recipe

    The harness has reported `max_results` results; one Warn in the recipe says so.
    """

    code = "recipe.too-many-results"


class TooManyLogs(Denied):
    """Too many logs in recipe

    The recipe has `max_logs` task and result logs; one Warn says so.
    """

    code = "recipe.too-many-logs"


class TooManyBytes(Denied):
    """Too many bytes in recipe

    A new log, and the recipe's logs have `max_recipe_bytes` together; one Warn says so. Logs that exist go on.
    """

    code = "recipe.too-many-bytes"


class TooManySyncStates(Denied):
    """The recipe has reached as many sync states as it may

    The recipe has reached 1,000 sync states.
    """

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
    """There is no such log.

    There is no such log, or nobody has written it yet.
    """

    code = "log.unknown"


class NoSuchArchive(NotFound):
    """There is no such archive.

    There is no such archive: the recipe, the task or the word between them is wrong, or the task has no command.
    """

    code = "archive.unknown"


class NoSuchSystem(NotFound):
    """There is no such system."""

    code = "system.unknown"


class NoSuchWorker(NotFound):
    """There is no such worker.

    There is no such worker; there may be a system of that name, which asks for work by itself.
    """

    code = "worker.unknown"


class NoSuchDelivery(NotFound):
    """There is no such delivery.

    There is no such delivery, or it is of another user's job; what is over is forgotten after three months.
    """

    code = "delivery.unknown"


class NoSuchAddress(NotFound):
    """Where this user can be reached is not known."""

    code = "address.unknown"


class NoSuchToken(NotFound):
    """There is no such token."""

    code = "token.unknown"


class Conflict(TackroomError):
    """That cannot be done in this state.

    That cannot be done in this state: the message says why. Also an `Idempotency-Key` that was used for something
    else.
    """

    code = "conflict"


class JobRunning(Conflict):
    """The job is still running

    Only a job that is settled can be repeated in this way: ConTest's `retry`.
    """

    code = "job.running"


class JobFinished(Conflict):
    """The job is finished

    There is nothing left to stop of a job that is settled: ConTest's `stop`.
    """

    code = "job.finished"


class TaskFinished(Conflict):
    """The status of a finished task cannot be changed

    A finished task takes no status and no results; also the answer to a repeated Completed.
    """

    code = "task.finished"


class TaskNotStarted(Conflict):
    """The task has not been started

    A task cannot be Completed before it was Running.
    """

    code = "task.not-started"


class RecipeFinished(Conflict):
    """The recipe is finished"""

    code = "recipe.finished"


class RecipeNotAssigned(Conflict):
    """The recipe has no system yet"""

    code = "recipe.not-assigned"


class LogClosed(Conflict):
    """The log is closed: what it belongs to has finished

    The task or recipe that the log belongs to has finished, or the log is what was declared and sealed.
    """

    code = "log.closed"


class LogIsDirectory(Conflict):
    """A log and a directory cannot have one name

    The name is that of a directory, or a log has the name of a directory in it.
    """

    code = "log.is-directory"


class DeadPeer(Conflict):
    """A peer has ended without arriving

    A recipe that is waited for has ended and will never be there. The message has `recipe ID (SYSTEM) has ended
    (STATUS)` for each, with commas between them, then `without reaching STATE`; programs may rely on that.
    """

    code = "sync.dead-peer"


class SystemExists(Conflict):
    """There is a system of that name already"""

    code = "system.exists"


class SystemBusy(Conflict):
    """The system holds a recipe"""

    code = "system.busy"


class WorkerExists(Conflict):
    """There is a worker of that name already"""

    code = "worker.exists"


class DeliveryWaiting(Conflict):
    """This delivery is not over: it is still tried."""

    code = "delivery.waiting"


class StaleRollCall(Conflict):
    """A newer roll call of this gateway has come already

    The `sequence` of a gateway's roll call is less than that of one that came before. The message ends in
    `"sequence": N`, the newest; programs may rely on that.
    """

    code = "roll-call.stale"


class LengthMissing(TackroomError):
    """A log needs a Content-Length: a body of unknown length cannot be told from a torn one."""

    code = "log.no-length"


class TooLarge(TackroomError):
    """The body is larger than 10 MiB: send it in ranges.

    The body is larger than `max_body`: send it in ranges. Or what is said with a sync state is longer than 4,096
    bytes.
    """

    code = "body.too-large"


class BeyondLimit(TackroomError):
    """The range ends beyond the largest log that is allowed.

    The range ends beyond `max_log`.
    """

    code = "log.beyond-limit"


class Unavailable(TackroomError):
    """Not now: try again."""

    code = "unavailable"


class Superseded(Unavailable):
    """Another upload made this log meanwhile: send it again to replace it."""

    code = "log.superseded"


class LateUpload(Unavailable):
    """The body did not come in time: send it again.

    Nothing of the body came for a minute, or all of it took longer than `put_max_seconds`.
    """

    code = "log.late"


class TaskNotReady(Unavailable):
    """What the task runs is not decided yet: try again when its turn has come.

    A task whose command is made when its turn comes was asked for before.
    """

    code = "task.not-ready"


class DatabaseBusy(Unavailable):
    """The database is busy: try again.

    The database did not get round to it within 20 s.
    """

    code = "database.busy"


class DatabaseCorrupt(Unavailable):
    """The database is damaged: a backup must be restored.

    The database file is damaged. Nothing that a client does will help: the lab's administrator must restore a backup.
    """

    code = "database.corrupt"


class ReadOnly(Unavailable):
    """The disk is read-only: try again when it can be written.

    The disk is mounted read-only, as a file system with errors is by itself: nothing was stored.
    """

    code = "disk.read-only"


class TooManyFiles(Unavailable):
    """The server can open no more files: try again.

    A process of the server has as many files and connections open as it may (`ulimit -n`, `LimitNOFILE=`).
    """

    code = "files.too-many"


class TooManyWaiters(Unavailable):
    """Too many calls are waiting: try again.

    This worker holds `max_waiters` waiting calls, or as many of that kind as it may.
    """

    code = "waiters.too-many"


class TooManyReaders(Unavailable):
    """Too many long reads are going on: try again.

    This worker holds as many searches in logs and reports as it may.
    """

    code = "readers.too-many"


class DiskFull(TackroomError):
    """The disk is full: try again when there is room."""

    code = "disk.full"
