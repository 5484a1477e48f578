"""The gate: empty files below DATA/gate/R/ that say who may read and write R's logs. Source: design.md section 2.

The database is the truth and the gate its image. Apache tests the files by name, and the application through this
module, so that both planes always agree.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from wsgi_app.errors import Denied, LogClosed, Unauthenticated
from wsgi_app.model import Caller, LogAddress

OPEN = "open"
PRIVATE = "private"
CLOSED = "closed"
FULL = "full"
#: what the gate files of addresses begin with
ADDRESS = "ip-"


def key_name(authorization: str) -> str:
    """The gate file of whoever sends this Authorization header. Keys are random: SHA-1 hides them well enough."""
    return "key-" + header_hash(authorization)


def header_hash(authorization: str) -> str:
    """SHA-1 of an Authorization header's value, as Apache's `sha1()` computes it."""
    return hashlib.sha1(authorization.encode("latin-1", "replace"), usedforsecurity=False).hexdigest()


def address_name(address: str) -> str:
    """The gate file of whoever calls from this address."""
    return ADDRESS + address


def task_name(task: int) -> str:
    """The gate file of a finished task."""
    return f"task-{task}.closed"


def sealed_name(address: LogAddress) -> str:
    """The gate file of a declared log that is complete."""
    path = f"{address.recipe}/{address.path}"
    return "sealed-" + hashlib.sha1(path.encode(), usedforsecurity=False).hexdigest()


class Gate:
    """The gate files of all recipes."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def add(self, recipe: int, names: Iterable[str]) -> None:
        """Make gate files, and make them durable before returning; those that are there are no error."""
        missing = set(names) - self.names(recipe)
        if not missing:
            return
        directory = self._root / str(recipe)
        new = not directory.exists()
        directory.mkdir(parents=True, exist_ok=True)
        for name in missing:
            os.close(os.open(directory / name, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o640))
        # when all are made: it is one commit of the file system's for them together
        for name in missing:
            _sync(directory / name)
        _sync(directory)
        if new:
            _sync(self._root)

    def remove(self, recipe: int, names: Iterable[str]) -> None:
        """Remove gate files; those that are not there are no error."""
        directory = self._root / str(recipe)
        for name in names:
            (directory / name).unlink(missing_ok=True)

    def remove_addresses(self, recipe: int) -> None:
        """Remove the gate files of all addresses."""
        self.remove(recipe, {name for name in self.names(recipe) if name.startswith(ADDRESS)})

    def rewrite(self, recipe: int, image: set[str]) -> None:
        """Make the recipe's gate files exactly these. Only under the database's writer lock: see `Change.gate`."""
        self.add(recipe, image)
        self.remove(recipe, self.names(recipe) - image)

    def clear(self, recipe: int) -> None:
        """Remove all gate files of a recipe and their directory; none is no error."""
        directory = self._root / str(recipe)
        if directory.exists():
            self.remove(recipe, self.names(recipe))
            directory.rmdir()
            _sync(self._root)

    def recipes(self) -> set[int]:
        """Return the recipes that have a gate."""
        return {int(path.name) for path in self._root.iterdir() if path.name.isdecimal()}

    def names(self, recipe: int) -> set[str]:
        """Return the names of the recipe's gate files."""
        try:
            return {path.name for path in (self._root / str(recipe)).iterdir()}
        except FileNotFoundError:
            return set()

    def holds(self, recipe: int, name: str) -> bool:
        """Return whether the recipe has that gate file."""
        return (self._root / str(recipe) / name).is_file()

    def admits(self, caller: Caller, recipe: int) -> bool:
        """Return whether the caller holds a key of the recipe, calls from its address, or the recipe is open."""
        if caller.authorization and self.holds(recipe, key_name(caller.authorization)):
            return True
        return self.holds(recipe, address_name(caller.address)) or self.holds(recipe, OPEN)

    def require(self, caller: Caller, recipe: int) -> None:
        """Raise `Unauthenticated` or `Denied` unless the gate admits the caller."""
        if not self.admits(caller, recipe):
            if not caller.authorization:
                raise Unauthenticated("this needs a key of the recipe")
            raise Denied("these credentials do not allow to write this recipe")

    def require_open(self, address: LogAddress) -> None:
        """Raise `LogClosed` when what the log belongs to has finished, or the log itself is sealed."""
        names = [CLOSED]
        if address.task is not None:
            names.append(task_name(address.task))
        if any(self.holds(address.recipe, name) for name in names):
            raise LogClosed
        if self.holds(address.recipe, sealed_name(address)):
            raise LogClosed("The log is sealed: it is what was declared")


def _sync(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
