"""Who is connected, what each has in hand, and how that reads in a roll call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from wsgi_app.harnesses.buildbot.recipe import RecipeRun
from wsgi_app.harnesses.buildbot.transport import Worker
from wsgi_app.harnesses.plain import plain

LONGEST_TEXT = 255  #: characters of a version or an address
LONGEST_HEARD = 86400.0  #: seconds
CERTAIN = 2.0  #: seconds that a worker which leaves must have been free: what was given to it before has come then


class Fleet:
    """The workers by name, and the recipes in hand; `changed` is called when a roll call would say something else."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._workers: dict[str, Worker] = {}
        self._runs: dict[str, RecipeRun] = {}
        self._stopping: set[int] = set()
        self._closing: set[str] = set()
        self._dismissed: set[str] = set()
        self._closed = False
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        #: whether tasks of a worker are to survive their connection, as the controller says
        self.detach: dict[str, bool] = {}

    def came(self, worker: Worker) -> None:
        """Have a worker that is connected."""
        name = worker.about.name
        self._workers[name] = worker
        self._closing.discard(name)
        self._dismissed.discard(name)
        for future in self._waiting.pop(name, []):
            if not future.done():
                future.set_result(None)
        self._changed()

    def went(self, worker: Worker) -> None:
        """Forget one that is not connected any more."""
        name = worker.about.name
        if self._workers.get(name) is worker:
            del self._workers[name]
            self._closing.discard(name)
            self._dismissed.discard(name)
            self._changed()

    async def worker(self, name: str) -> Worker:
        """Wait until this worker is connected."""
        while (worker := self._workers.get(name)) is None or worker.gone.is_set():
            future = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(name, []).append(future)
            await future
        return worker

    async def free(self, name: str, gone: asyncio.Future[Any]) -> bool:
        """Wait a little; whether a worker that leaves was free all the time."""
        before = self.busy(name)
        await asyncio.wait((gone,), timeout=CERTAIN)
        return not (before or self.busy(name))

    def close(self) -> None:
        """Take nothing new from now on: all of them are as if they left."""
        self._closed = True
        self._changed()

    def begins(self, run: RecipeRun) -> None:
        """Note a recipe in hand."""
        self._runs.setdefault(run.system, run)
        self._changed()

    def ends(self, run: RecipeRun) -> None:
        """Note that it is in hand no more."""
        self._stopping.discard(run.recipe)
        if self._runs.get(run.system) is run:
            del self._runs[run.system]
        self._changed()

    def stop(self, recipe: int, status: str, reason: str) -> None:
        """Stop a recipe in hand, as the controller wants it."""
        for run in self._runs.values():
            if run.recipe == recipe and recipe not in self._stopping:
                self._stopping.add(recipe)
                run.stop(status, reason)
                self._changed()

    def busy(self, name: str) -> bool:
        """Whether a worker has a recipe in hand."""
        return name in self._runs

    def closes(self, name: str) -> Worker | None:
        """Note that a worker is being shut down; return it, None when it is not here or that is known."""
        if name in self._closing or name not in self._workers:
            return None
        self._closing.add(name)
        self._changed()
        return self._workers[name]

    def dismiss(self, name: str) -> tuple[Worker, RecipeRun | None] | None:
        """Call a worker's name no more; return it and what it has in hand, None when that was done before."""
        if name in self._dismissed or name not in self._workers:
            return None
        self._dismissed.add(name)
        self._changed()
        return self._workers[name], self._runs.get(name)

    def members(self) -> list[dict[str, Any]]:
        """Return what a roll call says of all who are here."""
        called = ((name, worker) for name, worker in self._workers.items() if name not in self._dismissed)
        return [self._member(name, worker) for name, worker in called if not worker.gone.is_set()]

    def absent(self) -> list[RecipeRun]:
        """Return the recipes in hand whose workers are not here."""
        return [run for name, run in self._runs.items() if name not in self._workers]

    def counts(self) -> dict[str, int]:
        """Return how many are here, and how many of them have something in hand."""
        return {"workers": len(self._workers), "busy": sum(name in self._runs for name in self._workers)}

    def _member(self, name: str, worker: Worker) -> dict[str, Any]:
        run = self._runs.get(name)
        return {
            "name": name,
            "version": _short(worker.about.version),
            "address": _short(worker.about.address),
            "heard": min(max(0.0, time.monotonic() - worker.heard), LONGEST_HEARD),
            "recipe": None if run is None else run.recipe,
            "leaving": self._closed or worker.leaving or name in self._closing,
            "stopping": run is not None and run.recipe in self._stopping,
            "detach": self.detach.get(name),
        }


def _short(text: str) -> str | None:
    return plain(text).replace("\0", "")[:LONGEST_TEXT].strip() or None
