"""Workers: who keeps a connection to a gateway for a system. Added, listed, let in, sent away.

A worker has the name of its system. What it does there, and who of them is connected, is told by its gateway's roll
calls (`rollcall`). Source: Buildbot's wire of workers, which is `harnesses/buildbot`'s.
"""

import hashlib
import hmac
import secrets

from attrs import frozen

from wsgi_app.core import access, systems
from wsgi_app.core.access import Access
from wsgi_app.core.change import Change, Ground
from wsgi_app.core.systems import Systems
from wsgi_app.errors import Invalid, NoSuchWorker, SystemExists, WorkerExists, WorkerRefused
from wsgi_app.model import Caller, System, Worker
from wsgi_app.store import systems as stored_systems
from wsgi_app.store import workers

#: bytes of a challenge, at least and at most: less could be asked for again
CHALLENGE = 8, 256
#: what is computed with where there is no worker of a name: it takes as long
_NOBODY = "0" * 32


@frozen
class Admitted:
    """A worker that was let in: its name, and whether its tasks are to outlive its connection."""

    name: str
    detach: bool


@frozen
class Hired:
    """A worker with a new password; the only moment at which that is known."""

    worker: Worker
    password: str


class Workers:
    """The lab's workers."""

    def __init__(self, ground: Ground, access: Access, systems: Systems) -> None:
        self._ground = ground
        self._access = access
        self._systems = systems

    def add(self, caller: Caller, system: System, *, detach: bool = False, new: bool = False) -> Hired:
        """Add a worker, and its system unless there is one (admins only); `new`: there must be none.

        Raises `WorkerExists`, `SystemExists`, `Invalid`.
        """
        system = systems.checked(system)
        password = _fresh_password()
        with self._ground.change() as change:
            self._access.require(change.tx, caller, access.ADMIN)
            if workers.exists(change.tx, system.name):
                raise WorkerExists
            if stored_systems.load_system(change.tx, system.name) is None:
                systems.add(change, system)
            elif new:
                raise SystemExists(f"there is a system {system.name}: name nothing but that, and change it by itself")
            else:
                self._tell(change, system.name)
            workers.insert_worker(change.tx, system.name, password_md5=_md5(password), detach=detach)
            return Hired(self._found(change, system.name), password)

    def get(self, name: str) -> Worker:
        """Return a worker, or raise `NoSuchWorker`."""
        with self._ground.read() as tx:
            found = workers.load_worker(tx, name, self._ground.now(tx))
        if found is None:
            raise NoSuchWorker
        return found

    def page(self, *, after: str = "", limit: int = 100) -> list[Worker]:
        """Return workers in order of name, those behind `after`."""
        with self._ground.read() as tx:
            return workers.load_workers(tx, self._ground.now(tx), after=after, limit=limit)

    def all(self) -> list[Worker]:
        """Return all workers in order of name."""
        with self._ground.read() as tx:
            return workers.load_workers(tx, self._ground.now(tx))

    def of_systems(self, names: list[str]) -> dict[str, Worker]:
        """Return the workers of those of these systems that have one, by name."""
        with self._ground.read() as tx:
            return workers.load_named(tx, names, self._ground.now(tx))

    def change(self, caller: Caller, name: str, *, detach: bool | None = None) -> Worker:
        """Say whether a worker's tasks are to outlive its connection (admins only). Raises `NoSuchWorker`."""
        with self._ground.change() as change:
            self._require(change, caller, name)
            if detach is not None:
                workers.update_worker(change.tx, name, detach=detach)
                self._tell(change, name)
            return self._found(change, name)

    def issue_password(self, caller: Caller, name: str) -> str:
        """Make a worker's password, which replaces the one before (admins only). Raises `NoSuchWorker`.

        A worker that is connected stays so.
        """
        password = _fresh_password()
        with self._ground.change() as change:
            self._require(change, caller, name)
            workers.update_worker(change.tx, name, password_md5=_md5(password))
        return password

    def shut_down(self, caller: Caller, name: str) -> None:
        """Let a worker be told to exit as soon as it is free (admins only): it is given nothing more till it is gone.

        Nothing if it is not connected. Raises `NoSuchWorker`.
        """
        with self._ground.change() as change:
            self._require(change, caller, name)
            if not self._found(change, name).online:
                return
            workers.update_worker(change.tx, name, shutdown=True)
            self._withdraw(change, name)
            self._tell(change, name)

    def remove(self, caller: Caller, name: str) -> None:
        """Forget a worker (admins only): its gateway closes its connection. Its system stays. Raises `NoSuchWorker`."""
        with self._ground.change() as change:
            self._require(change, caller, name)
            workers.delete_worker(change.tx, name)
            self._withdraw(change, name)
            self._tell(change, name)

    def admit(self, caller: Caller, name: str, challenge: bytes, response: bytes) -> Admitted:
        """Let a worker in that answers the challenge with its password (scope workers). Raises `WorkerRefused`.

        Who asks for a worker that there is not is told the same, in the same time.
        """
        if not CHALLENGE[0] <= len(challenge) <= CHALLENGE[1]:
            raise Invalid(f"a challenge has {CHALLENGE[0]} to {CHALLENGE[1]} bytes", field="challenge")
        with self._ground.read() as tx:
            self._access.require(tx, caller, access.WORKERS)
            stored = workers.password_md5(tx, name)
            detach = workers.detaches(tx, name)
        key = bytes.fromhex(_NOBODY if stored is None else stored)
        wanted = hashlib.md5(key + challenge, usedforsecurity=False).digest()
        if not hmac.compare_digest(wanted, response) or stored is None:
            raise WorkerRefused
        return Admitted(name, detach)

    def _require(self, change: Change, caller: Caller, name: str) -> None:
        self._access.require(change.tx, caller, access.ADMIN)
        if not workers.exists(change.tx, name):
            raise NoSuchWorker

    def _found(self, change: Change, name: str) -> Worker:
        found = workers.load_worker(change.tx, name, change.now)
        if found is None:
            raise NoSuchWorker
        return found

    def _withdraw(self, change: Change, name: str) -> None:
        """Let a system that holds nothing count as not there: it is given nothing."""
        system = stored_systems.load_system(change.tx, name)
        if system is not None and system.recipe is None:
            stored_systems.update_system(change.tx, name, claimed_until=None)

    def _tell(self, change: Change, name: str) -> None:
        """Record that a system's worker changed: its gateway waits for that."""
        system = stored_systems.load_system(change.tx, name)
        if system is not None:
            change.system_event(name, self._systems.state(system), system.health)


def _fresh_password() -> str:
    """Return 128 random bits in hex: people copy it into a file of the worker."""
    return secrets.token_hex(16)


def _md5(password: str) -> str:
    """Return what is stored of a password: what the wire's challenge is answered with, as good as the password."""
    return hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()
