"""Watches the log tree and says which logs may have changed. Events are hints, the disk is the truth.

A directory is watched first and listed then, so what is made in between is found by one or the other; inotify-simple
shows the queue's overflow, which others hide (watchdog, watchfiles and asyncinotify all lost closes when measured).
"""

import errno
import logging
import os
import time
from pathlib import Path

from attrs import define, field
from inotify_simple import Event, INotify, flags

from wsgi_app.errors import Unavailable
from wsgi_app.indexer import place
from wsgi_app.model import LogAddress

_WATCHED = flags.CLOSE_WRITE | flags.MOVED_TO | flags.CREATE | flags.ONLYDIR | flags.DONT_FOLLOW | flags.EXCL_UNLINK
#: what the kernel may have too few of, by error
_LIMITS = {
    errno.ENOSPC: "fs.inotify.max_user_watches",
    errno.EMFILE: "fs.inotify.max_user_instances, or open files of the process",
    errno.ENFILE: "fs.file-max",
}
#: how often directories that could not be watched are tried again
HEAL_SECONDS = 2.0

_log = logging.getLogger(__name__)


class WatchLimit(Unavailable):
    """The kernel watches no more directories: raise fs.inotify.max_user_watches and max_user_instances.

    The kernel watches no more directories: raise `fs.inotify.max_user_watches` and `max_user_instances`. Until then the
    disk is searched every two seconds.
    """

    code = "indexer.watch-limit"


@define
class Changes:
    """What may have changed since the last poll."""

    paths: set[LogAddress] = field(factory=set)
    #: events were lost: whatever is on disk may have changed
    overflow: bool = False
    #: some directories are not watched: their changes are not told
    blind: bool = False


