"""Core over a fresh data directory, without processes: for tests of what stands on core directly."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import field, frozen
from emptydata import lay_out

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway, open_gateway
from wsgi_app.model import Caller, Declaration, Log, LogAddress, Recipe, Result, System
from wsgi_app.states import LogState, SystemHealth, TaskStatus
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet, NewTask


@frozen
class CoreLab:
    """A core with an administrator, and what tests do to it."""

    config: Config
    gateway: Gateway
    admin: Caller
    numbers: list[int] = field(factory=list)

    def start(self, tasks: int = 1) -> Recipe:
        """Submit a job for a new system, and let the system have its recipe."""
        name = f"system{len(self.numbers)}"
        self.numbers.append(1)
        self.gateway.systems.add(self.admin, System(name, None, (), None, SystemHealth.GOOD, None, None, None, None))
        new = NewRecipe(tuple(NewTask(f"task{n}", command=("true",)) for n in range(tasks)), system=name)
        job = self.gateway.jobs.submit(self.admin, lambda: NewJob((NewRecipeSet((new,)),)))
        recipe = job.recipe_sets[0].recipes[0]
        self.gateway.recipes.issue_key(self.admin, recipe.id)
        return self.recipe(recipe.id)

    def finish(self, recipe: Recipe, *tasks: int) -> None:
        """Complete tasks (by place; all when none is named)."""
        for task in [recipe.tasks[place] for place in tasks] or recipe.tasks:
            self.gateway.tasks.update(self.admin, recipe.id, task.id, status=TaskStatus.RUNNING)
            self.gateway.tasks.update(self.admin, recipe.id, task.id, status=TaskStatus.COMPLETED)

    def write(self, recipe: Recipe, path: str, content: bytes) -> Path:
        """Write a log as Apache would."""
        file = self.config.logs / str(recipe.id) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    def recipe(self, number: int) -> Recipe:
        """Return a recipe as it is now."""
        return self.gateway.recipes.get(self.admin, number).recipe

    def logs(self, recipe: Recipe) -> dict[str, Log]:
        """Return what is known of a recipe's logs, by path."""
        return {log.path: log for log in self.gateway.logs.page(self.admin, recipe.id, limit=10000)}

    def state(self, recipe: Recipe, path: str) -> LogState | None:
        """Return a log's state, None while it is not registered."""
        log = self.logs(recipe).get(path)
        return None if log is None else log.state

    def results(self, recipe: Recipe) -> list[Result]:
        """Return the results that were found in logs."""
        found = self.gateway.results.of_recipe(self.admin, recipe.id, limit=100000)
        return [result for result in found if result.source == "log"]

    def events(self, topic: str) -> list[dict[str, object]]:
        """Return the data of all events of a topic."""
        return [event.data for event in self.gateway.events.page(self.admin, limit=100000, topics=[topic])]

    def declare(self, recipe: Recipe, path: str, size: int | None, sha256: str | None) -> Log:
        """Declare a log of the recipe's first task (or its own), as the recipe's harness would."""
        *owner, name = path.split("/logs/") if path.startswith("tasks/") else ["", path.removeprefix("logs/")]
        task = int(owner[0].split("/")[1]) if owner[0] else None
        key = self.gateway.recipes.issue_key(self.admin, recipe.id).secret
        caller = Caller(f"Bearer {key}", "127.0.0.1")
        address = LogAddress(recipe.id, task, None, name)
        return self.gateway.logs.declare(caller, address, lambda: Declaration(size, sha256))[0]

    def gate_holds(self, recipe: Recipe, name: str) -> bool:
        """Whether the recipe's gate has this file."""
        return (self.config.gate / str(recipe.id) / name).is_file()


@contextmanager
def core_lab(place: Path) -> Iterator[CoreLab]:
    """A fresh lab in this directory, without an indexer."""
    config = Config(data=place / "data", quiet_seconds=0.1)
    lay_out(config)
    gateway = open_gateway(config)
    gateway.access.issue_admin_token()
    token = config.admin_token.read_text().strip()
    yield CoreLab(config, gateway, Caller(f"Bearer {token}", "127.0.0.1"))
    gateway.close()
