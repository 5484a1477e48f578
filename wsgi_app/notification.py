"""Who is told of a job's recipes, when, and how; and what became of each message. Plain values.

A recipe is told of at two moments, its transitions: when it begins to run, and when it is settled. Each message to
somebody is a delivery. Source: readers-lava.md section 10.
"""

from enum import StrEnum

from attrs import field, frozen

from wsgi_app.conditions import Where


class Moment(StrEnum):
    """A transition of a recipe that somebody can be told of."""

    RUNNING = "running"  #: it begins
    FINISHED = "finished"  #: it is settled


class When(StrEnum):
    """At which transition somebody is told, and of which end."""

    ALL = "all"  #: at both
    RUNNING = "running"  #: when it begins
    FINISHED = "finished"  #: when it is settled, whatever came of it
    COMPLETED = "completed"  #: when it is settled, and all its tasks have ended at its harness's word
    ABORTED = "aborted"  #: when it is settled, and was aborted
    CANCELLED = "cancelled"  #: when it is settled, and was cancelled


class Turn(StrEnum):
    """How an end differs from the one before, of the newest comparable recipe."""

    REGRESSION = "regression"  #: that was completed, this is aborted
    PROGRESSION = "progression"  #: that was aborted, this is completed


class Verbosity(StrEnum):
    """How much a mail says."""

    VERBOSE = "verbose"  #: all results, too, and what differs from before
    QUIET = "quiet"  #: what ran where, and how it ended
    STATUS_ONLY = "status-only"  #: how it ended


class Method(StrEnum):
    """How a message goes."""

    CALLBACK = "callback"  #: an HTTP request
    EMAIL = "email"
    IRC = "irc"


class Dataset(StrEnum):
    """What the body of a callback has."""

    MINIMAL = "minimal"  #: the job's facts
    LOGS = "logs"  #: those and its log
    RESULTS = "results"  #: those and its results
    ALL = "all"  #: everything


class BodyForm(StrEnum):
    """How the body of a callback is written."""

    JSON = "json"
    URLENCODED = "urlencoded"


class DeliveryState(StrEnum):
    """How far a delivery has come."""

    WAITING = "waiting"  #: it is tried, again if it must be
    DELIVERED = "delivered"  #: the receiver took it
    FAILED = "failed"  #: it is not tried any more; the reason says why


class Outcome(StrEnum):
    """How one attempt at a delivery ended."""

    DELIVERED = "delivered"  #: the receiver took it
    REFUSED = "refused"  #: it was not taken, and would not be another time
    FAILED = "failed"  #: it was not taken; another time it may be
    UNKNOWN = "unknown"  #: whether it was taken is not known


@frozen
class Criteria:
    """When a notification is sent."""

    status: When
    #: only when the end is such a turn
    type: Turn | None = None
    #: only when all other recipes of which this is true have come as far (and, where `status` says how, ended so)
    others: Where | None = None


@frozen
class Recipient:
    """Somebody who is told, by mail or IRC: a user (by his address), the owner of the system, or an address itself."""

    method: Method
    user: str | None = None
    #: whoever owns the recipe's system; nobody where nobody does
    system_owner: bool = False
    email: str | None = None
    handle: str | None = None
    server: str | None = None


@frozen
class Callback:
    """An HTTP request to be made."""

    url: str
    #: `GET` or `POST`
    method: str = "POST"
    #: the value of the header
    token: str | None = field(default=None, repr=False)
    #: the header's name
    header: str = "Authorization"
    dataset: Dataset = Dataset.MINIMAL
    content_type: BodyForm = BodyForm.JSON


@frozen
class Compare:
    """What an end is compared with: the newest recipe of which `base` is true, or that of the same name and type."""

    #: names of suites or cases that a comparison leaves out
    blacklist: tuple[str, ...] = ()
    base: Where | None = None


@frozen
class Notify:
    """Whom a job wants to be told of its recipes; no recipients and no callbacks: its owner, by mail."""

    criteria: Criteria
    verbosity: Verbosity = Verbosity.QUIET
    recipients: tuple[Recipient, ...] = ()
    callbacks: tuple[Callback, ...] = ()
    compare: Compare | None = None


@frozen
class Address:
    """Where a user can be reached."""

    user: str
    email: str | None = None
    irc_handle: str | None = None
    irc_server: str | None = None


@frozen
class Order:
    """What a sender needs to know beside the recipe and the target."""

    #: of a callback
    callback: Callback | None = None
    #: of a mail
    verbosity: Verbosity = Verbosity.QUIET
    blacklist: tuple[str, ...] = ()
    #: the recipe with which this one is compared
    base: int | None = None
    #: the user whose address it is, where a user was named
    user: str | None = None
    #: a message that says that it is a test, and tells of no recipe
    test: bool = False


@frozen
class Delivery:
    """One message to one receiver; times are seconds since the epoch."""

    id: int
    #: the same for each attempt, and another for each delivery: receivers tell by it what they have already
    key: str
    #: null: it is a test
    recipe: int | None
    job: int | None
    #: who may see it beside admins
    owner: str
    transition: Moment
    method: Method
    #: a URL; an address; HANDLE@SERVER
    target: str
    order: Order
    state: DeliveryState
    #: how many attempts have ended
    attempts: int
    #: when it is tried next; null: it is not
    due: float | None
    created: float
    ended: float | None
    #: why it was not taken, last
    reason: str | None
    #: what the receiver answered last: an HTTP or SMTP status
    status: int | None
    #: the delivery that it repeats
    copy_of: int | None


@frozen
class Attempt:
    """One attempt at a delivery; numbers count from 1, times are seconds since the epoch."""

    delivery: int
    number: int
    began: float
    seconds: float
    outcome: Outcome
    status: int | None
    reason: str | None


@frozen
class Ended:
    """How an attempt that a sender made has ended."""

    delivery: int
    #: seconds since the epoch, and how long it took
    began: float
    seconds: float
    outcome: Outcome
    reason: str | None = None
    status: int | None = None
    #: seconds after which the receiver wants it tried again
    retry_after: float | None = None


@frozen
class Draft:
    """A delivery that is to be made, as it is decided."""

    key: str
    recipe: int | None
    job: int | None
    owner: str
    transition: Moment
    method: Method
    target: str
    order: Order
    #: why it cannot be sent, if that is so
    refused: str | None = None
    copy_of: int | None = None
