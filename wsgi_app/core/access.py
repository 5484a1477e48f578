"""Who may do what. Source: design.md section 6, Access.

A user has tokens with scopes (read, submit, admin, workers); a recipe has keys, which the gate knows; a system has a
key. Secrets are 256 bits at random and stored as hashes only.
"""

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from sqlalchemy import Connection

from wsgi_app.core.change import Change, Ground
from wsgi_app.core.gate import header_hash
from wsgi_app.errors import BadCredentials, Denied, Unauthenticated
from wsgi_app.model import Actor, Caller, Job, Key, Token
from wsgi_app.states import Visibility
from wsgi_app.store import access as store
from wsgi_app.store import systems

ADMIN = "admin"
#: may answer for workers, and nothing else: what their gateway has
WORKERS = "workers"
#: Tackroom, where it tells somebody outside what a job's owner wants told; known by identity, so nobody comes as this
ITSELF = Caller(None, "")
#: keys of a recipe that are valid at a time, of each kind; every claim makes one
MOST_KEYS = 8


class Access:
    """Answers who a caller is and what that allows."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def actor(self, tx: Connection, caller: Caller) -> Actor | None:
        """Return the user behind a token, None when no credentials were sent; raise `BadCredentials` for wrong ones."""
        token = self.token(tx, caller)
        return None if token is None else Actor(token.user, frozenset(token.scopes))

    def reader(self, tx: Connection, caller: Caller) -> Actor | None:
        """Return the user whose private jobs the caller may see in lists: None where no token says that it may read.

        Raises `BadCredentials`.
        """
        actor = self.actor(tx, caller)
        return actor if actor is not None and (actor.admin or "read" in actor.scopes) else None

    def user(self, caller: Caller) -> str | None:
        """Return the user behind a token, None when no credentials were sent; raise `BadCredentials` for wrong ones."""
        with self._ground.read() as tx:
            actor = self.actor(tx, caller)
        return None if actor is None else actor.user

    def seen_as(self, caller: Caller) -> tuple[str | None, Actor | None]:
        """Return the user behind a token, and who that is for what is private: None where it does not say it may read.

        Raises `BadCredentials`.
        """
        with self._ground.read() as tx:
            user = self.actor(tx, caller)
            return (None if user is None else user.user), self.reader(tx, caller)

    def is_system(self, name: str, secret: str) -> bool | None:
        """Whether a secret is the key of a system; None: there is no such system, or it has no key."""
        with self._ground.read() as tx:
            stored = systems.key_hash(tx, name)
        return None if stored is None else hmac.compare_digest(stored, digest(secret))

    def token(self, tx: Connection, caller: Caller) -> Token | None:
        """Return the valid token that was sent, None when nothing was; raise `BadCredentials` for other credentials."""
        if not caller.authorization:
            return None
        secret = token_of(caller.authorization)
        found = None if secret is None else store.find_token(tx, digest(secret), self._ground.now(tx))
        if found is None:
            raise BadCredentials
        return found

    def require(self, tx: Connection, caller: Caller, scope: str) -> Actor:
        """Return the user, who must have the scope (an admin has all); else raise `Unauthenticated` or `Denied`."""
        actor = self.actor(tx, caller)
        if actor is None:
            raise Unauthenticated("this needs a token")
        if scope not in actor.scopes and not actor.admin:
            raise Denied(f"this token does not have the scope {scope!r}")
        return actor

    def require_system(self, tx: Connection, caller: Caller, name: str) -> None:
        """Let pass the system's own key and admin tokens."""
        secret = None if caller.authorization is None else token_of(caller.authorization)
        stored = systems.key_hash(tx, name)
        if secret is not None and stored is not None and hmac.compare_digest(stored, digest(secret)):
            return
        self.require(tx, caller, ADMIN)

    def require_harness(self, tx: Connection, caller: Caller, recipe: int) -> None:
        """Let pass whom the recipe's gate admits, and admin tokens."""
        if self._ground.gate.admits(caller, recipe):
            return
        if not caller.authorization:
            raise Unauthenticated("this needs a key of the recipe")
        try:
            self.require(tx, caller, ADMIN)
        except BadCredentials:
            raise Denied("these credentials do not allow to write this recipe") from None

    def require_reader(self, tx: Connection, caller: Caller, job: Job, recipe: int | None = None) -> None:
        """Let pass who may read a job: anyone if it is public, its owner, admins, and holders of the recipe's key."""
        if caller is ITSELF or self.open_to(caller, job.visibility, recipe):
            return
        if not caller.authorization:
            raise Unauthenticated("this job is private")
        try:
            actor = self.require(tx, caller, "read")
        except BadCredentials:
            raise Denied("these credentials do not allow to read this recipe") from None
        if actor.user != job.owner and not actor.admin:
            raise Denied("this job is private")

    def open_to(self, caller: Caller, visibility: Visibility, recipe: int | None) -> bool:
        """Return whether a caller may read such a job without being anybody's token: it is public, or by a gate."""
        if visibility is Visibility.PUBLIC:
            return True
        return recipe is not None and self._ground.gate.admits(caller, recipe)

    def issue_admin_token(self) -> None:
        """Make the token of user admin and write it to `DATA/admin.token`, unless the file is there."""
        self._issue_token(self._ground.config.admin_token, ADMIN, (ADMIN, "read", "submit"))

    def issue_workers_token(self) -> None:
        """Make the token of user workers and write it to `DATA/workers.token`, unless the file is there."""
        self._issue_token(self._ground.config.workers_token, WORKERS, (WORKERS,))

    def make_callback_key(self) -> None:
        """Write `DATA/callback.key`, by which callbacks are signed, unless the file is there."""
        path = self._ground.config.callback_key
        if not path.exists():
            # the form that libraries for Standard Webhooks take
            write_secret(path, f"whsec_{base64.b64encode(os.urandom(32)).decode()}")

    def _issue_token(self, path: Path, user: str, scopes: tuple[str, ...]) -> None:
        if path.exists():
            return
        secret = fresh_secret()
        with self._ground.change() as change:
            store.revoke_named(change.tx, user, path.name, change.now)
            store.insert_token(
                change.tx,
                user=user,
                name=path.name,
                digest=digest(secret),
                scopes=scopes,
                now=change.now,
                expires=None,
            )
        write_secret(path, secret)


