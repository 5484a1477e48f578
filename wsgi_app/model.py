"""The plain values that core, store and protocols hand to one another: design.md sections 1 and 5."""

from typing import Any

from attrs import field, frozen

from wsgi_app.states import (
    Cause,
    LabHealth,
    LogState,
    RecipeStatus,
    ResultValue,
    SystemHealth,
    TaskStatus,
    Verdict,
    Visibility,
)

#: the role of a recipe that names none, and the one that all recipes have; that of a task that names none
RECIPE_MEMBERS = "RECIPE_MEMBERS"
STANDALONE = "STANDALONE"


@frozen
class Caller:
    """Who makes a call, as far as the wire tells: the Authorization header's value and the client's address."""

    authorization: str | None
    address: str
    #: id of the request by which it is made
    request: str | None = field(default=None, eq=False)


@frozen
class Actor:
    """A caller whom core knows: a user by a token. Anonymous callers are `None`."""

    user: str
    scopes: frozenset[str]

    @property
    def admin(self) -> bool:
        """True when the actor may do everything."""
        return "admin" in self.scopes


@frozen
class Token:
    """A user's token, without its secret; times are seconds since the epoch."""

    id: int
    user: str
    name: str
    scopes: tuple[str, ...]
    created: float
    #: None: never
    expires: float | None


@frozen
class Requires:
    """What a recipe wants of its system: a type (or any) and tags, all of which the system must have."""

    type: str | None = None
    tags: tuple[str, ...] = ()


@frozen
class Task:
    """A task of a recipe; times are seconds since the epoch."""

    id: int
    recipe: int
    name: str
    role: str | None
    params: dict[str, str]
    command: tuple[str, ...] | None
    script: str | None
    fetch: str | None
    status: TaskStatus
    result: ResultValue
    version: str | None
    started: float | None
    finished: float | None
    #: from when on its logs are closed
    closes: float | None
    #: what it runs is made when its turn comes
    later: bool = False
    #: it had not ended when its recipe was, from outside: what became of it is not known
    lost: bool = False
    #: what its log tells is wanted while it runs
    live: bool = False


@frozen
class Recipe:
    """A recipe and its tasks, in their order; times are seconds since the epoch."""

    id: int
    job: int
    recipe_set: int
    #: who runs it, or while it is queued, who is asked to
    system: str | None
    #: when it got its system
    assigned: float | None
    requires: Requires
    role: str | None
    status: RecipeStatus
    #: cancelled, and its system may not have noticed yet
    cancelling: bool
    settled: bool
    late: bool
    #: how many of its logs are not what was declared
    damaged: int
    result: ResultValue
    reason: str | None
    #: when it is aborted
    watchdog: float | None
    max_seconds: int | None
    stop_on_fail: bool
    started: float | None
    finished: float | None
    #: from when on its logs are closed
    closes: float | None
    #: what its installer said
    install_started: float | None
    install_finished: float | None
    postinstall_finished: float | None
    #: when its system's harness asked for it; None while the system is only reserved
    taken: float | None = None
    #: what leads to the archives of its commands, which take no other credentials
    archive_secret: str | None = field(default=None, repr=False)
    #: why it was aborted
    cause: Cause | None = None
    tasks: tuple[Task, ...] = ()
    #: how many results its harness has reported
    reported: int = 0
    #: it waits in sync for its peers, or has said so last
    waits: bool = False

    @property
    def task_roles(self) -> tuple[str | None, ...]:
        """The roles of its tasks, in their order."""
        return tuple(task.role for task in self.tasks)

    @property
    def reserved(self) -> bool:
        """True while its system is kept for it, and has not asked for it."""
        return self.status is RecipeStatus.SCHEDULED and self.taken is None


@frozen
class Peer:
    """What the recipes of a set know of one another."""

    id: int
    system: str | None
    role: str | None
    #: the roles of its tasks, in their order
    task_roles: tuple[str | None, ...]


@frozen
class SetAttempt:
    """Which attempt at which test of a campaign a recipe set is: runs count from 1, attempts from 0."""

    run: int
    test: str
    number: int


@frozen
class UpcomingAttempt:
    """What a campaign does next, and when (seconds since the epoch): a test, or None, the begin of a run."""

    run: int
    test: str | None
    number: int
    due: float
    #: why the attempt before got no targets
    reason: str | None


@frozen
class RecipeSet:
    """Recipes that start together."""

    id: int
    stage: int
    status: RecipeStatus
    recipes: tuple[Recipe, ...]
    #: None: no campaign made it
    attempt: SetAttempt | None = None


@frozen
class Job:
    """A job with all below it; times are seconds since the epoch."""

    id: int
    name: str
    owner: str
    visibility: Visibility
    priority: int
    status: RecipeStatus
    cancelling: bool
    settled: bool
    result: ResultValue
    verdict: Verdict | None
    #: why that is its verdict, in a sentence
    reason: str | None
    submitted: float
    started: float | None
    finished: float | None
    #: the job that this one repeats
    retry_of: int | None
    warnings: tuple[str, ...]
    #: whether a campaign makes its recipe sets
    campaign: bool = False
    #: what its submitter noted about it: JSON values
    metadata: dict[str, Any] = field(factory=dict)
    recipe_sets: tuple[RecipeSet, ...] = ()
    #: how many sets of a campaign were made before those
    earlier_sets: int = 0
    #: what a campaign that has nothing running is going to do
    upcoming: UpcomingAttempt | None = None


