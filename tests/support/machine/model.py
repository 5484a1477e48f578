"""The plain model: what design.md and harness-beaker.md let one expect of a set of two recipes on two systems.

Nothing here is taken from the program, and nothing is asked of it: whoever makes a call tells the model, which says
what the answer must be and what is true afterwards. Time is known to a fraction of a second only, so what happens on
its own is a window (`Window`), and answers inside one may be either.
"""

import base64
import hashlib
import time
from collections.abc import Iterable

from attrs import define, field, frozen

FINISHED = frozenset({"Completed", "Aborted", "Cancelled"})
SEVERITY = ("New", "None", "Skip", "Pass", "Warn", "Fail", "Panic")
PROGRESS = ("Queued", "Scheduled", "Waiting", "Running", "Completed", "Aborted", "Cancelled")

#: where all calls come from
HERE = "127.0.0.1"
#: keys of a recipe that are valid at a time
MOST_KEYS = 8
#: settings of the lab under test
WATCHDOG_SECONDS = 1800
GRACE_SECONDS = 2
MAX_RESULTS = 8
PRECREATED = ("taskout.log", "harness.log")
#: how long the logs of a cancelled recipe stay open, when it had begun
CANCEL_SECONDS = 5
INSTALL_SECONDS = 10800

EXPIRED = "External Watchdog Expired"
TOO_MANY = "Too many results in recipe"
#: a text that the model does not know
ANY = object()


@frozen
class Window:
    """A moment between two others, in seconds since the epoch."""

    first: float
    last: float

    @classmethod
    def since(cls, before: float, seconds: float) -> "Window":
        """So many seconds after a call that was begun at `before` and has just returned."""
        return cls(before + seconds, time.time() + seconds)


@define(eq=False)
class Task:
    """A task as it must be."""

    id: int
    name: str
    role: str | None
    status: str = "Waiting"
    result: str = "New"
    version: str | None = None
    started: bool = False
    closed: bool = False

    @property
    def finished(self) -> bool:
        """Whether nothing more can happen to it."""
        return self.status in FINISHED


@define(eq=False)
class Result:
    """A result as it must be; the id of one that the server made by itself is not known."""

    task: int
    path: str | None
    result: str
    score: int | None
    message: object
    id: int | None = None


@define(eq=False)
class Log:
    """A log's bytes."""

    content: bytes
    #: made by the application for somebody who wrote it: it is listed even while it is empty
    registered: bool
    #: made in advance and emptied again: whether anybody sees it depends on when the indexer looked
    doubtful: bool = False

    def write(self, body: bytes, first: int | None) -> None:
        """Replace the whole log, or write a range; what lies between is zeros."""
        if first is None:
            self.doubtful = not body and not self.registered and (self.doubtful or bool(self.content))
            self.content = body
        elif body:
            held = self.content.ljust(first, b"\0")
            self.content = held[:first] + body + held[first + len(body) :]
            self.doubtful = False


@define(eq=False)
class System:
    """A system as it must be."""

    name: str
    address: str | None
    secret: str = ""
    health: str = "unknown"
    claimed: bool = False
    holds: "Recipe | None" = None

    @property
    def free(self) -> bool:
        """Whether it may be given a recipe without having asked."""
        return self.holds is None and self.health in ("good", "unknown")


