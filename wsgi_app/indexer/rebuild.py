"""Reads all logs again, those of settled recipes too: after a new format, or where the index is doubted.

It may run beside the indexer. Logs that are not finished are the indexer's: they are left to it, unless their recipe
is settled.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import frozen

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.errors import NotFound, Unavailable
from wsgi_app.indexer import index, reconcile, settle
from wsgi_app.model import Log, LogAddress, LogIndex
from wsgi_app.states import LogState


@frozen
class Candidate:
    """A log that is to be read again."""

    address: LogAddress
    #: bytes, as it lies on the disk
    size: int
    #: what is known of it
    known: Log | None


@frozen
class Outcome:
    """What came of one log."""

    recipe: int
    path: str
    size: int
    #: what is another than before, if anything
    changed: str | None = None
    #: why it could not be read
    trouble: str | None = None


def candidates(gateway: Gateway, config: Config, recipes: Sequence[int]) -> Iterator[Candidate]:
    """Yield the logs to read: of these recipes, or of all that have logs on the disk. Raises `NoSuchRecipe`."""
    for number in recipes or sorted(reconcile.recipes(config.logs)):
        try:
            settled, known = gateway.logs.known(number)
        except NotFound:
            if recipes:
                raise
            # `strays` says so when the server starts
            continue
        for address in sorted(reconcile.logs(config.logs, number), key=lambda address: address.path):
            log = known.get(address.path)
            size = _size(config.logs / str(number) / address.path)
            # an empty one that nobody knows was only made in advance
            if size is None or (size == 0 and log is None):
                continue
            if settled or (log is not None and log.state is not LogState.GROWING):
                yield Candidate(address, size, log)


def reread(gateway: Gateway, config: Config, candidate: Candidate) -> Outcome:
    """Read one log, and replace what was parsed from it when that is something else now."""
    address = candidate.address
    path = config.logs / str(address.recipe) / address.path
    try:
        if not settle.settled(path):
            return Outcome(address.recipe, address.path, candidate.size, trouble="is being written")
        found, _ = index.read_stamped(path, address.name, config.max_parsed)
        index.flush(path, config.logs)
        changed = gateway.logs.indexed(address.recipe, address.path, found, anew=True)
    except (Unavailable, NotFound) as error:
        return Outcome(address.recipe, address.path, candidate.size, trouble=error.message)
    except OSError as error:
        return Outcome(address.recipe, address.path, candidate.size, trouble=error.strerror or str(error))
    return Outcome(
        address.recipe, address.path, found.size, changed=_difference(candidate.known, found) if changed else None
    )


def _difference(before: Log | None, now: LogIndex) -> str:
    if before is None:
        return "was not known"
    changed = [
        name
        for name, old, new in (
            ("size", before.size, now.size),
            ("sha256", before.sha256, now.sha256),
            ("format", before.format, now.format),
            ("marks", before.marks, now.marks),
        )
        if old != new
    ]
    return ", ".join(changed) or "results"


def _size(path: Path) -> int | None:
    try:
        return path.lstat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return None
