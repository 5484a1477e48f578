"""A console log that grows, and who reads it meanwhile: for tests of what is found in logs before they end."""

from pathlib import Path

from attrs import define, field
from corelab import CoreLab

from wsgi_app.indexer import index
from wsgi_app.indexer.live import Live
from wsgi_app.indexer.ongoing import Ongoing
from wsgi_app.model import LogAddress, Recipe, Result
from wsgi_app.states import TaskStatus
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet, NewTask

BEGIN = b"<LAVA_SIGNAL_STARTRUN 0_smoke 1>\n"


def case(name: object, result: str = "pass", more: str = "") -> bytes:
    """Return the signal of a test case as a line."""
    return f"<LAVA_SIGNAL_TESTCASE TEST_CASE_ID={name} RESULT={result}{more}>\n".encode()


@define
class Run:
    """A recipe of one live task, and who reads its console as it grows."""

    lab: CoreLab
    recipe: Recipe = field(init=False)
    path: str = field(init=False)
    file: Path = field(init=False)
    live: Live = field(init=False)
    known: dict[int, Ongoing] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Start the recipe."""
        first = self.lab.start()
        new = NewRecipe((NewTask("smoke", script="true", live=True),), system=first.system)
        self.lab.finish(first)
        job = self.lab.gateway.jobs.submit(self.lab.admin, lambda: NewJob((NewRecipeSet((new,)),)))
        number = job.recipe_sets[0].recipes[0].id
        self.lab.gateway.recipes.issue_key(self.lab.admin, number)
        self.recipe = self.lab.recipe(number)
        task = self.recipe.tasks[0].id
        self.lab.gateway.tasks.update(self.lab.admin, number, task, status=TaskStatus.RUNNING)
        self.path = f"tasks/{task}/logs/taskout.log"
        self.file = self.lab.write(self.recipe, self.path, b"")
        self.restart()

    def restart(self) -> None:
        """Forget everything, as a new process."""
        self.live = Live(self.lab.gateway, self.lab.config)
        states = {state.recipe: state for state in self.lab.gateway.logs.survey().states}
        self.known = {self.recipe.id: Ongoing(states[self.recipe.id])}

    def grow(self, content: bytes) -> None:
        """Let it grow, and read what came."""
        with self.file.open("ab") as file:
            file.write(content)
        self.look()

    def look(self) -> None:
        """Read what has come."""
        self.lab.gateway.logs.grew({(self.recipe.id, self.path): self.file.stat().st_size})
        address = LogAddress(self.recipe.id, self.recipe.tasks[0].id, None, "taskout.log")
        self.live.grew(self.known[self.recipe.id], address)
        while self.live.busy:
            self.live.work(self.known)

    def finish(self) -> None:
        """End the task, and do the pass over the finished log."""
        self.lab.finish(self.recipe, 0)
        found = index.read(self.file, "taskout.log", self.lab.config.max_parsed)
        self.lab.gateway.logs.indexed(self.recipe.id, self.path, found)

    def results(self) -> list[Result]:
        """Return what is stored of it."""
        return self.lab.results(self.recipe)

    def told(self) -> list[object]:
        """Return the ids of results of which events told, in their order."""
        return [data["id"] for data in self.lab.events("result") if data["recipe"] == self.recipe.id]
