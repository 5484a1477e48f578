"""The states of jobs, recipe sets, recipes and tasks, the order of results, and what follows from them.

Source: design.md section 6. Sets and jobs have no state of their own: theirs is derived from their recipes.
The comments behind the values are their lines in the reference.
"""

from collections.abc import Iterable
from enum import StrEnum


class TaskStatus(StrEnum):
    """How far a task has come."""

    WAITING = "Waiting"  #: not yet begun
    RUNNING = "Running"  #: its harness says that it runs
    COMPLETED = "Completed"  #: ended at its harness's word, whatever its result
    ABORTED = "Aborted"  #: ended by a watchdog, or at somebody's word
    CANCELLED = "Cancelled"  #: ended because its job was cancelled

    @property
    def finished(self) -> bool:
        """True when nothing more can happen to the task."""
        return self in (TaskStatus.COMPLETED, TaskStatus.ABORTED, TaskStatus.CANCELLED)


UNFINISHED_TASK = tuple(status for status in TaskStatus if not status.finished)


class RecipeStatus(StrEnum):
    """How far a recipe has come; in this order."""

    QUEUED = "Queued"  #: waits for a system
    SCHEDULED = "Scheduled"  #: has a system; others of its set have none yet, or it is reserved and has not asked
    WAITING = "Waiting"  #: its whole set has systems: it may start
    RUNNING = "Running"  #: a task of it has started
    COMPLETED = "Completed"  #: all its tasks have ended at its harness's word
    ABORTED = "Aborted"  #: a task of it was aborted, by a watchdog or at somebody's word
    CANCELLED = "Cancelled"  #: ended because its job was cancelled

    @property
    def finished(self) -> bool:
        """True when nothing more can happen to the recipe, its logs apart."""
        return self in (RecipeStatus.COMPLETED, RecipeStatus.ABORTED, RecipeStatus.CANCELLED)


FINISHED_RECIPE = tuple(status for status in RecipeStatus if status.finished)


class ResultValue(StrEnum):
    """What a result says; in this order, and the worst of many wins."""

    NEW = "New"  #: nothing was said yet
    NONE = "None"  #: said to be without a result
    SKIP = "Skip"  #: not tried
    PASS = "Pass"  #: as it should be
    WARN = "Warn"  #: worth a look
    FAIL = "Fail"  #: not as it should be
    PANIC = "Panic"  #: the system under test went down; found in logs only

    @property
    def severity(self) -> int:
        """The place in the order from New (0) to Panic (6)."""
        return _SEVERITY[self]


_SEVERITY = {value: place for place, value in enumerate(ResultValue)}


class Verdict(StrEnum):
    """What a settled job comes to, in one word; the first that fits."""

    CANCELLED = "cancelled"  #: a recipe was cancelled
    FAIL = "fail"  #: the result is Fail or Panic
    INFRASTRUCTURE = "infrastructure"  #: a recipe was aborted: the lab's trouble, or a test that hung
    PASS = "pass"  #: else; also with a Warn


class LogState(StrEnum):
    """How far a log has come."""

    GROWING = "growing"  #: its owner has not finished, or it has not been read yet
    FINISHED = "finished"  #: read, and on disk for good
    DAMAGED = "damaged"  #: its owner has finished, and it is not what its harness declared


class SystemState(StrEnum):
    """What a system does."""

    IDLE = "idle"  #: it asked for work within the last minute (`claim_seconds`) and has none
    RUNNING = "running"  #: it holds a recipe
    OFFLINE = "offline"  #: it has not asked for work lately


class SystemHealth(StrEnum):
    """Whether a system may be given work."""

    GOOD = "good"  #: may be given work
    BAD = "bad"  #: may not
    MAINTENANCE = "maintenance"  #: may not
    UNKNOWN = "unknown"  #: may: nobody has said anything
    RETIRED = "retired"  #: may not, and will not any more: lists for people leave it out

    @property
    def usable(self) -> bool:
        """True when recipes may be assigned to the system."""
        return self in (SystemHealth.GOOD, SystemHealth.UNKNOWN)


class LabHealth(StrEnum):
    """Whether the lab gives out work; what runs goes on."""

    ACTIVE = "active"  #: it does
    MAINTENANCE = "maintenance"  #: it does not: somebody works on it
    RETIRED = "retired"  #: it does not any more


class Cause(StrEnum):
    """Why a recipe was aborted."""

    WATCHDOG = "watchdog"  #: nothing was heard of its harness, or its time was up
    PEER = "peer"  #: another of its set ended, and it waited for that
    INSTALL = "install"  #: its system could not be installed
    UNTAKEN = "untaken"  #: its system never asked for it
    TASK = "task"  #: a task of it failed, and it is to stop then
    HARNESS = "harness"  #: its harness gave up
    ADMIN = "admin"  #: an administrator ended it
    LAB = "lab"  #: the lab's own trouble: it was restored, or a plan was broken


class Visibility(StrEnum):
    """Who may read a job, its recipes, results and logs."""

    PUBLIC = "public"  #: anyone may read the job, its recipes, results and logs
    PRIVATE = "private"  #: its owner, admins, and whoever holds a key of its recipes


def worst(results: Iterable[ResultValue]) -> ResultValue:
    """Return the most severe of the results; New when there is none."""
    return max(results, key=lambda value: value.severity, default=ResultValue.NEW)


def recipe_status(tasks: Iterable[TaskStatus]) -> RecipeStatus | None:
    """Return the status that the tasks give their recipe, or None when none of them has started."""
    seen = set(tasks)
    if seen <= {TaskStatus.WAITING}:
        return None
    if not all(status.finished for status in seen):
        return RecipeStatus.RUNNING
    for status in (TaskStatus.CANCELLED, TaskStatus.ABORTED):
        if status in seen:
            return RecipeStatus(status)
    return RecipeStatus.COMPLETED


def group_status(recipes: Iterable[RecipeStatus]) -> RecipeStatus:
    """Return the status of a recipe set or job with these recipes.

    It is Running as soon as one recipe runs or has ended while others have not; else the least progressed. At the end
    it is Cancelled when one of them is, Aborted when all are, and else Completed.
    """
    seen = set(recipes)
    if all(status.finished for status in seen):
        if RecipeStatus.CANCELLED in seen:
            return RecipeStatus.CANCELLED
        return RecipeStatus.ABORTED if seen == {RecipeStatus.ABORTED} else RecipeStatus.COMPLETED
    if any(status.finished or status is RecipeStatus.RUNNING for status in seen):
        return RecipeStatus.RUNNING
    order = list(RecipeStatus)
    return min(seen, key=order.index)


def verdict(recipes: Iterable[RecipeStatus], result: ResultValue) -> Verdict:
    """Return the verdict of a settled job with these recipes and this result."""
    seen = set(recipes)
    if RecipeStatus.CANCELLED in seen:
        return Verdict.CANCELLED
    if result in (ResultValue.FAIL, ResultValue.PANIC):
        return Verdict.FAIL
    if RecipeStatus.ABORTED in seen:
        return Verdict.INFRASTRUCTURE
    return Verdict.PASS
