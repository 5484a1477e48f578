"""Users' tokens: made, listed, revoked. Source: design.md sections 5 and 6, Access.

Nobody gives away more than they have: only an admin makes tokens for others, or with scopes or a lifetime that the
calling token lacks, and a token that only reads makes none. Tokens are read from the database at each call, so a
revoked one is void in all processes at once.
"""

import re

from attrs import frozen
from sqlalchemy import Connection

from wsgi_app.core.access import ADMIN, WORKERS, Access, digest, fresh_secret
from wsgi_app.core.change import Ground
from wsgi_app.errors import Denied, Invalid, NoSuchToken, Unauthenticated
from wsgi_app.model import Caller, Token
from wsgi_app.store import access as store

#: what a token may allow
SCOPES = ("read", "submit", ADMIN, WORKERS)
#: what it allows unless its maker says otherwise
USUAL_SCOPES = ("read", "submit")

#: characters of a user's or token's name; a space is ASCII's or the one that does not break
_LONGEST_NAME = 255
_NAME = re.compile(r"[^\x00-\x20\x7f-\xa0](?:[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0])?")


@frozen
class Issued:
    """A fresh token; the only moment at which its secret is known."""

    token: Token
    secret: str


class Tokens:
    """The tokens of users."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access

    def page(self, caller: Caller, *, user: str | None = None, after: int = 0, limit: int = 100) -> list[Token]:
        """Return tokens that are not revoked, oldest first: of all users or one for an admin, else the caller's own."""
        with self._ground.read() as tx:
            own = self._own(tx, caller)
            if ADMIN not in own.scopes:
                if user not in (None, own.user):
                    return []
                user = own.user
            return store.load_tokens(tx, user=user, after=after, limit=limit)

    def create(
        self,
        caller: Caller,
        *,
        name: str,
        user: str | None = None,
        scopes: tuple[str, ...] = USUAL_SCOPES,
        expires: float | None = None,
    ) -> Issued:
        """Make a token, of the caller unless `user` says whose; `expires` in seconds since the epoch, None: never.

        Raises `Invalid` naming the field; `Denied` naming it for what the calling token does not allow.
        """
        _check(name, user, scopes)
        secret = fresh_secret()
        with self._ground.change() as change:
            own = self._own(change.tx, caller)
            if expires is not None and expires <= change.now:
                raise Invalid("expires must lie in the future", field="expires")
            user = own.user if user is None else user
            if ADMIN not in own.scopes:
                _require_no_more(own, user, scopes, expires)
            made = store.insert_token(
                change.tx,
                user=user,
                name=name,
                digest=digest(secret),
                scopes=set(scopes),
                now=change.now,
                expires=expires,
            )
        return Issued(made, secret)

    def revoke(self, caller: Caller, token: int) -> None:
        """Make a token void: one's own that allows no more than the calling one; an admin any.

        Raises `NoSuchToken`, also for what is another's, and `Denied`.
        """
        with self._ground.change() as change:
            own = self._own(change.tx, caller)
            found = store.load_token(change.tx, token)
            if found is None or (found.user != own.user and ADMIN not in own.scopes):
                raise NoSuchToken
            if ADMIN not in own.scopes and not set(found.scopes) <= set(own.scopes):
                raise Denied("this token may do less than the one it is to make void")
            store.revoke_token(change.tx, token, change.now)

    def _own(self, tx: Connection, caller: Caller) -> Token:
        token = self._access.token(tx, caller)
        if token is None:
            raise Unauthenticated("this needs a token")
        return token


def _require_no_more(own: Token, user: str, scopes: tuple[str, ...], expires: float | None) -> None:
    """Raise `Denied` when a token would allow more than the one that makes it."""
    if user != own.user:
        raise Denied("tokens for other users are made by admins", field="user")
    lacking = [scope for scope in scopes if scope not in own.scopes]
    if lacking:
        raise Denied(f"this token does not have the scope {lacking[0]!r} itself", field="scopes")
    if own.expires is not None and (expires is None or expires > own.expires):
        raise Denied("a token lives no longer than the one that makes it", field="expires")
    if "submit" not in own.scopes:
        # it is given away more freely, and what it made would still read when it is void
        raise Denied("a token that only reads makes no others")


def _check(name: str, user: str | None, scopes: tuple[str, ...]) -> None:
    for field, text in (("name", name), ("user", user)):
        if text is not None and not (len(text) <= _LONGEST_NAME and _NAME.fullmatch(text)):
            raise Invalid(
                f"{field} has 1 to {_LONGEST_NAME} characters, no control characters, and no space at its ends",
                field=field,
            )
    if not scopes or not set(scopes) <= set(SCOPES):
        raise Invalid(f"scopes are one or more of {', '.join(SCOPES)}", field="scopes")
