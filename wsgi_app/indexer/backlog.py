"""The logs that are to be read: when each may be, by whom, and what came of it."""

import logging
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from wsgi_app.errors import DiskFull, NotFound, Unavailable
from wsgi_app.indexer import settle
from wsgi_app.indexer.index import Stamp
from wsgi_app.indexer.ongoing import Ongoing
from wsgi_app.indexer.reading import Look, Reader
from wsgi_app.model import LogAddress

#: when what failed is tried again: after a refusal by core or the disk, after anything else
RETRY_SECONDS = 1.0
FAILED_SECONDS = 10.0
#: logs that are read, or wait for it, at a time
MAX_READING = 512
#: bytes of a log that takes so little time that many are read side by side, to be recorded together
SMALL = 1 << 16

_log = logging.getLogger(__name__)


class Backlog:
    """Has logs read in threads, large ones apart from small ones, so that none holds up the rest."""

    def __init__(self, reader: Reader, quiet_seconds: float) -> None:
        self._reader = reader
        self._quiet_seconds = quiet_seconds
        #: what is read now, or waits for it
        self.reading: dict[LogAddress, Future[Look]] = {}
        self._pool = ThreadPoolExecutor(2, "indexer")
        self._small_pool = ThreadPoolExecutor(16, "small")
        self._uploads: dict[Path, bool] = {}

    def close(self) -> None:
        """Stop; a log that is being read is finished first."""
        self._pool.shutdown(cancel_futures=True)
        self._small_pool.shutdown(cancel_futures=True)

    def work(self, recipes: Mapping[int, Ongoing]) -> None:
        """Have the logs read that are finished, or may be what was declared, and see what came of those that were."""
        self._reap(recipes)
        self._uploads.clear()
        now = time.monotonic()
        for recipe in recipes.values():
            for path in list(recipe.pending):
                if len(self.reading) >= MAX_READING:
                    return
                address = recipe.logs[path]
                if address not in self.reading and recipe.later.get(path, 0.0) <= now:
                    self._consider(recipe, address, now)

    def _consider(self, recipe: Ongoing, address: LogAddress, now: float) -> None:
        """Have a log read when it is time, unless somebody writes it."""
        try:
            if recipe.closed(address):
                self._consider_closed(recipe, address)
            elif address.path in recipe.due:
                self._consider_declared(recipe, address, now)
        except (FileNotFoundError, NotADirectoryError):
            recipe.gone(address)
        except OSError as error:
            _log.warning("recipe %d: %s cannot be read: %s", address.recipe, address.path, error.strerror)
            recipe.later[address.path] = now + FAILED_SECONDS

    def _consider_closed(self, recipe: Ongoing, address: LogAddress) -> None:
        """Have a log read unless it was read as it is now. Raises OSError."""
        path = self._reader.path(address)
        stamp = Stamp.of(path.lstat())
        look = recipe.looks.get(address.path)
        if recipe.indexed.get(address.path) == stamp:
            recipe.pending.discard(address.path)
        elif look is not None and look.found is not None and look.stamp == stamp:
            self.reading[address] = self._pool.submit(self._reader.record, address, look, look.found)
        elif not settle.writers(path) and not self._uploading(path.parent):
            pool = self._small_pool if stamp.size <= SMALL else self._pool
            self.reading[address] = pool.submit(self._reader.index, address)

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
                self.reading[address] = self._pool.submit(self._reader.record, address, look, found)
        elif found is None and not awaited.sealed and awaited.declared.size not in (None, stamp.size):
            recipe.due.discard(address.path)
        elif (look is None or found is not None or now >= look.rested) and settle.settled(path):
            self.reading[address] = self._pool.submit(self._reader.look, address, awaited.declared)

    def _reap(self, recipes: Mapping[int, Ongoing]) -> None:
        now = time.monotonic()
        for address in [address for address, future in self.reading.items() if future.done()]:
            future = self.reading.pop(address)
            recipe = recipes.get(address.recipe)
            error = future.exception()
            if recipe is None:
                continue
            if error is None:
                _note(recipe, address, future.result())
            elif isinstance(error, FileNotFoundError | NotFound):
                recipe.gone(address)
            elif isinstance(error, Unavailable | DiskFull | OSError):
                _log.warning("recipe %d: %s is not indexed yet: %s", address.recipe, address.path, error)
                recipe.later[address.path] = now + RETRY_SECONDS
            else:
                _log.error("recipe %d: %s cannot be indexed", address.recipe, address.path, exc_info=error)
                recipe.later[address.path] = now + FAILED_SECONDS


def _note(recipe: Ongoing, address: LogAddress, look: Look) -> None:
    """Remember what came of reading a log."""
    if look.finished:
        recipe.indexed[address.path] = look.stamp
        recipe.looks.pop(address.path, None)
    else:
        recipe.looks[address.path] = look
