"""The harness: asks the controller for recipes and runs them, one after the other."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn
from urllib.parse import quote

from wsgi_app.harnesses.address import address
from wsgi_app.harnesses.document import BadDocument, parse_claim
from wsgi_app.harnesses.local.controller import Controller, Refused
from wsgi_app.harnesses.local.recipe import Recipe
from wsgi_app.harnesses.local.state import Locked, State, Store
from wsgi_app.harnesses.local.task import kill_session
from wsgi_app.harnesses.plain import plain
from wsgi_app.harnesses.removal import remove

WAIT = 50  #: seconds that one claim may wait; answers must come within 60
PAUSE = 5.0  #: seconds before the next claim when there was nothing to do with this one
SOON = 1.0  #: seconds: what is over sooner is not to be pressed for the next

WORKED_THROUGH = 0
ENDED_BY_CONTROLLER = 1
REFUSED = 2
INTERRUPTED = 130


class Terminated(BaseException):
    """SIGTERM: leave at once. What runs goes on; a later harness with the same state directory takes it up."""


@dataclass(frozen=True)
class Options:
    """How to run: with `system` recipes are claimed with its key, with `recipe` that one is run with its own key."""

    url: str
    state: Path  #: the state directory; one harness at a time
    system: str = ""
    recipe: int = 0
    key: str = ""
    once: bool = False  #: leave after one recipe
    progress: bool = False  #: show uploads on standard output
    ca_file: str = ""  #: whose CAs are trusted over https beside those of this system


def run(options: Options) -> int:
    """Run recipes and return the exit status.

    0: the last recipe was worked through, or SIGTERM came (the running task goes on). 1: the controller ended the last
    recipe. 2: the controller refused, or the options are wrong. 130: interrupted, the running task was killed and
    reported. Call it from the main thread.
    """
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        store = Store(options.state)
        try:
            return Harness(options, store).work()
        finally:
            store.close()
    except (ValueError, Locked) as error:
        _say(str(error))
        return REFUSED
    except Terminated:
        _say("terminated; a running task goes on")
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)


class Harness:
    """The loop around recipes; raises ValueError for a URL that is none."""

    def __init__(self, options: Options, store: Store) -> None:
        self._options = options
        self._store = store
        self._base = address(options.url)._replace(ca_file=options.ca_file)
        self._key = options.key or self._base.password
        self._show = sys.stdout if options.progress else None

    def work(self) -> int:
        """Run recipes until told to stop; returns the exit status."""
        self._drop_foreign_state()
        while True:
            try:
                self._obtain()
            except (Refused, BadDocument) as error:
                _say(f"no recipe: {error}")
                return REFUSED
            began = time.monotonic()
            with self._recipe() as recipe:
                through = recipe.work()
            if self._options.once or self._options.recipe:
                return WORKED_THROUGH if through else ENDED_BY_CONTROLLER
            if not through and time.monotonic() - began < SOON:
                time.sleep(PAUSE)

    @contextlib.contextmanager
    def _recipe(self) -> Iterator[Recipe]:
        """The recipe that we hold."""
        controller = Controller(self._base, self._store.state.key, _say)
        try:
            yield Recipe(controller, self._store, _say, self._show)
        finally:
            controller.close()

    def _drop_foreign_state(self) -> None:
        """Forget a recipe of another controller or system, and kill what runs of it."""
        state, options = self._store.state, self._options
        ours = state.url == self._base.url and state.system == options.system
        if ours and (not options.recipe or state.recipe in (0, options.recipe)):
            return
        self._discard()

    def _discard(self) -> None:
        run = self._store.state.run
        if run is not None and run.process is not None:
            kill_session(run.process)
        remove(self._store.directory / "recipes")
        self._store.state = State(url=self._base.url, system=self._options.system)
        self._store.save()

    def _obtain(self) -> None:
        """Make the state name a recipe: the one that we hold, the one that was asked for, or one that we claim.

        Raises Refused, BadDocument.
        """
        if self._options.recipe:
            self._take(self._options.recipe, self._key)
            return
        held = self._store.state.recipe
        if held:
            try:
                body = self._claim(0)
            except Refused as refusal:
                _say(f"claim refused, goes on with the key at hand: {refusal}")
                return
            if not body or parse_claim(body)[0] != held:
                with self._recipe() as recipe:
                    recipe.abandon("it is not ours any more")
        else:
            body = b""
        while not body:
            began = time.monotonic()
            body = self._claim(WAIT)
            if not body and time.monotonic() - began < SOON:  # it did not wait: do not press it
                time.sleep(PAUSE)
        self._take(*parse_claim(body))

    def _claim(self, wait: int) -> bytes:
        controller = Controller(self._base, self._key, _say)
        try:
            return controller.call("POST", f"/systems/{quote(self._options.system, safe='')}/claim?wait={wait}").body
        finally:
            controller.close()

    def _take(self, recipe: int, key: str) -> None:
        self._store.state.recipe, self._store.state.key = recipe, key
        self._store.save()


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated


def _say(words: str) -> None:
    with contextlib.suppress(OSError):  # whoever listened may be gone
        sys.stderr.write(f"tackroom-harness: {plain(words)}\n")
        sys.stderr.flush()
