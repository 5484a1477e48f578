"""What the indexer remembers of a recipe that is not settled. All of it can be had again: from core, from the disk."""

import contextlib
from pathlib import Path

from attrs import define, field

from wsgi_app.core.unsettled import Unsettled
from wsgi_app.indexer.growing import Growing
from wsgi_app.indexer.index import Stamp
from wsgi_app.indexer.reading import Look
from wsgi_app.model import LogAddress


@define
class Ongoing:
    """The logs of one recipe."""

    state: Unsettled
    #: logs on disk, by path below `/recipes/R/`
    logs: dict[str, LogAddress] = field(factory=dict)
    #: those of them that may differ from what was indexed
    pending: set[str] = field(factory=set)
    #: what they looked like when they were indexed by this process, or were found sealed by it
    indexed: dict[str, Stamp] = field(factory=dict)
    #: those of the pending ones that were declared, and may have become what they are to be
    due: set[str] = field(factory=set)
    #: what the last look at a declared log has shown
    looks: dict[str, Look] = field(factory=dict)
    #: those that are read while they grow
    growing: dict[str, Growing] = field(factory=dict)
    #: when what failed may be tried again, by path; the recipe's end itself is at ""
    later: dict[str, float] = field(factory=dict)

    @classmethod
    def begin(cls, state: Unsettled, root: Path) -> "Ongoing":
        """Begin with a recipe; nobody has written its sealed logs since they were read, so they are not read again."""
        made = cls(state)
        for path in state.sealed:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                stamp = Stamp.of((root / str(state.recipe) / path).lstat())
                if stamp.size == state.indexed[path]:
                    made.indexed[path] = stamp
        return made

    def closed(self, address: LogAddress) -> bool:
        """Whether the log's owner has finished."""
        return self.state.closed or address.task in self.state.closed_tasks

    def gone(self, address: LogAddress) -> None:
        """Forget a log that is on disk no more."""
        self.logs.pop(address.path, None)
        self.looks.pop(address.path, None)
        self.growing.pop(address.path, None)
        self.pending.discard(address.path)
        self.due.discard(address.path)
