"""What a report is made of: a job, what was said of it, and its results as they are asked for."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

import click
from attrs import evolve, frozen

from wsgi_app.cli.client import Client
from wsgi_app.cli.jobpages import pages, recipes_of, summary_of, together
from wsgi_app.states import RecipeStatus, ResultValue, TaskStatus

#: results of one call
PAGE = 1000

#: recipes of a job that are named when it has not the one that was asked for
MOST_NAMED = 20

BAD = (ResultValue.FAIL, ResultValue.PANIC)
#: neither good nor bad: not tried, or said to be without a result
NEUTRAL = (ResultValue.NEW, ResultValue.NONE, ResultValue.SKIP)
NOT_COMPLETED = (RecipeStatus.ABORTED, RecipeStatus.CANCELLED)


@frozen
class Outcome:
    """A job's results: all, or those of one recipe, of some values, of one source."""

    client: Client
    job: dict[str, Any]
    summary: dict[str, Any]
    recipe: int | None
    values: tuple[str, ...]
    source: str | None

    @classmethod
    def of(
        cls, client: Client, job: int, recipe: int | None = None, values: Sequence[str] = (), source: str | None = None
    ) -> "Outcome":
        """Ask for a job. Raises `Refused`, `Unreachable`; `click.ClickException` when the recipe is not of the job."""
        found: list[dict[str, Any]] = []
        for page in pages(client, job):
            found.append(page)
            if recipe is not None and any(one["id"] == recipe for one in recipes_of(page)):
                found = [page]
                break
        else:
            if recipe is not None:
                raise click.ClickException(f"job {job} has no recipe {recipe} ({_there(together(found))})")
        return cls(client, together(found), summary_of(client, found), recipe, tuple(values), source)

    @property
    def recipes(self) -> list[dict[str, Any]]:
        """What was said of each recipe that is asked for."""
        return [said for said in self.summary["recipes"] if self.recipe in (None, said["recipe"])]

    def of_values(self, *values: str) -> "Outcome":
        """Return the same with results of these values only."""
        return evolve(self, values=values)

    def results(self) -> Iterator[dict[str, Any]]:
        """Yield the results, in the order in which they came."""
        path = f"jobs/{self.job['id']}" if self.recipe is None else f"recipes/{self.recipe}"
        return self._results(path)

    def results_of(self, recipe: int) -> Iterator[dict[str, Any]]:
        """Yield the results of one recipe, in the order in which they came."""
        return self._results(f"recipes/{recipe}")

    def count(self, said: dict[str, Any], value: str) -> int:
        """Return how many results of a value a recipe has."""
        sources = [name for name, word in (("harness", "harness"), ("logs", "log")) if self.source in (None, word)]
        return sum(part[name].get(value, 0) for part in (said, *said["tasks"]) for name in sources)

    def silent_tasks(self, said: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield a recipe's tasks of which nothing was said at all, each as a result of its own."""
        if self.values or self.source:
            return
        for task in said["tasks"]:
            if not task["harness"] and not task["logs"]:
                ended = task["status"] == TaskStatus.COMPLETED
                message = "nothing was said of it" if ended else f"the task is {task['status']}"
                yield {"task": task["task"], "path": "/", "result": task["result"], "message": message, "log": None}

    def _results(self, path: str) -> Iterator[dict[str, Any]]:
        query = [("result", value) for value in self.values] + [("source", self.source)] * (self.source is not None)
        return self.client.pages(f"{path}/results?{urlencode([*query, ('limit', PAGE)])}", "results")


def _there(job: dict[str, Any]) -> str:
    """Return which recipes a job has, if they are few."""
    numbers = [str(recipe["id"]) for recipe in recipes_of(job)]
    return f"it has {len(numbers)}" if len(numbers) > MOST_NAMED else f"it has {', '.join(numbers) or 'none'}"


def where(recipe: int, result: dict[str, Any]) -> str:
    """Return log and line of a result as `tackroom log show` takes them, nothing when it is in no log."""
    return f"recipes/{recipe}/{result['log']}:{result['line']}" if result["log"] else ""


def label(said: dict[str, Any]) -> str:
    """Return what a recipe is called in reports."""
    return f"recipe {said['recipe']} on {said['system']}" if said["system"] else f"recipe {said['recipe']}"