class Tree:
    """The directories of the log tree in which something may still happen."""

    def __init__(self, root: Path) -> None:
        """Watch `root` for recipes that come; those that are there are watched when `arm` names them."""
        self._root = root
        self._inotify: INotify | None = None
        #: directories below the root by watch, and the other way round by recipe
        self._paths: dict[int, str] = {}
        self._watches: dict[int, dict[str, int]] = {}
        #: directories that could not be watched
        self._unwatched: set[str] = set()
        self._said_blind = False
        self._heal_at = 0.0
        #: how often the kernel's queue overflowed
        self.overflows = 0
        #: what the kernel said when it refused a watch last
        self._refusal: OSError | None = None
        self._found = Changes()
        #: the root that is watched, as the kernel names it; None: there is none, or it is gone
        self._rooted = self._root_now()
        self._watch("")

    def arm(self, recipe: int) -> None:
        """Watch a recipe's logs; those that are there are told as changed. Its directory may be still to come."""
        self._watches.setdefault(recipe, {})
        self._arm(str(recipe))

    def poll(self, timeout: float) -> Changes:
        """Wait at most `timeout` seconds for something to happen, and return what did."""
        self._follow_root()
        if self._unwatched and time.monotonic() >= self._heal_at:
            self._heal()
        if self._inotify is None:
            time.sleep(timeout)
        else:
            nothing = not (self._found.paths or self._found.overflow)
            for event in self._inotify.read(timeout=int(timeout * 1000) if nothing else 0):
                self._take(event)
        changes, self._found = self._found, Changes()
        changes.blind = bool(self._unwatched)
        return changes

    def drop(self, recipe: int) -> None:
        """Watch a recipe no longer."""
        for watch in self._watches.pop(recipe, {}).values():
            self._paths.pop(watch, None)
            self._remove(watch)
        self._unwatched = {path for path in self._unwatched if path == "" or place.recipe_of(path) != recipe}
        # what could not be watched is not wanted any more: the next one is said again
        self._said_blind = self._said_blind and bool(self._unwatched)

    @property
    def found(self) -> int:
        """How many logs the next poll tells of, at the least."""
        return len(self._found.paths)

    @property
    def watches(self) -> int:
        """How many directories are watched."""
        return len(self._paths)

    @property
    def watch_limit(self) -> int:
        """How many directories this user's processes may watch together. Raises OSError."""
        return int(Path("/proc/sys/fs/inotify/max_user_watches").read_text())

    @property
    def blind(self) -> str | None:
        """Why some directories cannot be watched, in a sentence; None when all are."""
        if not self._unwatched or self._refusal is None:
            return None
        what = _LIMITS.get(self._refusal.errno or 0, "the kernel's memory")
        return f"it cannot watch the logs ({self._refusal.strerror}: {what}), and searches the disk every 2 s"

    def close(self) -> None:
        """Stop watching."""
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None

    def _root_now(self) -> tuple[int, int] | None:
        try:
            status = self._root.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _follow_root(self) -> None:
        """Begin anew where the root is another directory than the one that is watched: made anew, or mounted over."""
        now = self._root_now()
        if now is None or now == self._rooted:
            return
        _log.warning("%s is another directory than before: watching it anew", self._root)
        self.close()
        self._paths.clear()
        self._unwatched.clear()
        for watches in self._watches.values():
            watches.clear()
        self._rooted = now
        self._arm_all()
        # what is there may have come while nobody looked
        self._found.overflow = True

    def _arm_all(self) -> None:
        """Watch everything once more; what is there may have changed."""
        self._watch("")
        for recipe in list(self._watches):
            self._arm(str(recipe))

    def _arm(self, top: str) -> None:
        """Watch a directory and those below it, and list them."""
        waiting = [top]
        while waiting:
            directory = waiting.pop()
            try:
                self._watch(directory)
                with os.scandir(self._root / directory) as entries:
                    for entry in entries:
                        path = f"{directory}/{entry.name}"
                        if entry.is_dir(follow_symlinks=False):
                            if place.holds_logs(path):
                                waiting.append(path)
                        elif entry.is_file(follow_symlinks=False) and (address := place.address(path)):
                            self._found.paths.add(address)
            except OSError as error:
                # gone again, or replaced: then an event tells
                if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                    _log.warning("%s/%s cannot be watched: %s", self._root, directory, error.strerror)

    def _watch(self, directory: str) -> None:
        """Watch one directory; where the kernel refuses, remember to try again, loudly. Raises other OSErrors."""
        try:
            if self._inotify is None:
                self._inotify = INotify(inheritable=False, nonblocking=True)
            watch = self._inotify.add_watch(self._root / directory, _WATCHED)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM):
                raise
            if not self._said_blind:
                self._said_blind = True
                _log.error("%s Until then the tree is searched again and again.", WatchLimit().message)
                self._heal_at = time.monotonic() + HEAL_SECONDS
            self._unwatched.add(directory)
            self._refusal = error
            return
        self._paths[watch] = directory
        if directory:
            self._watches.setdefault(place.recipe_of(directory), {})[directory] = watch

    def _heal(self) -> None:
        """Try again what could not be watched."""
        unwatched, self._unwatched = self._unwatched, set()
        for directory in sorted(unwatched):
            if self._unwatched:
                self._unwatched.add(directory)
            elif directory:
                self._arm(directory)
            else:
                self._watch("")
        self._heal_at = time.monotonic() + HEAL_SECONDS
        if not self._unwatched:
            self._said_blind = False
            _log.warning("the whole log tree is watched again")

    def _take(self, event: Event) -> None:
        if event.mask & flags.Q_OVERFLOW:
            self._found.overflow = True
            self.overflows += 1
            self._arm_all()
            return
        directory = self._paths.get(event.wd)
        if directory is None:
            return
        if event.mask & flags.IGNORED:
            self._forget(event.wd, directory)
            return
        path = f"{directory}/{event.name}" if directory else event.name
        if event.mask & flags.ISDIR:
            if place.holds_logs(path):
                self._arm(path)
        # CREATE too: the application links a whole new log into place, and nobody closes it under that name
        elif event.mask & (flags.CLOSE_WRITE | flags.MOVED_TO | flags.CREATE) and (address := place.address(path)):
            self._found.paths.add(address)

    def _forget(self, watch: int, directory: str) -> None:
        """A directory is gone; another may have its name by now."""
        self._paths.pop(watch)
        if not directory:
            # another one may even have its number
            self._rooted = None
        known = self._watches.get(place.recipe_of(directory), {}) if directory else {}
        if known.get(directory) == watch:
            known.pop(directory)

    def _remove(self, watch: int) -> None:
        """Remove a watch; the kernel has done so already when its directory is gone."""
        if self._inotify is None:
            return
        try:
            self._inotify.rm_watch(watch)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