def issue_key(change: Change, recipe: int, *, claimed: bool) -> Key:
    """Make one more key of a recipe; its gate files are there before anyone can be told of it.

    Of the keys that its system `claimed`, and of those that others asked for, the newest `MOST_KEYS` stay valid.
    """
    secret = fresh_secret()
    for old in store.older_keys(change.tx, recipe, claimed=claimed, keep=MOST_KEYS - 1):
        store.delete_key(change.tx, old.id)
        change.revoke(recipe, f"key-{old.bearer}", f"key-{old.basic}")
    basic = base64.b64encode(f"{recipe}:{secret}".encode()).decode()
    hashes = header_hash(f"Bearer {secret}"), header_hash(f"Basic {basic}")
    store.insert_key(change.tx, recipe, bearer=hashes[0], basic=hashes[1], claimed=claimed, now=change.now)
    change.gate(recipe, *(f"key-{value}" for value in hashes))
    return Key(recipe, secret)


def fresh_secret() -> str:
    """Return 255 random bits and more, in URL-safe letters; at its begin no hyphen.

    Clients take the argument after `--token` for an option when it begins with one.
    """
    while (secret := secrets.token_urlsafe(32)).startswith("-"):
        pass
    return secret


def digest(secret: str) -> str:
    """Return what is stored of a secret: its SHA-256."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def token_of(authorization: str) -> str | None:
    """Return the token in an Authorization value: `Bearer T`, `Token T` or `Basic user:T`; None for others."""
    scheme, _, value = authorization.partition(" ")
    value = value.strip()
    if scheme.lower() in ("bearer", "token"):
        return value or None
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2] or None
    except ValueError:
        # not ASCII, not base64, or not UTF-8
        return None


def write_secret(path: Path, secret: str) -> None:
    """Write a file that only its owner can read; it is whole or not there."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret + "\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