@define(eq=False)
class Recipe:
    """A recipe as it must be."""

    id: int
    system: System
    role: str | None
    tasks: list[Task]
    private: bool
    status: str = "Queued"
    reason: object = None
    assigned: bool = False
    watchdog: Window | None = None
    keys: list[str] = field(factory=list)
    revoked: list[str] = field(factory=list)
    results: list[Result] = field(factory=list)
    logs: dict[str, Log] = field(factory=dict)
    said: dict[str, object] = field(factory=dict)
    installs: set[str] = field(factory=set)
    #: what an Idempotency-Key was used for, and the result that came of it
    repeats: dict[str, tuple[object, int]] = field(factory=dict)
    closed: bool = False
    closing: Window | None = None
    #: settled, as far as it was seen; a finished recipe becomes so at any time after it is closed
    settled: bool = False
    #: addresses that its gate may admit; more than one when that hangs on when it is settled
    addresses: set[str | None] = field(factory=lambda: {None})

    @property
    def finished(self) -> bool:
        """Whether nothing more can happen to it."""
        return self.status in FINISHED

    @property
    def result(self) -> str:
        """The worst of its results."""
        return worst(result.result for result in self.results)

    @property
    def past(self) -> bool:
        """Whether it is past its watchdog."""
        return self.watchdog is not None and self.watchdog.last <= time.time() + 1

    def bearer(self, key: str) -> str:
        """One way to send a key."""
        return f"Bearer {key}"

    def basic(self, key: str) -> str:
        """The other way, a stock restraint's."""
        return "Basic " + base64.b64encode(f"{self.id}:{key}".encode()).decode()

    def admits(self, authorization: str | None) -> set[bool]:
        """Whether the gate lets that through; both when that hangs on the moment."""
        if any(authorization in (self.bearer(key), self.basic(key)) for key in self.keys):
            return {True}
        return {address == HERE for address in self.addresses}

    def harness(self, authorization: str | None, admin: str) -> set[int]:
        """What a call of the harness protocol is answered for want of rights: 0 is "go on"."""
        return {
            0 if admitted or authorization == admin else denied(authorization)
            for admitted in self.admits(authorization)
        }

    def reader(self, authorization: str | None, admin: str) -> set[int]:
        """The same for reading."""
        return self.harness(authorization, admin) if self.private else {0}

    def gate(self) -> tuple[set[str], set[str]]:
        """Return the gate files that it must have, and those that it may have."""
        if not (self.assigned or self.finished):
            return set(), set()
        must = {f"task-{task.id}.closed" for task in self.tasks if task.closed}
        must |= {"closed"} if self.closed else set()
        if not self.assigned:
            return must, must
        must |= {"private"} if self.private else set()
        must |= {"key-" + sha1(form(key)) for key in self.keys for form in (self.bearer, self.basic)}
        maybe = {f"ip-{address}" for address in self.addresses if address is not None}
        return (must | maybe, must | maybe) if len(self.addresses) == 1 else (must, must | maybe)

    def add_key(self, key: str, *, rotate: bool = False) -> None:
        """One more key; the oldest goes when they are too many, all go when they are rotated."""
        gone = self.keys if rotate else self.keys[: max(0, len(self.keys) + 1 - MOST_KEYS)]
        self.revoked += gone
        self.keys = [*self.keys[len(gone) :], key]

    def end(self, status: str, message: object, *, grace: float, before: float, warn: bool = True) -> None:
        """End every unfinished task and so the recipe; its logs stay open for `grace` seconds more."""
        for task in self.tasks:
            if not task.finished:
                task.status = status
                if warn:
                    self.add_result(Result(task.id, "/", "Warn", 0, message))
        self.reason = message if warn else self.reason
        self.finish(grace=grace, before=before)

    def finish(self, *, grace: float = 0, before: float = 0) -> None:
        """All tasks have ended: so has the recipe."""
        found = {task.status for task in self.tasks}
        # one that was never handed out: its system has not stopped asking
        scheduled = self.status == "Scheduled"
        self.status = next(status for status in ("Cancelled", "Aborted", "Completed") if status in found)
        self.watchdog = None
        if self.system.holds is self:
            self.system.holds, self.system.claimed = None, self.system.claimed and scheduled
        if not self.assigned:
            self.settled = True
        if self.assigned and grace:
            self.closing = Window.since(before, grace)
        else:
            self.close()

    def close(self) -> None:
        """Its logs are closed; from now on it may be settled, and then its address is nobody's."""
        self.closing, self.closed = None, True
        for task in self.tasks:
            task.closed = True
        self.addresses = self.addresses | {None}

    def settle(self) -> None:
        """It was seen to be settled."""
        self.settled, self.addresses = True, {None}

    def abort(self, message: object, authorization: str | None, before: float) -> None:
        """Abort it at somebody's word: at its harness's, its logs are closed at once."""
        grace = 0 if True in self.admits(authorization) else GRACE_SECONDS
        self.end("Aborted", message, grace=grace, before=before)

    def add_result(self, result: Result) -> None:
        """One more result, which counts."""
        self.results.append(result)
        task = next(task for task in self.tasks if task.id == result.task)
        task.result = worst((task.result, result.result))

    def progress(self) -> None:
        """Bring the status in line with the tasks."""
        if all(task.finished for task in self.tasks):
            self.finish()
        elif any(task.status != "Waiting" for task in self.tasks):
            self.status = "Running"


