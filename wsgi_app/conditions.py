"""Which recipes a list is to have, and in which order: plain values, whatever protocol asks."""

from enum import StrEnum
from typing import Any

from attrs import frozen


class Field(StrEnum):
    """What of a recipe, or of its job, a condition is about."""

    ID = "id"  #: the recipe's
    JOB = "job"
    SET = "set"
    NAME = "name"  #: the job's
    OWNER = "owner"
    SYSTEM = "system"  #: the one that it was given
    TYPE = "type"  #: of system: the one asked for, or that of the system asked for
    TAG = "tag"  #: any one of those asked for
    STATUS = "status"  #: this and what follows: the recipe's
    SETTLED = "settled"
    CANCELLING = "cancelling"
    PEERS_PLACED = "peers_placed"  #: whether another recipe of its set was given a system
    RESULT = "result"
    CAUSE = "cause"
    REASON = "reason"
    STARTED = "started"  #: seconds since the epoch
    FINISHED = "finished"
    DURATION = "duration"  #: seconds from its start to its end, or until now
    VERDICT = "verdict"  #: this and what follows: the job's
    PRIORITY = "priority"
    SUBMITTED = "submitted"
    VISIBILITY = "visibility"
    DOCUMENT = "document"  #: its text
    METADATA = "metadata"  #: what the path leads to; numbers, true and false as their JSON text


class Lookup(StrEnum):
    """How a field is compared with a condition's value."""

    EXACT = "exact"
    IN = "in"  #: the value is a list
    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"
    ISNULL = "isnull"  #: the value is true (there is none) or false
    CONTAINS = "contains"  #: of text; of metadata also an object, all of which is to be there
    ICONTAINS = "icontains"  #: this and what begins with i: whatever the case
    STARTSWITH = "startswith"
    ISTARTSWITH = "istartswith"
    ENDSWITH = "endswith"
    IENDSWITH = "iendswith"
    IEXACT = "iexact"
    REGEX = "regex"
    IREGEX = "iregex"
    HAS_KEY = "has_key"
    HAS_KEYS = "has_keys"  #: the value is a list
    HAS_ANY_KEYS = "has_any_keys"  #: the value is a list


@frozen
class Condition:
    """A field compared with a value; `path` leads to what of the metadata is meant, key by key."""

    field: str
    lookup: str
    value: Any
    path: tuple[str, ...] = ()


@frozen
class AllOf:
    """True when all of these are; of none, always."""

    conditions: tuple["Where", ...]


@frozen
class AnyOf:
    """True when one of these is; of none, never."""

    options: tuple["Where", ...]


Where = Condition | AllOf | AnyOf


@frozen
class Order:
    """By which field a list is sorted; what is equal there: newest first. Nothing comes before all that is."""

    field: str
    descending: bool = False
