"""What the indexer remembers of a recipe that is not settled. All of it can be had again: from core, from the disk."""

import contextlib
from collections.abc import Collection, Iterable
from pathlib import Path

from attrs import define, field

from wsgi_app.core.unsettled import Indexed, Unsettled
from wsgi_app.indexer import place
from wsgi_app.indexer.growing import Growing
from wsgi_app.indexer.index import Stamp
from wsgi_app.indexer.reading import Look
from wsgi_app.model import LogAddress


@define
class Ongoing:
    """The logs of one recipe, by path below `/recipes/R/`."""

    state: Unsettled
    #: logs that were made in advance, and then written
    written: set[str] = field(factory=set)
    #: logs that may differ from what was indexed, and whose owner has not finished
    pending: set[str] = field(factory=set)
    #: those of them that were declared, and may have become what they are to be
    due: set[str] = field(factory=set)
    #: logs that may differ from what was indexed, and whose owner has finished; since when they wait (monotonic)
    ripe: dict[str, float] = field(factory=dict)
    #: those that are being read, and since when they waited for it
    reading: dict[str, float] = field(factory=dict)
    #: what logs looked like when they were indexed by this process, or were found sealed by it
    indexed: dict[str, Stamp] = field(factory=dict)
    #: what the last look at a declared log has shown
    looks: dict[str, Look] = field(factory=dict)
    #: those that are read while they grow
    growing: dict[str, Growing] = field(factory=dict)
    #: when what failed may be tried again, by path; the recipe's end itself is at ""
    later: dict[str, float] = field(factory=dict)

    @classmethod
    def begin(cls, state: Unsettled, before: Iterable[Indexed], precreate: Collection[str], root: Path) -> "Ongoing":
        """Begin with a recipe, some of whose logs were indexed before.

        Nobody has written its sealed logs since they were read, so they are not read again.
        """
        made = cls(state)
        for log in before:
            address = place.address(f"{state.recipe}/{log.path}")
            if address is not None and in_advance(address, precreate):
                made.written.add(log.path)
            if log.sealed:
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    stamp = Stamp.of((root / str(state.recipe) / log.path).lstat())
                    if stamp.size == log.size:
                        made.indexed[log.path] = stamp
        return made

    def closed(self, task: int | None) -> bool:
        """Whether the owner of a task's logs, or of the recipe's own, has finished."""
        return self.state.closed or task in self.state.closed_tasks

    @property
    def idle(self) -> bool:
        """Whether no log of it is known that differs from what was indexed."""
        return not (self.pending or self.ripe or self.reading)

    def take(self, state: Unsettled, now: float) -> None:
        """Take what core says of the recipe by now: logs whose owner has finished since are to be read."""
        more = (state.closed and not self.state.closed) or state.closed_tasks != self.state.closed_tasks
        self.state = state
        if more:
            ripe = [path for path in self.pending if self.closed(place.task_of(path))]
            self.pending.difference_update(ripe)
            self.due.difference_update(ripe)
            self.ripe.update(dict.fromkeys(ripe, now))

    def changed(self, address: LogAddress, now: float) -> None:
        """Take note that a log may have changed."""
        path = address.path
        if self.closed(address.task):
            self.ripe.setdefault(path, now)
            return
        self.pending.add(path)
        if path in self.state.awaited:
            self.due.add(path)

    def done(self, path: str) -> None:
        """Take note that a log is as it was indexed."""
        self.pending.discard(path)
        self.due.discard(path)
        self.ripe.pop(path, None)

    def gone(self, path: str) -> None:
        """Forget a log that is on disk no more."""
        self.done(path)
        self.written.discard(path)
        self.looks.pop(path, None)
        self.growing.pop(path, None)


def in_advance(address: LogAddress, precreate: Collection[str]) -> bool:
    """Whether the log is one of those that are made empty before anybody writes them."""
    return address.task is not None and address.result is None and address.name in precreate
