"""What a job came to: what harnesses and logs said, side by side, with the reason of the verdict."""

from collections import defaultdict
from collections.abc import Mapping

from attrs import frozen
from sqlalchemy import Connection

from wsgi_app.model import Job, Recipe, Task
from wsgi_app.states import ResultValue
from wsgi_app.store import summary

#: how many results there are of each value that occurs
Counts = Mapping[ResultValue, int]


@frozen
class Said:
    """Results by who said so."""

    harness: Counts
    logs: Counts


@frozen
class RecipeSummary:
    """A recipe; `own` is what was said of no task of it."""

    recipe: Recipe
    own: Said
    tasks: tuple[tuple[Task, Said], ...]
    #: paths of its damaged logs, below `/recipes/R/`
    damaged: tuple[str, ...]


@frozen
class Summary:
    """A job and its recipes in their order."""

    job: Job
    recipes: tuple[RecipeSummary, ...]


def summarise(tx: Connection, job: Job) -> Summary:
    """Return the summary of a job, of the recipes that it is given with."""
    there = [recipe.id for group in job.recipe_sets for recipe in group.recipes] or [0]
    counted: dict[tuple[int, int | None, str], dict[ResultValue, int]] = defaultdict(dict)
    for count in summary.counts(tx, job.id, min(there), max(there)):
        counted[count.recipe, count.task, count.source][count.result] = count.number
    damaged: dict[int, list[str]] = defaultdict(list)
    for number, path in summary.damaged_logs(tx, job.id):
        damaged[number].append(path)

    def said(recipe: Recipe, task: int | None) -> Said:
        return Said(counted[recipe.id, task, "harness"], counted[recipe.id, task, "log"])

    return Summary(
        job,
        tuple(
            RecipeSummary(
                recipe,
                said(recipe, None),
                tuple((task, said(recipe, task.id)) for task in recipe.tasks),
                tuple(damaged[recipe.id]),
            )
            for group in job.recipe_sets
            for recipe in group.recipes
        ),
    )
