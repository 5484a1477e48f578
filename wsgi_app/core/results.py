"""Results: reported by harnesses; read by everyone who may."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from functools import partial
from typing import Any

from attrs import frozen
from sqlalchemy import ColumnElement

from wsgi_app.core import assignment, lifecycle
from wsgi_app.core.access import Access
from wsgi_app.core.change import Change, Ground
from wsgi_app.core.idempotency import Once
from wsgi_app.errors import NoSuchJob, NoSuchRecipe, TaskFinished, TooManyResults
from wsgi_app.model import Caller, Recipe, Result, Task
from wsgi_app.states import ResultValue
from wsgi_app.store import jobs, listing, recipes, results

#: characters of a result's message, and of its path, that are kept
LONGEST_MESSAGE = 4000
LONGEST_PATH = 2000
_CUT = "... (cut)"


class Source(StrEnum):
    """Who said a result."""

    HARNESS = "harness"
    LOG = "log"


@frozen
class ResultFilter:
    """Which results a reader wants: of these values, from these sources, of this task; empty or None: all."""

    values: Collection[ResultValue] = ()
    sources: Collection[Source] = ()
    task: int | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same for the store."""
        return results.result_filter(values=self.values, sources=self.sources, task=self.task)


ALL = ResultFilter()


def shortened(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """Return a harness's words as they are kept: too many are cut, since a refusal would lose what they are about."""
    return text if len(text) <= longest else text[: longest - len(_CUT)] + _CUT


class Results:
    """What tests say."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access

    def report(
        self,
        caller: Caller,
        recipe: int,
        task: int,
        *,
        result: ResultValue,
        path: str | None = None,
        score: int | None = None,
        message: str | None = None,
        idempotency_key: str | None = None,
    ) -> Result:
        """Store a result of an unfinished task.

        With an idempotency key, a repeated call answers with the result that the first one made; `Conflict` when it
        says something else. What is too long of path and message is cut. Raises `TaskFinished`; `TooManyResults` when
        the recipe has as many as it may, with one Warn about it.
        """
        said = {
            "path": None if path is None else shortened(path, LONGEST_PATH),
            "result": result,
            "score": score,
            "message": None if message is None else shortened(message),
        }

        def store(change: Change) -> Result | None:
            load = partial(lifecycle.recipe_with, task=task)
            found = assignment.hear(change, self._ground, self._access, caller, recipe, load)
            target = lifecycle.task_of(found, task)
            once = Once.of(f"recipe {found.id}", idempotency_key, (task, result, path, score, message))
            return self._store(change, found, target, said, once)

        stored = self._ground.together(store)
        if stored is None:
            # only now: the Warn is to stay
            raise TooManyResults
        return stored

    def _store(self, change: Change, found: Recipe, target: Task, said: Mapping[str, Any], once: Once) -> Result | None:
        """Store what a harness says; None when its recipe has as many results as it may."""
        earlier = once.made(change)
        if earlier is not None:
            return results.load_result(change.tx, earlier)
        if target.status.finished:
            raise TaskFinished
        lifecycle.go_on(change, found)
        if 0 < self._ground.config.max_results <= found.reported:
            text = str(TooManyResults())
            if not results.has_message(change.tx, found.id, text):
                lifecycle.add_result(change, found, target.id, path="/", result=ResultValue.WARN, message=text)
            return None
        stored = lifecycle.add_result(change, found, target.id, **said)
        once.note(change, stored.id)
        return stored

    def of_recipe(
        self, caller: Caller, recipe: int, wanted: ResultFilter = ALL, *, after: int = 0, limit: int = 100
    ) -> list[Result]:
        """Return a recipe's results in order of id, those behind `after`."""
        with self._ground.read() as tx:
            found = recipes.load_recipe(tx, recipe)
            if found is None:
                raise NoSuchRecipe
            self._access.require_reader(tx, caller, jobs.load_job_row(tx, found.job), found.id)
            return results.load_results(tx, results.of_recipe(found.id), *wanted.conditions(), after=after, limit=limit)

    def of_job(
        self, caller: Caller, job: int, wanted: ResultFilter = ALL, *, after: int = 0, limit: int = 100
    ) -> list[Result]:
        """Return a job's results in order of id, those behind `after`; `job`: its number, or that of anything of it."""
        with self._ground.read() as tx:
            number = listing.job_of_any(tx, job)
            if number is None:
                raise NoSuchJob
            self._access.require_reader(tx, caller, jobs.load_job_row(tx, number))
            return results.load_results(tx, results.of_job(number), *wanted.conditions(), after=after, limit=limit)
