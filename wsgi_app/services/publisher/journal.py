"""What was begun to be sent, and what became of it: `DATA/deliveries.journal`, written before and after.

The database can be older than what was sent: a process was killed before it could note it, or somebody restored it. The
journal is not, and is no part of backups. Each line is a JSON object; of a key the last one counts. A line that was not
written whole stands for nothing that was sent: a message goes out when its line is on the disk.
"""

import json
import os
import threading
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from wsgi_app.core.filecopy import sync_directory
from wsgi_app.notification import Delivery, Ended, Outcome

#: keys that are remembered, the newest: as many as there are deliveries kept
MOST_KEPT = 100_000
#: bytes beyond which the file is written anew, without what does not count any more
_LARGE = 64 << 20


@frozen
class Entry:
    """The last that is known of a key."""

    #: when its sending was begun, in seconds since the epoch
    began: float
    #: which attempt that was, from 1
    attempt: int
    #: None: nobody noted how it ended
    outcome: Outcome | None = None
    seconds: float = 0.0
    status: int | None = None
    reason: str | None = None


class Journal:
    """The file, held open by the one process that sends."""

    def __init__(self, path: Path) -> None:
        """Read it, or begin it. Raises OSError."""
        self._path = path
        #: it was not there: this is the first process that sends, or the data came from elsewhere
        self.fresh = not path.exists()
        self._entries = {} if self.fresh else _read(path)
        self._write_lock, self._sync_lock = threading.Lock(), threading.Lock()
        self._descriptor, self._size, self._synced, self._least = -1, 0, 0, 0
        self._rewrite()

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def entry(self, key: str) -> Entry | None:
        """Return the last that is known of a key."""
        return self._entries.get(key)

    def unended(self) -> list[str]:
        """Return the keys of what was begun, and nobody noted how it ended."""
        return [key for key, entry in self._entries.items() if entry.outcome is None]

    def begun(self, delivery: Delivery, now: float) -> None:
        """Note that a delivery is going to be sent; it is on the disk when this returns. Raises OSError."""
        self._note(delivery.key, Entry(now, delivery.attempts + 1))

    def ended(self, key: str, attempt: int, ended: Ended) -> None:
        """Note how an attempt has ended; it is on the disk when this returns. Raises OSError."""
        self._note(key, Entry(ended.began, attempt, ended.outcome, ended.seconds, ended.status, ended.reason))

    def _note(self, key: str, entry: Entry) -> None:
        line = _line(key, entry)
        with self._write_lock:
            if self._size > max(_LARGE, 2 * self._least) or len(self._entries) > 2 * MOST_KEPT:
                self._rewrite()
            try:
                _write(self._descriptor, line)
            except OSError:
                # what comes next is a line of its own
                with suppress(OSError):
                    os.ftruncate(self._descriptor, self._size)
                raise
            # what came last is last: the oldest are forgotten first
            self._entries.pop(key, None)
            self._entries[key] = entry
            self._size += len(line)
            mine, descriptor = self._size, self._descriptor
        with self._sync_lock:
            # somebody else's may have taken mine along; another file was written whole
            if descriptor == self._descriptor and self._synced < mine:
                reached = self._size
                os.fdatasync(descriptor)
                self._synced = reached

    def _rewrite(self) -> None:
        """Write what counts into a new file, and go on in that."""
        for key in list(self._entries)[: max(0, len(self._entries) - MOST_KEPT)]:
            del self._entries[key]
        temporary = self._path.with_name(f".{self._path.name}.new")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            content = b"".join(_line(key, entry) for key, entry in self._entries.items())
            _write(descriptor, content)
            os.fsync(descriptor)
            temporary.rename(self._path)
            sync_directory(self._path.parent)
        except BaseException:
            os.close(descriptor)
            raise
        with self._sync_lock:
            old, self._descriptor = self._descriptor, descriptor
            self._size = self._synced = self._least = len(content)
        if old >= 0:
            os.close(old)


def _read(path: Path) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    with path.open("rb") as file:
        for line in file:
            # the last one may be torn
            with suppress(ValueError, TypeError, KeyError):
                value = json.loads(line)
                key, outcome = value.pop("key"), value.pop("outcome", None)
                found.pop(key, None)
                found[key] = Entry(**value, outcome=None if outcome is None else Outcome(outcome))
    return found


def _line(key: str, entry: Entry) -> bytes:
    value: dict[str, object] = {"key": key, "attempt": entry.attempt, "began": entry.began}
    if entry.outcome is not None:
        value |= {"outcome": entry.outcome, "seconds": entry.seconds, "status": entry.status, "reason": entry.reason}
    return json.dumps(value).encode() + b"\n"


def _write(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
