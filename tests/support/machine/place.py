"""Where logs go in this test: names that may be or not, at three levels, with owners that are there or not."""

from attrs import frozen
from machine.model import Recipe

#: names that a log may have; some cannot be beside others
NAMES = ("a.log", "b", "d/e.log", "sp ace.log", "ünï.log", "core.gz", "taskout.log", "harness.log", "d", "a.log/x")
#: names that it may not have
BAD_NAMES = (".hidden", "d/.x", "back\\slash", "tab\there")
#: an id that nothing has
NOBODY = 1_999_999_999


@frozen
class Spot:
    """A log's place, in places of the model: the numbers that the server gives are not known beforehand."""

    #: `recipe`, `task` or `result`
    level: str
    #: first or second task; 2: the other recipe's first, 3: none
    task: int
    #: which of the task's results, counted round; -1: none
    result: int
    name: str

    @property
    def permitted(self) -> bool:
        """Whether that is a name."""
        return self.name not in BAD_NAMES

    def path(self, recipe: Recipe, other: Recipe) -> str:
        """The URL path below /recipes/R/."""
        return self.owner(recipe, other) + "logs/" + self.name

    def owner(self, recipe: Recipe, other: Recipe) -> str:
        """The URL path of what the log belongs to, below /recipes/R/."""
        if self.level == "recipe":
            return ""
        task = self.task_id(recipe, other)
        if self.level == "task":
            return f"tasks/{task}/"
        return f"tasks/{task}/results/{self.result_id(recipe, task)}/"

    def task_id(self, recipe: Recipe, other: Recipe) -> int:
        """The task's number."""
        return task_id(self.task, recipe, other)

    def result_id(self, recipe: Recipe, task: int) -> int:
        """The result's number."""
        known = [result.id for result in recipe.results if result.task == task and result.id is not None]
        return known[self.result % len(known)] if known and self.result >= 0 else NOBODY

    def owned(self, recipe: Recipe, other: Recipe) -> bool:
        """Whether what it belongs to is there."""
        if self.level == "recipe":
            return True
        task = self.task_id(recipe, other)
        if not any(mine.id == task for mine in recipe.tasks):
            return False
        return self.level == "task" or self.result_id(recipe, task) != NOBODY


def task_id(place: int, recipe: Recipe, other: Recipe) -> int:
    """The number of the task at that place."""
    return (*(task.id for task in recipe.tasks), other.tasks[0].id, NOBODY)[place]


def clashes(logs: list[str], path: str) -> bool:
    """Whether a log of that path would need the name of a directory, or a directory the name of a log."""
    return any(there.startswith(path + "/") or path.startswith(there + "/") for there in logs)
