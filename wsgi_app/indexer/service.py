"""The indexer's process: tells core how logs grow, and what is in them once they are finished (design.md section 4).

The disk is the truth, core's database the only memory: whatever was not recorded when the process died is found again
and done again, and a log that is indexed twice reads as if it had been once.
"""

import contextlib
import logging
import stat
import threading
import time
from collections.abc import Callable

from wsgi_app.config import Config
from wsgi_app.core import disk, heartbeat, presence
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.unsettled import Unsettled
from wsgi_app.errors import DiskFull, Unavailable
from wsgi_app.indexer import place, reconcile, settle
from wsgi_app.indexer.backlog import Backlog
from wsgi_app.indexer.index import Stamp
from wsgi_app.indexer.live import Live
from wsgi_app.indexer.ongoing import Ongoing
from wsgi_app.indexer.reading import Reader
from wsgi_app.indexer.status import Status
from wsgi_app.indexer.tree import Tree
from wsgi_app.model import LogAddress

#: how long one round waits for events, and how long it collects them
WAIT_SECONDS = 0.1
COLLECT_SECONDS = 0.02
#: how often core is asked while time alone may close logs
ASK_SECONDS = 1.0
#: how often the disk is searched while it cannot be watched
BLIND_SECONDS = 2.0
#: when what core refused is tried again
RETRY_SECONDS = 1.0
#: asking core takes at most a quarter of the time, however many logs are not settled
ASK_REST = 3

_log = logging.getLogger(__name__)


def run(gateway: Gateway, config: Config, stop: threading.Event, at_work: Callable[[], None] = lambda: None) -> None:
    """Index until `stop` is set; `at_work` is called after each round. Raises what no retry mends."""
    with presence.present(config.run):
        indexer = Indexer(gateway, config)
        try:
            while not stop.is_set():
                indexer.step()
                at_work()
        finally:
            indexer.close()


