"""A retried call that carries an Idempotency-Key does nothing twice. Source: design.md section 5."""

import hashlib

from attrs import frozen

from wsgi_app.core.change import Change
from wsgi_app.errors import Conflict, Invalid
from wsgi_app.store import idempotency as store

FIELD = "Idempotency-Key"
LONGEST_KEY = 255
#: seconds for which a key is remembered
REMEMBERED = 86400


@frozen
class Once:
    """One call of a caller (`scope`) with its key, None when it has none, and what it asks for."""

    scope: str
    key: str | None
    request: str

    @classmethod
    def of(cls, scope: str, key: str | None, asked: object) -> "Once":
        """Return the call that asks for this value (told apart by `repr`). Raises `Invalid` for a key too long.

        An empty key is none.
        """
        key = key or None
        if key is not None and len(key) > LONGEST_KEY:
            raise Invalid(f"an {FIELD} has at most {LONGEST_KEY} characters", field=FIELD)
        return cls(scope, key, hashlib.sha256(repr(asked).encode("utf-8", "replace")).hexdigest())

    def made(self, change: Change) -> int | None:
        """Return the id of what the same call has made before, or None. Raises `Conflict` when it asked otherwise."""
        if self.key is None:
            return None
        use = store.find_use(change.tx, self.scope, self.key, since=change.now - REMEMBERED)
        # "": from before it was known what was asked
        if use is not None and use.request not in ("", self.request):
            raise Conflict(f"this {FIELD} was used for something else", field=FIELD)
        return None if use is None else use.made

    def note(self, change: Change, made: int) -> None:
        """Remember what the call has made."""
        if self.key is not None:
            use = store.Use(self.request, made)
            store.insert_use(change.tx, self.scope, self.key, use, now=change.now, forget=change.now - REMEMBERED)
