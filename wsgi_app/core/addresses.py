"""Where users can be reached: those who are told of recipes by name."""

from attrs import evolve
from sqlalchemy import Connection

from wsgi_app.core.access import Access
from wsgi_app.core.change import Ground
from wsgi_app.core.notices import check
from wsgi_app.errors import Denied, NoSuchAddress
from wsgi_app.model import Caller
from wsgi_app.notification import Address
from wsgi_app.store import notifications


class Addresses:
    """Users' addresses: each user's own, and all of them for admins."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access

    def get(self, caller: Caller, user: str) -> Address:
        """Return where a user can be reached (that user and admins). Raises `NoSuchAddress`."""
        with self._ground.read() as tx:
            actor = self._access.require(tx, caller, "read")
            if not actor.admin and actor.user != user:
                raise Denied("this is another user's address")
            found = notifications.load_address(tx, user)
        if found is None:
            raise NoSuchAddress
        return found

    def put(self, caller: Caller, address: Address) -> Address:
        """Note where a user can be reached, in place of what was known (that user and admins). Raises `Invalid`."""
        check.check_user(address.user, "user")
        address = evolve(
            address,
            email=address.email or None,
            irc_handle=address.irc_handle or None,
            irc_server=address.irc_server or None,
        )
        if address.email is not None:
            check.check_email(address.email, "email")
        if address.irc_handle is not None:
            check.check_handle(address.irc_handle, "irc_handle")
        if address.irc_server is not None:
            check.check_server(address.irc_server, "irc_server")
        with self._ground.change() as change:
            self._require(change.tx, caller, address.user)
            notifications.put_address(change.tx, address)
        return address

    def remove(self, caller: Caller, user: str) -> None:
        """Forget where a user can be reached (that user and admins). Raises `NoSuchAddress`."""
        with self._ground.change() as change:
            self._require(change.tx, caller, user)
            if notifications.load_address(change.tx, user) is None:
                raise NoSuchAddress
            notifications.delete_address(change.tx, user)

    def _require(self, tx: Connection, caller: Caller, user: str) -> None:
        actor = self._access.require(tx, caller, "submit")
        if not actor.admin and actor.user != user:
            raise Denied("this is another user's address")
