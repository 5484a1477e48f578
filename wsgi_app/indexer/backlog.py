"""The logs that are to be read: when each may be, by whom, and what came of it."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from wsgi_app.errors import DiskFull, NotFound, Unavailable
from wsgi_app.indexer import place, settle
from wsgi_app.indexer.index import Stamp
from wsgi_app.indexer.ongoing import Ongoing
from wsgi_app.indexer.reading import Look, Outcome, Reader
from wsgi_app.model import LogAddress

#: when what failed is tried again: after a refusal by core or the disk, after anything else
RETRY_SECONDS = 1.0
FAILED_SECONDS = 10.0
#: logs that are read, or wait for it, at a time
MAX_READING = 512
#: bytes of a log that takes so little time that many are read one after the other, to be recorded together
SMALL = 1 << 16
#: how many of them, and how many threads do that: the disk brings to rest together what several wait for
BATCH = 64
SMALL_THREADS = 8

_log = logging.getLogger(__name__)


class Backlog:
    """Has logs read in threads, large ones apart from small ones, so that none holds up the rest."""

    def __init__(self, reader: Reader, quiet_seconds: float) -> None:
        self._reader = reader
        self._quiet_seconds = quiet_seconds
        #: recipes with logs that are to be read; a dictionary for the order's sake
        self._busy: dict[int, None] = {}
        #: what is read now, or waits for a thread
        self._reading: set[LogAddress] = set()
        self._batches: list[tuple[Sequence[LogAddress], Future[Look | list[Outcome]]]] = []
        #: small logs that this round has found
        self._small: list[LogAddress] = []
        #: logs in a batch that failed as a whole: each is read alone from now on
        self._alone: set[LogAddress] = set()
        self._pool = ThreadPoolExecutor(2, "indexer")
        self._small_pool = ThreadPoolExecutor(SMALL_THREADS, "small")
        self._uploads: dict[Path, bool] = {}

    def close(self) -> None:
        """Stop; a log that is being read is finished first."""
        self._pool.shutdown(cancel_futures=True)
        self._small_pool.shutdown(cancel_futures=True)

    def add(self, recipe: int) -> None:
        """Look at the logs of this recipe that are ripe or due, from the next round on until there are none."""
        self._busy[recipe] = None

    def waits(self, recipes: Mapping[int, Ongoing]) -> list[float]:
        """Return since when each log waits whose owner has finished, or that is being read (monotonic)."""
        busy = [recipes[number] for number in self._busy.keys() & recipes.keys()]
        return [since for recipe in busy for since in (*recipe.ripe.values(), *recipe.reading.values())]

    def work(self, recipes: Mapping[int, Ongoing]) -> None:
        """Have the logs read that are finished, or may be what was declared, and see what came of those that were."""
        self._reap(recipes)
        self._uploads.clear()
        now = time.monotonic()
        for recipe, path in self._candidates(recipes):
            if len(self._reading) >= MAX_READING:
                break
            if path not in recipe.reading and recipe.later.get(path, 0.0) <= now:
                self._consider(recipe, path, now)
        small, self._small = self._small, []
        for begin in range(0, len(small), BATCH):
            some = small[begin : begin + BATCH]
            self._batches.append((some, self._small_pool.submit(self._reader.index, some)))

    def _candidates(self, recipes: Mapping[int, Ongoing]) -> Iterator[tuple[Ongoing, str]]:
        """Yield the logs that are ripe or due, and forget the recipes that have none."""
        for number in list(self._busy):
            recipe = recipes.get(number)
            if recipe is None or not (recipe.ripe or recipe.due or recipe.reading):
                del self._busy[number]
            else:
                yield from ((recipe, path) for path in [*recipe.ripe, *recipe.due])

    def _consider(self, recipe: Ongoing, path: str, now: float) -> None:
        """Have a log read when it is time, unless somebody writes it."""
        address = place.address(f"{recipe.state.recipe}/{path}")
        if address is None:
            raise ValueError(f"no log may lie at {path!r}")
        if address in self._reading:
            # for a recipe that was forgotten, and is back
            return
        try:
            if path not in recipe.ripe:
                self._consider_declared(recipe, address, now)
            elif recipe.closed(address.task):
                self._consider_closed(recipe, address, now)
            else:
                # a clock was put back
                recipe.done(path)
                recipe.pending.add(path)
        except (FileNotFoundError, NotADirectoryError):
            recipe.gone(path)
        except OSError as error:
            _log.warning("recipe %d: %s cannot be read: %s", address.recipe, path, error.strerror)
            recipe.later[path] = now + FAILED_SECONDS

    def _consider_closed(self, recipe: Ongoing, address: LogAddress, now: float) -> None:
        """Have a log read unless it was read as it is now. Raises OSError."""
        path = self._reader.path(address)
        stamp = Stamp.of(path.lstat())
        look = recipe.looks.get(address.path)
        if recipe.indexed.get(address.path) == stamp:
            recipe.done(address.path)
        elif look is not None and look.found is not None and look.stamp == stamp:
            self._begin(recipe, address, now, self._pool.submit(self._reader.record, address, look, look.found))
        elif not settle.writers(path) and not self._uploading(path.parent):
            if stamp.size <= SMALL and address not in self._alone:
                self._small.append(address)
                self._begin(recipe, address, now)
            else:
                self._begin(recipe, address, now, self._pool.submit(self._reader.index, [address]))

    def _begin(
        self, recipe: Ongoing, address: LogAddress, now: float, reading: "Future[Look | list[Outcome]] | None" = None
    ) -> None:
        """Take note that a log is being read, by itself or (None) in the batch of this round."""
        recipe.reading[address.path] = recipe.ripe.pop(address.path, now)
        self._reading.add(address)
        if reading is not None:
            self._batches.append(([address], reading))

    def _uploading(self, directory: Path) -> bool:
        """Whether an upload into the directory is under way; looked up once a round: it may have thousands of logs."""
        if directory not in self._uploads:
            self._uploads[directory] = settle.uploading(directory)
        return self._uploads[directory]

    def _consider_declared(self, recipe: Ongoing, address: LogAddress, now: float) -> None:
        """Have a log looked at that may be what was declared, or recorded when that was seen. Raises OSError."""
        path = self._reader.path(address)
        stamp = Stamp.of(path.lstat())
        awaited = recipe.state.awaited.get(address.path)
        look = recipe.looks.get(address.path)
        if look is not None and awaited is not None and look.declared != awaited.declared:
            look = None
        found = None if look is None else look.found
        if awaited is None or recipe.indexed.get(address.path) == stamp:
            recipe.due.discard(address.path)
        elif look is not None and look.stamp == stamp:
            if found is None:
                # it is something else: until it changes
                recipe.due.discard(address.path)
            elif now >= look.ended + self._quiet_seconds and settle.settled(path):
                self._begin(recipe, address, now, self._pool.submit(self._reader.record, address, look, found))
        elif found is None and not awaited.sealed and awaited.declared.size not in (None, stamp.size):
            recipe.due.discard(address.path)
        elif (look is None or found is not None or now >= look.rested) and settle.settled(path):
            self._begin(recipe, address, now, self._pool.submit(self._reader.look, address, awaited.declared))

    def _reap(self, recipes: Mapping[int, Ongoing]) -> None:
        """See what came of the logs that were read."""
        now = time.monotonic()
        running = [batch for batch in self._batches if not batch[1].done()]
        done = [batch for batch in self._batches if batch[1].done()]
        self._batches = running
        for addresses, future in done:
            self._reading.difference_update(addresses)
            for address, outcome in zip(addresses, _outcomes(addresses, future), strict=True):
                self._alone.discard(address)
                if recipe := recipes.get(address.recipe):
                    self._take(recipe, address, outcome, now)
                    if not isinstance(outcome, Outcome):
                        self._alone.add(address)

    def _take(self, recipe: Ongoing, address: LogAddress, outcome: Look | BaseException, now: float) -> None:
        path = address.path
        since = recipe.reading.pop(path, now)
        self._busy[address.recipe] = None
        # once more: it may have changed meanwhile
        if recipe.closed(address.task):
            recipe.ripe[path] = since
        if isinstance(outcome, Look):
            _note(recipe, path, outcome)
        elif isinstance(outcome, FileNotFoundError | NotFound):
            recipe.gone(path)
        elif isinstance(outcome, Unavailable | DiskFull | OSError):
            _log.warning("recipe %d: %s is not indexed yet: %s", address.recipe, path, outcome)
            recipe.later[path] = now + RETRY_SECONDS
        else:
            _log.error("recipe %d: %s cannot be indexed", address.recipe, path, exc_info=outcome)
            recipe.later[path] = now + FAILED_SECONDS


def _outcomes(
    addresses: Sequence[LogAddress], future: "Future[Look | list[Outcome]]"
) -> Sequence[Look | BaseException]:
    """Return what came of each log of a batch."""
    error = future.exception()
    if error is not None:
        return [error] * len(addresses)
    found = future.result()
    return [found] if isinstance(found, Look) else found


def _note(recipe: Ongoing, path: str, look: Look) -> None:
    """Remember what came of reading a log."""
    recipe.later.pop(path, None)
    if look.finished:
        recipe.indexed[path] = look.stamp
        recipe.looks.pop(path, None)
    else:
        recipe.looks[path] = look