@frozen
class Result:
    """One result: reported by the harness, or found in a log (then with its `log` and `line`)."""

    id: int
    recipe: int
    task: int | None
    path: str | None
    result: ResultValue
    score: int | None
    message: str | None
    source: str
    log: str | None
    line: int | None
    time: float
    measurement: float | None = None
    units: str | None = None


@frozen
class LogAddress:
    """Where a log belongs: a recipe, a task of it, or a result of that; and its name there (may contain slashes)."""

    recipe: int
    task: int | None
    result: int | None
    name: str

    @property
    def owner_path(self) -> str:
        """The directory of the owner's logs below `/recipes/R/`, with a slash at its end."""
        if self.task is None:
            return "logs/"
        if self.result is None:
            return f"tasks/{self.task}/logs/"
        return f"tasks/{self.task}/results/{self.result}/logs/"

    @property
    def path(self) -> str:
        """The URL path below `/recipes/R/`; equal to the file's path below DATA/logs/recipes/R/."""
        return self.owner_path + self.name


@frozen
class Span:
    """What a ranged PUT brings: bytes `first` to `last` of `total` (None: not known yet). RFC 9110 section 14.4."""

    first: int
    last: int
    total: int | None

    @property
    def length(self) -> int:
        """How many bytes that is."""
        return self.last - self.first + 1


@frozen
class Mark:
    """A line of a log worth a look; `kind` is a crash's (panic, oops, kasan, ...), or error, hole or unread."""

    kind: str
    line: int
    title: str


@frozen
class ParsedResult:
    """A result as a log format found it, with the line (from 1) that says so."""

    path: str
    result: ResultValue
    line: int
    message: str | None = None
    score: int | None = None
    measurement: float | None = None
    units: str | None = None


@frozen
class Signal:
    """What a test wants whoever follows it to know, with the line (from 1) that says so."""

    line: int
    text: str


@frozen
class LogIndex:
    """What one pass over a finished log found."""

    size: int
    sha256: str
    lines: int
    #: packed big-endian unsigned 64-bit pairs (line, byte offset at which it begins), ascending, sparse
    offsets: bytes
    #: name of the format, or None for plain text
    format: str | None
    results: tuple[ParsedResult, ...]
    marks: tuple[Mark, ...]
    signals: tuple[Signal, ...] = ()


@frozen
class Declaration:
    """What a log is going to be, at its harness's word: its size in bytes, its SHA-256 in hexadecimal, or both."""

    size: int | None
    sha256: str | None


@frozen
class Log:
    """A registered log. `path` is the URL path below `/recipes/R/`; `size` in bytes as last seen."""

    recipe: int
    path: str
    task: int | None
    result: int | None
    size: int
    state: LogState
    sha256: str | None
    lines: int | None
    format: str | None
    marks: tuple[Mark, ...] = ()
    declared: Declaration | None = None
    #: id of the request that made it, if that is known
    request: str | None = None


@frozen
class System:
    """A machine that runs recipes."""

    name: str
    type: str | None
    tags: tuple[str, ...]
    address: str | None
    health: SystemHealth
    reason: str | None
    #: the recipe that it holds
    recipe: int | None
    last_seen: float | None
    #: until when its last claim counts, or counted: the end of its last recipe ends that, too
    claimed_until: float | None
    #: the newest recipe that it was given
    last_recipe: int | None = None
    description: str = ""
    #: the user whose machine it is
    owner: str | None = None


@frozen
class Worker:
    """What keeps a connection to a gateway for a system, and runs there what that is given; times as everywhere."""

    name: str
    #: whether a gateway has said lately that it is connected
    online: bool
    #: of its program, as it says; None: it was never there
    version: str | None
    #: where it called from
    address: str | None
    connected: float | None
    #: when its gateway heard it last
    last_seen: float | None
    #: its tasks outlive its connection
    detach: bool
    #: it is to go, or wants to
    leaving: bool
    #: the system of that name, as it is
    system: System


@frozen
class Lab:
    """Whether the lab gives out work, and how much."""

    health: LabHealth
    description: str
    #: recipes that have a system and are not finished; None: as many as there are systems
    most_recipes: int | None


@frozen
class Attendant:
    """A recipe of a set, with regard to one state."""

    recipe: int
    system: str | None
    role: str | None
    status: RecipeStatus
    #: since when it is there
    there: float | None
    #: what it said with it, as JSON text
    said: str | None
    #: for which state it waits, and until when at the longest
    waits_for: str | None
    waits_until: float | None


@frozen
class Key:
    """A fresh key of a recipe; the only moment at which its secret is known."""

    recipe: int
    secret: str


@frozen
class Event:
    """One state change, written in the transaction that made it."""

    id: int
    time: float
    topic: str
    job: int | None
    data: dict[str, Any]
