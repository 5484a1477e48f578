"""Reads the console logs of tasks whose results are wanted while they run, and has stored what they tell.

A log is read in the rounds of the indexer, a block at a time, so that none keeps the others waiting. What this process
remembers of it is gone with it: the next one reads the log from its beginning, and what is stored already stays.
"""

import logging
import os
import stat
import time
from collections.abc import Mapping
from itertools import islice

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.live import Told
from wsgi_app.core.logname import CONSOLE
from wsgi_app.indexer.growing import Growing
from wsgi_app.indexer.ongoing import Ongoing
from wsgi_app.model import LogAddress

#: how long one round may read
ROUND_SECONDS = 0.1
#: logs of which one transaction stores what they told
MOST = 500

_log = logging.getLogger(__name__)


class Live:
    """The growing logs that are read."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._config = config
        #: logs in which there may be more to read, in the order in which they are; a dictionary for the order's sake
        self._waiting: dict[LogAddress, None] = {}
        #: logs that told something that is to be stored
        self._telling: dict[LogAddress, Growing] = {}

    @property
    def busy(self) -> bool:
        """Whether something is still to be read or stored."""
        return bool(self._waiting or self._telling)

    def grew(self, recipe: Ongoing, address: LogAddress) -> None:
        """Take note that a log may have changed; one that is not read before its end costs nothing."""
        if address.task in recipe.state.live_tasks and address.result is None and address.name == CONSOLE:
            self._waiting[address] = None

    def work(self, recipes: Mapping[int, Ongoing]) -> None:
        """Read what has come, for a while, and store what it tells. What core refuses is stored the next time."""
        until = time.monotonic() + ROUND_SECONDS
        for address in list(self._waiting):
            del self._waiting[address]
            recipe = recipes.get(address.recipe)
            if recipe is not None and self._read(recipe, address):
                # others first
                self._waiting[address] = None
            if time.monotonic() > until:
                break
        self._store(recipes)

    def _read(self, recipe: Ongoing, address: LogAddress) -> bool:
        """Read the next block of a log; whether there is more. What cannot be read waits for the log's end."""
        if recipe.closed(address.task):
            recipe.growing.pop(address.path, None)
            return False
        try:
            descriptor = os.open(self._path(address), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                return self._read_open(recipe, address, descriptor)
            finally:
                os.close(descriptor)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            _log.warning("recipe %d: %s cannot be read: %s", address.recipe, address.path, error.strerror)
            return False

    def _read_open(self, recipe: Ongoing, address: LogAddress, descriptor: int) -> bool:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return False
        log = recipe.growing.get(address.path)
        if log is None and status.st_size == 0:
            # core does not know it yet
            return False
        if log is None or log.begins_anew(status):
            log = Growing(address.name, status.st_ino, status.st_size, self._config.max_parsed)
            recipe.growing[address.path] = log
            self._telling.pop(address, None)
        log.read(descriptor, status.st_size)
        if log.due:
            self._telling[address] = log
        return log.is_behind(status.st_size)

    def _store(self, recipes: Mapping[int, Ongoing]) -> None:
        """Have stored what logs told; what is closed by now is left to the pass over the finished log."""
        for address in list(self._telling):
            recipe = recipes.get(address.recipe)
            if recipe is None or recipe.closed(address.task):
                del self._telling[address]
        if not self._telling:
            return
        some = list(islice(self._telling.items(), MOST))
        told = [
            Told(one.recipe, one.path, log.after, log.found, again=log.doubtful, signals=log.said) for one, log in some
        ]
        for _, log in some:
            log.doubtful = True
        for (address, log), last in zip(some, self._gateway.logs.told(told), strict=True):
            if last is None:
                log.enough = True
            else:
                log.store(last)
            del self._telling[address]

    def _path(self, address: LogAddress) -> str:
        return f"{self._config.logs}/{address.recipe}/{address.path}"
