"""The login: a name, a challenge, an answer to it; a password never travels.

An error decides what becomes of the worker's process. `UnauthorizedLogin` makes it try again (a slave of 0.8.4 ends), a
connection that ends without an answer makes all try again, and any other error makes all of them exit for good. So no
other ever leaves here.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.spread import pb
from zope.interface import implementer

from wsgi_app.harnesses.buildbot.pb.broker import GuardedBroker

LONGEST_NAME = 255  #: bytes
TRIES = 3  #: of one connection; workers make one

#: lets a worker in: (broker, name, challenge, response, its Bot) -> what it may call from then on
#: raises UnauthorizedLogin; whatever else it raises is trouble of ours
Enter = Callable[[GuardedBroker, str, bytes, bytes, pb.RemoteReference], Awaitable[pb.Referenceable]]


@implementer(pb.IPBRoot)
class Entrance:
    """Makes the object that a connection finds at first."""

    def __init__(self, enter: Enter) -> None:
        self._enter = enter

    def rootObject(self, broker: GuardedBroker) -> pb.Referenceable:  # noqa: N802
        """One for each connection."""
        return Threshold(broker, self._enter)


class Threshold(pb.Referenceable):  # type: ignore[misc]
    """All that may be called before the login."""

    def __init__(self, broker: GuardedBroker, enter: Enter) -> None:
        self._broker = broker
        self._enter = enter
        self._tries = 0

    def remote_login(self, name: object = None, *_: object) -> tuple[bytes, pb.Referenceable]:
        """A name: answered by a challenge, whether there is such a worker or not."""
        self._tries += 1
        if self._tries > TRIES or self._broker.admitted:
            self._broker.drop("it tries to log in again and again")
            raise UnauthorizedLogin("refused")
        if isinstance(name, str):
            name = name.encode(errors="replace")
        challenge = secrets.token_bytes(16)
        return challenge, Challenger(self._broker, self._enter, name if isinstance(name, bytes) else b"", challenge)

    def remote_loginAnonymous(self, *_: object) -> None:  # noqa: N802
        """Nobody is nobody."""
        raise UnauthorizedLogin("refused")


class Challenger(pb.Referenceable):  # type: ignore[misc]
    """Takes the answer to one challenge, once."""

    def __init__(self, broker: GuardedBroker, enter: Enter, name: bytes, challenge: bytes) -> None:
        self._broker = broker
        self._enter = enter
        self._name = name
        self._challenge = challenge
        self._used = False

    def remote_respond(self, response: object = None, mind: object = None, *_: object) -> Deferred[Any]:
        """md5(md5(password) + challenge), and the worker's Bot."""
        return Deferred.fromFuture(asyncio.ensure_future(self._respond(response, mind)))

    async def _respond(self, response: object, mind: object) -> pb.Referenceable:
        if self._used or self._broker.admitted or not self._name or len(self._name) > LONGEST_NAME:
            raise UnauthorizedLogin("refused")
        self._used = True
        if not isinstance(response, bytes) or len(response) != 16 or not isinstance(mind, pb.RemoteReference):
            raise UnauthorizedLogin("refused")
        try:
            name = self._name.decode()
        except UnicodeDecodeError:
            raise UnauthorizedLogin("refused") from None
        try:
            return await self._enter(self._broker, name, self._challenge, response, mind)
        except UnauthorizedLogin:
            raise
        except Exception as error:  # noqa: BLE001 (what the worker hears of any of them makes it exit)
            self._broker.drop(f"the login cannot be checked now ({type(error).__name__})")
            # the connection has ended, so nobody reads this
            raise UnauthorizedLogin("refused") from None
