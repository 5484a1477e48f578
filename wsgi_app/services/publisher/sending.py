"""What senders and the courier agree on: a sender sends one delivery, or raises why it is not (known to be) sent."""

from collections.abc import Callable
from typing import ClassVar, Protocol

from wsgi_app.notification import Delivery, Outcome

#: what a sender calls when all is ready, before it sends the first byte that a receiver could take for the message
Begin = Callable[[], None]


class Unsent(Exception):
    """Why a message was not delivered; each kind says what becomes of it."""

    outcome: ClassVar[Outcome]

    def __init__(self, reason: str, status: int | None = None, retry_after: float | None = None) -> None:
        """Say why, in a sentence, with the receiver's status and the seconds that it wants us to wait."""
        self.reason = reason
        self.status = status
        self.retry_after = retry_after
        super().__init__(reason)


class Refused(Unsent):
    """It was not taken, and would not be another time."""

    outcome = Outcome.REFUSED


class NotNow(Unsent):
    """It was not taken; another time it may be."""

    outcome = Outcome.FAILED


class Unsure(Unsent):
    """It was sent, and nobody said whether it was taken."""

    outcome = Outcome.UNKNOWN


class Sender(Protocol):
    """Sends messages of one kind."""

    def host(self, delivery: Delivery) -> str:
        """Return who is called, for who must not be called by many at once."""

    def send(self, delivery: Delivery, begin: Begin) -> int | None:
        """Send it, and return the receiver's status. Raises `Unsent`."""
