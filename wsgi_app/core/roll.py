"""The words of a roll call: who is connected to a gateway, and what each has in hand."""

from attrs import frozen

from wsgi_app.store.workers import Member


@frozen
class Present:
    """A worker that is connected to a gateway, as that says."""

    name: str
    version: str | None
    #: where it called from
    address: str | None
    #: seconds since it was heard
    heard: float
    #: the recipe that the gateway has in hand for it; None: it is free
    recipe: int | None = None
    #: it wants to go, and takes nothing more
    leaving: bool = False
    #: the gateway knows that it is to stop that recipe
    stopping: bool = False
    #: what the gateway takes for the worker's `detach`; None: it does not say
    detach: bool | None = None


@frozen
class RollCall:
    """What a gateway says: these and only these are connected to it."""

    gateway: str
    #: greater than that of all calls before
    sequence: int
    workers: tuple[Present, ...]


def belongs(member: Member, gateway: str, now: float) -> bool:
    """Whether a worker that a gateway names is its own: no other that is there has it."""
    return member.gateway == gateway or not member.online(now)
