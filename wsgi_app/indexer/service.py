"""The indexer's process: tells core how logs grow, and what is in them once they are finished (design.md section 4).

The disk is the truth, core's database the only memory: whatever was not recorded when the process died is found again
and done again, and a log that is indexed twice reads as if it had been once.
"""

import contextlib
import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Iterable
from itertools import islice

from wsgi_app.config import Config
from wsgi_app.core import disk, heartbeat, presence
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.unsettled import Indexed, Unsettled
from wsgi_app.errors import DiskFull, Unavailable
from wsgi_app.indexer import place, reconcile, settle, status
from wsgi_app.indexer.backlog import Backlog
from wsgi_app.indexer.index import Stamp
from wsgi_app.indexer.live import Live
from wsgi_app.indexer.ongoing import Ongoing, in_advance
from wsgi_app.indexer.reading import Reader
from wsgi_app.indexer.tree import Tree
from wsgi_app.model import LogAddress

#: how long one round waits for events, and how long it collects them
WAIT_SECONDS = 0.1
COLLECT_SECONDS = 0.02
#: how often core is asked, at the least, about a recipe of which time alone closes logs: its clock may be set
ASK_SECONDS = 1.0
#: how often what logs of a recipe come to is added up while they grow
WEIGH_SECONDS = 1.0
#: logs whose sizes one transaction notes: more would hold up the database's other writers
MOST_TOLD = 1000
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
        self._root = str(config.logs)
        self._recipes: dict[int, Ongoing] = {}
        #: those of them whose logs are still to be watched and listed; a dictionary for the order's sake
        self._unarmed: dict[int, None] = {}
        #: logs that have changed since core was told
        self._grown: set[LogAddress] = set()
        self._reader = Reader(gateway, config)
        self._backlog = Backlog(self._reader, config.quiet_seconds)
        self._live = Live(gateway, config)
        #: the newest event that is taken into account; None: everything is asked for anew
        self._latest: int | None = None
        self._ask_from = 0.0
        #: when to ask about recipes of which time alone closes logs
        self._closing: dict[int, float] = {}
        #: recipes all of whose logs are closed
        self._ending: set[int] = set()
        #: recipes whose logs have grown since they were weighed
        self._heavier: set[int] = set()
        self._weigh_from = 0.0
        # what is there is listed when it is armed
        self._reconciled = time.monotonic()
        self._pause_until = 0.0
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
        hurry = (self._live.busy or self._grown or self._unarmed) and time.monotonic() >= self._pause_until
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
            self._arm()
            self._reconcile(blind=changes.blind)
            self._tell()
            self._weigh()
            self._live.work(self._recipes)
            self._backlog.work(self._recipes)
            self._settle()
        except (Unavailable, DiskFull, OSError) as refusal:
            why = disk.typed(refusal, "the log tree") if isinstance(refusal, OSError) else refusal
            _log.warning("%s (trying again)", why)
            self._pause_until = time.monotonic() + RETRY_SECONDS
            # whatever was not done is asked for anew
            self._latest = None

    def _beat(self) -> None:
        # out of descriptors, what the kernel says cannot be read: the file grows old, and the work goes on
        with contextlib.suppress(OSError):
            if self._heartbeat.due:
                self._heartbeat.beat(**status.take(self._recipes, self._backlog, self._tree))

    def _ask(self) -> None:
        """Ask core what has become of recipes: of those that events tell of, and those of which time closes logs."""
        now = time.monotonic()
        if now < self._ask_from:
            return
        due = [number for number, moment in self._closing.items() if moment <= now]
        survey = self._gateway.logs.survey(self._latest, due)
        found = {state.recipe: state for state in survey.states}
        new = found.keys() - self._recipes.keys()
        before = self._gateway.logs.indexed_before(new) if new else {}
        for number in (self._recipes.keys() if survey.asked is None else survey.asked) - found.keys():
            self._forget(number)
        for number, state in found.items():
            self._take(state, before.get(number, ()), now)
        self._latest = survey.newest
        self._ask_from = time.monotonic() + ASK_REST * (time.monotonic() - now)

    def _take(self, state: Unsettled, before: Iterable[Indexed], now: float) -> None:
        """Take what core says of a recipe by now; what was declared since is to be looked at."""
        number = state.recipe
        if recipe := self._recipes.get(number):
            for path, awaited in state.awaited.items():
                known = recipe.state.awaited.get(path)
                if known is None or known.declared != awaited.declared:
                    self._grown.update(address for address in (place.address(f"{number}/{path}"),) if address)
            recipe.take(state, now)
            self._backlog.add(number)
        else:
            self._recipes[number] = Ongoing.begin(state, before, self._config.precreate, self._config.logs)
            self._unarmed[number] = None
        if state.closed:
            self._ending.add(number)
        else:
            self._ending.discard(number)
        if state.closes_in is None:
            self._closing.pop(number, None)
        else:
            self._closing[number] = now + min(state.closes_in, ASK_SECONDS)

    def _arm(self) -> None:
        """Watch the logs of new recipes; those that are there come with the next round, and not all at once."""
        while self._unarmed and self._tree.found < MOST_TOLD:
            number = next(iter(self._unarmed))
            self._tree.arm(number)
            del self._unarmed[number]

    def _reconcile(self, *, blind: bool) -> None:
        """Compare with the disk: now and then, after lost events, and all the time where it cannot be watched."""
        every = BLIND_SECONDS if blind else self._config.reconcile_seconds
        if self._reconciled and time.monotonic() - self._reconciled < every:
            return
        for number in self._recipes:
            self._grown.update(reconcile.logs(self._config.logs, number))
        if self._reconciled and not blind:
            # events should have told of everything; that too is made sure of, now and then
            self._latest = None
        self._reconciled = time.monotonic()

    def _tell(self) -> None:
        """Tell core how large the logs that changed have become."""
        some = set(islice(self._grown, MOST_TOLD))
        sizes: dict[tuple[int, str], int] = {}
        now = time.monotonic()
        for address in some:
            # a recipe that core does not name yet is armed, and so told again, when it does
            recipe = self._recipes.get(address.recipe)
            size = None if recipe is None else self._size(recipe, address)
            if recipe is not None and size is not None:
                recipe.changed(address, now)
                self._backlog.add(address.recipe)
                self._live.grew(recipe, address)
                sizes[address.recipe, address.path] = size
        if sizes:
            self._gateway.logs.grew(sizes)
            self._heavier.update(recipe for recipe, _ in sizes)
        self._grown -= some

    def _weigh(self) -> None:
        """Have those recipes told that they are full whose logs have become too large; they are added up for that."""
        now = time.monotonic()
        if self._heavier and now >= self._weigh_from:
            self._gateway.logs.weigh(self._heavier)
            self._heavier.clear()
            self._weigh_from = time.monotonic() + max(WEIGH_SECONDS, ASK_REST * (time.monotonic() - now))

    def _size(self, recipe: Ongoing, address: LogAddress) -> int | None:
        """Return a log's size in bytes; None when it is gone, no file, or empty since it was only made in advance."""
        try:
            status = os.lstat(f"{self._root}/{address.recipe}/{address.path}")
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        if in_advance(address, self._config.precreate):
            if status.st_size > 0 or address.path in recipe.state.awaited:
                recipe.written.add(address.path)
            elif address.path not in recipe.written:
                return None
        return status.st_size

    def _settle(self) -> None:
        """Settle the recipes all of whose logs are indexed; what is on disk decides, once more."""
        if self._grown:
            # what has changed is looked at first
            return
        now = time.monotonic()
        for number in list(self._ending):
            recipe = self._recipes[number]
            if number in self._unarmed or not recipe.idle or recipe.later.get("", 0.0) > now:
                continue
            if self._shut(recipe) and self._complete(recipe):
                self._gateway.recipes.settle(number)
                for directory in reconcile.directories(self._config.logs, str(number)):
                    settle.sweep(self._config.logs / directory, older=settle.RENAME_SECONDS)
                self._forget(number)

    def _shut(self, recipe: Ongoing) -> bool:
        """Whether the gate was shut before, so that what is on disk now is all; if not, it is from now on."""
        if self._gateway.recipes.shut(recipe.state.recipe):
            return True
        # who got past it a moment ago opens the file first
        recipe.later[""] = time.monotonic() + self._config.quiet_seconds
        return False

    def _complete(self, recipe: Ongoing) -> bool:
        """Whether no log is on disk that is not indexed, and none is coming; one that is found is told."""
        number = recipe.state.recipe
        complete = not any(
            settle.uploading(self._config.logs / directory)
            for directory in reconcile.directories(self._config.logs, str(number))
        )
        for address in reconcile.logs(self._config.logs, number):
            if not self._done(recipe, address) and self._size(recipe, address) is not None:
                self._grown.add(address)
                complete = False
        if not complete:
            recipe.later[""] = time.monotonic() + WAIT_SECONDS
        return complete

    def _done(self, recipe: Ongoing, address: LogAddress) -> bool:
        """Whether the log was indexed as it is now, or is gone."""
        try:
            found = Stamp.of(os.lstat(f"{self._root}/{address.recipe}/{address.path}"))
        except (FileNotFoundError, NotADirectoryError):
            return True
        return recipe.indexed.get(address.path) == found

    def _forget(self, number: int) -> None:
        self._recipes.pop(number, None)
        self._unarmed.pop(number, None)
        self._closing.pop(number, None)
        self._ending.discard(number)
        self._tree.drop(number)
