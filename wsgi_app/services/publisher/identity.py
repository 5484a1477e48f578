"""Who a reader is, by what it sent when it connected, and which messages that lets it see."""

import base64

from attrs import frozen

from wsgi_app.core.gateway import Gateway
from wsgi_app.errors import BadCredentials
from wsgi_app.model import Caller
from wsgi_app.protocols.lava.events import Message


class Refused(Exception):
    """A reader is told this, and let go."""


@frozen
class View:
    """What somebody may see. Without anything: what is public."""

    user: str | None = None
    admin: bool = False
    #: a system, which hears of its own jobs alone
    system: str | None = None

    def sees(self, message: Message) -> bool:
        """Whether a message is for these eyes."""
        if self.system is not None:
            return message.topic_kind == "testjob" and message.system == self.system
        return message.private_to is None or self.admin or (self.user is not None and message.private_to == self.user)


@frozen
class Credentials:
    """What a reader sent to be known by; empty where it sent nothing."""

    authorization: str = ""
    #: LAVA-Host and LAVA-Token: a system's name and key
    host: str = ""
    token: str = ""

    @property
    def anonymous(self) -> bool:
        """Whether there are none."""
        return not (self.authorization or self.host or self.token)


ANONYMOUS = Credentials()


class Identities:
    """Looks up who readers are: freshly each time, since a token may be revoked."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def view(self, credentials: Credentials) -> View:
        """Return what these allow to see. Raises `Refused` with LAVA's sentence (readers-lava.md 9.3)."""
        if credentials.authorization:
            return self._user(credentials.authorization)
        if credentials.host or credentials.token:
            return self._system(credentials.host, credentials.token)
        return View()

    def views(self, asked: set[Credentials]) -> dict[Credentials, View | Refused]:
        """Return what each of these allows now."""
        found: dict[Credentials, View | Refused] = {}
        for credentials in asked:
            try:
                found[credentials] = self.view(credentials)
            except Refused as refused:
                found[credentials] = refused
        return found

    def _user(self, authorization: str) -> View:
        named = _named(authorization)
        try:
            user, reader = self._gateway.access.seen_as(Caller(authorization, ""))
        except BadCredentials:
            raise Refused("Invalid basic authentication") from None
        if named is not None and named != user:
            raise Refused("Unknown user")
        return View() if reader is None else View(reader.user, reader.admin)

    def _system(self, name: str, key: str) -> View:
        known = self._gateway.access.is_system(name, key)
        if known is None:
            raise Refused("Unknown worker")
        if not known:
            raise Refused("Invalid worker token")
        return View(system=name)


def _named(authorization: str) -> str | None:
    """Return the user whom Basic credentials name, None for a token alone. Raises `Refused`."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() in ("bearer", "token"):
        return None
    if scheme.lower() != "basic":
        raise Refused("Only Basic authentication is supported")
    try:
        user, colon, _ = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except ValueError:
        raise Refused("Invalid basic authentication") from None
    if not colon:
        raise Refused("Invalid basic authentication")
    return user
