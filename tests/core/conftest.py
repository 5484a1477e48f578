"""Core with a clock that tests set."""

from collections.abc import Iterator
from typing import Any

import pytest
from attrs import define, evolve
from emptydata import lay_out

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway, open_gateway
from wsgi_app.model import Caller, Job, LogAddress, Recipe, Span, System
from wsgi_app.states import SystemHealth, TaskStatus
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet, NewTask


@define
class Hands:
    """A clock that stands still until it is moved."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        """What time it is."""
        return self.now


@define
class Body:
    """The body of a PUT."""

    data: bytes = b"x"
    _sent: int = 0

    @property
    def length(self) -> int | None:
        """Its length."""
        return len(self.data)

    def span(self) -> Span | None:
        """It is the whole log."""
        return None

    def read(self, size: int) -> bytes:
        """Return the next part."""
        part = self.data[self._sent : self._sent + size]
        self._sent += len(part)
        return part


@define
class Bench:
    """A gateway, its clock, and short ways to say what tests say often."""

    gateway: Gateway
    clock: Hands
    admin: Caller
    config: Config

    def systems(self, *names: str) -> None:
        """Add systems."""
        for name in names:
            system = System(name, None, (), None, SystemHealth.GOOD, None, None, None, None)
            self.gateway.systems.add(self.admin, system)

    def submit(self, *sets: NewRecipeSet, **job: Any) -> Job:
        """Submit a job."""
        return self.gateway.jobs.submit(self.admin, lambda: NewJob(sets, **job))

    def recipe(self, number: int) -> Recipe:
        """A recipe as it is now."""
        return self.gateway.recipes.get(self.admin, number).recipe

    def claim(self, name: str) -> Caller | None:
        """Claim as a system; return the harness of the recipe, or None."""
        claimed = self.gateway.systems.claim(self.admin, name, wait=0)
        return None if claimed is None else Caller(f"Bearer {claimed.key.secret}", "127.0.0.1")

    def run(self, recipe: int) -> None:
        """Run a recipe to its end at its harness's word."""
        for task in self.recipe(recipe).tasks:
            for status in (TaskStatus.RUNNING, TaskStatus.COMPLETED):
                self.gateway.tasks.update(self.admin, recipe, task.id, status=status)

    def put(self, caller: Caller, recipe: int, name: str, task: int | None = None) -> bool:
        """Write a log."""
        return self.gateway.logs.put(caller, LogAddress(recipe, task, None, name), Body())

    def round(self) -> int:
        """Do what the timer does, and return how many recipes it aborted."""
        expired = self.gateway.watchdogs.expire()
        self.gateway.recipes.close_logs()
        return expired

    def gate(self, recipe: int) -> set[str]:
        """The names of a recipe's gate files."""
        return {path.name for path in (self.config.gate / str(recipe)).iterdir()}


@pytest.fixture
def config(config: Config) -> Config:
    """Round numbers."""
    return evolve(config, watchdog_seconds=1800, grace_seconds=60, settle_seconds=30, claim_seconds=60)


@pytest.fixture
def bench(config: Config) -> Iterator[Bench]:
    """A gateway with a clock that stands still, and two systems."""
    clock = Hands()
    lay_out(config)
    gateway = open_gateway(config, clock)
    gateway.access.issue_admin_token()
    made = Bench(gateway, clock, Caller(f"Bearer {config.admin_token.read_text().strip()}", "127.0.0.1"), config)
    made.systems("a", "b")
    yield made
    gateway.close()


@pytest.fixture
def one() -> NewRecipe:
    """A recipe of two tasks for system a."""
    return NewRecipe((NewTask("first"), NewTask("second")), system="a")