class Indexer:
    """Everything that the process does, in rounds; logs are read in threads, so that none holds up the rest."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._config = config
        self._recipes: dict[int, Ongoing] = {}
        #: logs that have changed since core was told
        self._grown: set[LogAddress] = set()
        self._reader = Reader(gateway, config)
        self._backlog = Backlog(self._reader, config.quiet_seconds)
        self._live = Live(gateway, config)
        self._latest = -1
        self._asked = self._changed = self._ask_from = 0.0
        self._reconciled = 0.0
        self._pause_until = 0.0
        self._status = Status()
        self._heartbeat = heartbeat.Heartbeat(config.run / heartbeat.INDEXER)
        config.logs.mkdir(parents=True, exist_ok=True)
        self._tree = Tree(config.logs)

    def close(self) -> None:
        """Stop; a log that is being read is finished first."""
        self._tree.close()
        self._backlog.close()

    def step(self) -> None:
        """Wait a moment for something to happen, and do what there is to do."""
        self._beat()
        hurry = self._live.busy and time.monotonic() >= self._pause_until
        changes = self._tree.poll(0 if hurry else WAIT_SECONDS)
        if changes.paths:
            time.sleep(COLLECT_SECONDS)
        self._grown |= changes.paths
        if changes.overflow:
            _log.warning("the kernel lost events: searching the disk")
            self._reconciled = 0.0
        if time.monotonic() < self._pause_until:
            return
        try:
            self._ask()
            self._reconcile(blind=changes.blind)
            self._tell()
            self._live.work(self._recipes)
            self._backlog.work(self._recipes)
            self._settle()
        except (Unavailable, DiskFull, OSError) as refusal:
            why = disk.typed(refusal, "the log tree") if isinstance(refusal, OSError) else refusal
            _log.warning("%s (trying again)", why)
            self._pause_until = time.monotonic() + RETRY_SECONDS
            # whatever was not done is asked for anew
            self._latest = -1

    def _beat(self) -> None:
        # out of descriptors, what the kernel says cannot be read: the file grows old, and the work goes on
        with contextlib.suppress(OSError):
            if self._heartbeat.due:
                self._heartbeat.beat(**self._status.take(self._recipes, self._backlog.reading, self._tree))

    def _ask(self) -> None:
        """Ask core which recipes are unsettled: when something has happened, and when time may have closed logs."""
        now = time.monotonic()
        if now < self._ask_from:
            return
        latest = self._gateway.events.latest()
        if latest != self._latest:
            self._latest, self._changed = latest, now
        elif not (self._recipes and now - self._asked >= ASK_SECONDS) and not self._quiet_is_over(now):
            return
        self._asked = now
        states = {state.recipe: state for state in self._gateway.logs.unsettled()}
        self._ask_from = time.monotonic() + ASK_REST * (time.monotonic() - now)
        for number in self._recipes.keys() - states.keys():
            self._forget(number)
        for number, state in states.items():
            if known := self._recipes.get(number):
                self._take(known, state)
            else:
                self._recipes[number] = Ongoing.begin(state, self._config.logs)
                # its logs come with the next round
                self._tree.arm(number)

    def _take(self, recipe: Ongoing, state: Unsettled) -> None:
        """Take what core says of a recipe by now; what was declared since is to be looked at."""
        for path, awaited in state.awaited.items():
            before = recipe.state.awaited.get(path)
            if before is None or before.declared != awaited.declared:
                self._grown.update(address for address in (place.address(f"{state.recipe}/{path}"),) if address)
        recipe.state = state

    def _quiet_is_over(self, now: float) -> bool:
        """Whether what happened last may have closed logs that count as closed only now."""
        return self._asked < self._changed + self._config.quiet_seconds <= now

    def _reconcile(self, *, blind: bool) -> None:
        """Compare with the disk: now and then, after lost events, and all the time where it cannot be watched."""
        every = BLIND_SECONDS if blind else self._config.reconcile_seconds
        if self._reconciled and time.monotonic() - self._reconciled < every:
            return
        for number in self._recipes:
            self._grown.update(reconcile.logs(self._config.logs, number))
        self._reconciled = time.monotonic()

    def _tell(self) -> None:
        """Tell core how large the logs that changed have become."""
        sizes: dict[tuple[int, str], int] = {}
        for address in self._grown:
            # a recipe that core does not name yet is armed, and so told again, when it does
            if (recipe := self._recipes.get(address.recipe)) and self._is_log(recipe, address):
                recipe.logs[address.path] = address
                recipe.pending.add(address.path)
                if address.path in recipe.state.awaited:
                    recipe.due.add(address.path)
                self._live.grew(recipe, address)
                sizes[address.recipe, address.path] = self._size(address) or 0
        if sizes:
            self._gateway.logs.grew(sizes)
        self._grown.clear()

    def _is_log(self, recipe: Ongoing, address: LogAddress) -> bool:
        """Whether the file is there and counts: an empty one that nobody wrote was only made in advance."""
        size = self._size(address)
        state = recipe.state
        known = address.path in recipe.logs or address.path in state.indexed or address.path in state.awaited
        in_advance = address.task is not None and address.result is None and address.name in self._config.precreate
        return size is not None and (size > 0 or known or not in_advance)

    def _settle(self) -> None:
        """Settle the recipes all of whose logs are indexed; what is on disk decides, once more."""
        now = time.monotonic()
        for number, recipe in list(self._recipes.items()):
            if not recipe.state.closed or recipe.later.get("", 0.0) > now:
                continue
            if not recipe.pending and self._shut(number) and self._complete(number):
                self._gateway.recipes.settle(number)
                for directory in reconcile.directories(self._config.logs, str(number)):
                    settle.sweep(self._config.logs / directory, older=settle.RENAME_SECONDS)
                self._forget(number)

    def _shut(self, number: int) -> bool:
        """Whether the gate was shut before, so that what is on disk now is all; if not, it is from now on."""
        if self._gateway.recipes.shut(number):
            return True
        # who got past it a moment ago opens the file first
        self._recipes[number].later[""] = time.monotonic() + self._config.quiet_seconds
        return False

    def _complete(self, number: int) -> bool:
        """Whether no log is on disk that is not indexed, and none is coming; one that is found is told."""
        recipe = self._recipes[number]
        complete = not any(
            settle.uploading(self._config.logs / directory)
            for directory in reconcile.directories(self._config.logs, str(number))
        )
        for address in reconcile.logs(self._config.logs, number):
            if not self._done(recipe, address) and self._is_log(recipe, address):
                self._grown.add(address)
                complete = False
        if not complete:
            recipe.later[""] = time.monotonic() + WAIT_SECONDS
        return complete

    def _done(self, recipe: Ongoing, address: LogAddress) -> bool:
        """Whether the log was indexed as it is now, or is gone."""
        try:
            return recipe.indexed.get(address.path) == Stamp.of(self._reader.path(address).lstat())
        except (FileNotFoundError, NotADirectoryError):
            return True

    def _forget(self, number: int) -> None:
        self._recipes.pop(number, None)
        self._tree.drop(number)

    def _size(self, address: LogAddress) -> int | None:
        """Return the log's size in bytes, None when it is gone or is no file."""
        try:
            status = self._reader.path(address).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None
