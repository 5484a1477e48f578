"""A recipe whose tasks write their console logs when a test says so, as httpd and the indexer would have it."""

from contextlib import suppress
from typing import Any

from attrs import define

from wsgi_app.core.console import CONSOLE
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.record import Record
from wsgi_app.errors import SystemExists
from wsgi_app.indexer import index
from wsgi_app.model import Caller, System
from wsgi_app.states import SystemHealth, TaskStatus
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet, NewTask


@define
class Recorded:
    """One recipe that has a system, and what its harness does."""

    gateway: Gateway
    admin: Caller
    recipe: int
    tasks: tuple[int, ...]

    def begin(self, place: int) -> None:
        """Let a task run."""
        self.gateway.tasks.update(self.admin, self.recipe, self.tasks[place], status=TaskStatus.RUNNING)

    def write(self, place: int, data: bytes) -> None:
        """Append to a task's console log."""
        self.append(self.path(place), data)

    def append(self, log: str, data: bytes) -> None:
        """Append to a log."""
        path = self.gateway.config.logs / str(self.recipe) / log
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(data)
        self.gateway.logs.grew({(self.recipe, log): path.stat().st_size})

    def end(self, place: int) -> None:
        """Let a task end."""
        self.gateway.tasks.update(self.admin, self.recipe, self.tasks[place], status=TaskStatus.COMPLETED)

    def indexed(self, place: int) -> None:
        """Have a task's console log read to its end."""
        self.index(self.path(place))

    def index(self, log: str) -> None:
        """Have a log read to its end."""
        path = self.gateway.config.logs / str(self.recipe) / log
        self.gateway.logs.indexed(self.recipe, log, index.read(path, path.name, 1000))

    def settle(self) -> None:
        """Have all read, as the last thing."""
        self.gateway.recipes.settle(self.recipe)

    def path(self, place: int) -> str:
        """The path of a task's console log below the recipe's."""
        return f"tasks/{self.tasks[place]}/logs/{CONSOLE}"

    def records(self, start: int = 0, end: int | None = None) -> list[Record]:
        """Read records as admin."""
        return list(self.gateway.records.read(self.admin, [self.recipe], start, end).records)

    def words(self, start: int = 0, end: int | None = None) -> list[str]:
        """Read records, and return what is said in them."""
        return [record.words for record in self.records(start, end)]

    def finished(self) -> bool:
        """Whether there is nothing to come."""
        return self.gateway.records.read(self.admin, [self.recipe]).finished


def recorded(
    gateway: Gateway, admin: Caller, *names: str, recipes: int = 1, live: bool = False, **job: Any
) -> list[Recorded]:
    """Submit a job of one set of recipes with tasks of these names, give each a system, and return them."""
    tasks = tuple(NewTask(name, live=live) for name in names)
    systems = [f"r{one}" for one in range(recipes)]
    for system in systems:
        with suppress(SystemExists):
            gateway.systems.add(admin, System(system, None, (), None, SystemHealth.GOOD, None, None, None, None))
    one_set = NewRecipeSet(tuple(NewRecipe(tasks, system=system) for system in systems))
    made = gateway.jobs.submit(admin, lambda: NewJob((one_set,), **job))
    for system in systems:
        assert gateway.systems.claim(admin, system, wait=0) is not None or recipes > 1
    found = made.recipe_sets[0].recipes
    return [Recorded(gateway, admin, recipe.id, tuple(task.id for task in recipe.tasks)) for recipe in found]