@define(eq=False)
class Job:
    """A job of one set."""

    id: int
    recipe_set: int
    recipes: list[Recipe]
    private: bool

    @property
    def finished(self) -> bool:
        """Whether all of it is finished."""
        return all(recipe.finished for recipe in self.recipes)

    @property
    def unfinished(self) -> list[Recipe]:
        """What is not."""
        return [recipe for recipe in self.recipes if not recipe.finished]

    @property
    def status(self) -> str:
        """What its recipes make it."""
        found = {recipe.status for recipe in self.recipes}
        if found <= FINISHED:
            return "Cancelled" if "Cancelled" in found else "Aborted" if found == {"Aborted"} else "Completed"
        if found & {"Running", *FINISHED}:
            return "Running"
        return min(found, key=PROGRESS.index)

    @property
    def verdict(self) -> str:
        """What it comes to, once it is settled."""
        found = {recipe.status for recipe in self.recipes}
        if "Cancelled" in found:
            return "cancelled"
        if worst(recipe.result for recipe in self.recipes) in ("Fail", "Panic"):
            return "fail"
        return "infrastructure" if "Aborted" in found else "pass"

    @property
    def doomed(self) -> bool:
        """Whether the set is past its watchdogs: those without one do not count."""
        timed = [recipe for recipe in self.unfinished if recipe.watchdog is not None]
        return bool(timed) and all(recipe.past for recipe in timed)

    def expire(self, before: float) -> None:
        """Its watchdogs have gone off."""
        for recipe in self.unfinished:
            recipe.end("Aborted", EXPIRED, grace=GRACE_SECONDS, before=before)

    def cancel(self, before: float) -> None:
        """Everything unfinished is cancelled; what had begun, or was being installed, may say some last words."""
        for recipe in self.unfinished:
            begun = recipe.status == "Running" or "install_start" in recipe.installs
            grace = CANCEL_SECONDS if begun else 0
            recipe.end("Cancelled", None, grace=grace, before=before, warn=False)

    def assign(self, before: float) -> None:
        """Give the waiting recipes their systems, when all of these are free and have asked."""
        waiting = [recipe for recipe in self.recipes if recipe.status == "Queued"]
        if waiting and all(recipe.system.free and recipe.system.claimed for recipe in waiting):
            for recipe in waiting:
                self.give(recipe, before)

    def give(self, recipe: Recipe, before: float) -> None:
        """Give a recipe its system."""
        recipe.status, recipe.assigned = "Scheduled", True
        recipe.watchdog = Window.since(before, WATCHDOG_SECONDS)
        recipe.addresses = {recipe.system.address}
        recipe.system.holds = recipe
        for task in recipe.tasks:
            for name in PRECREATED:
                recipe.logs[f"tasks/{task.id}/logs/{name}"] = Log(b"", registered=False)
        self.start()

    def start(self) -> None:
        """Start the set when none of it waits for a system any more."""
        if all(recipe.assigned or recipe.finished for recipe in self.recipes):
            for recipe in self.recipes:
                if recipe.status == "Scheduled":
                    recipe.status = "Waiting"


def worst(results: Iterable[str]) -> str:
    """Return the most severe."""
    return max(results, key=SEVERITY.index, default="New")


def denied(authorization: str | None) -> int:
    """Return the status for who may not: without credentials, or with wrong ones."""
    return 403 if authorization else 401


def sha1(text: str) -> str:
    """Return what gate files are named after."""
    return hashlib.sha1(text.encode()).hexdigest()
