"""What was said of recipes, as reports tell it: recipe by recipe, task by task, in the order in which it came.

Nothing is kept: results are read some at a time, as they are then, also while recipes run.
"""

from collections.abc import Iterator, Mapping, Sequence

from attrs import define, evolve, field, frozen
from sqlalchemy import Connection

from wsgi_app.core.access import Access
from wsgi_app.core.change import Ground
from wsgi_app.core.console import bases, console_path
from wsgi_app.core.masking import Mask
from wsgi_app.core.record import Record
from wsgi_app.core.records import Records, Which
from wsgi_app.core.selection import Listed, Place, Reference, find_in
from wsgi_app.errors import NoSuchRecipe
from wsgi_app.model import Caller, Result, Task
from wsgi_app.store import cases, jobs, listing, results

#: results that are read at a time
PAGE = 1000


@frozen
class Said:
    """A result, and the record (from 0) of its recipe's stream that has its line; None: no record has it (yet)."""

    result: Result
    record: int | None


@define
class Sheet:
    """Recipes in their order, and what was said of them."""

    parts: tuple[Listed, ...]
    #: the URL path below which everything lies
    prefix: str
    _caller: Caller
    _ground: Ground
    _records: Records
    #: what hides the secrets of jobs
    _masks: Mapping[int, Mask]
    #: by recipe, how many results there are of its tasks
    _counts: dict[int, Mapping[int | None, int]] = field(factory=dict, init=False)
    #: a recipe, and the first records of its tasks
    _known: tuple[int, Mapping[int, int]] = field(default=(0, {}), init=False)

    def count(self, part: Listed, task: Task | None) -> int:
        """Return how many results there are of a task, or (None) of no task of a recipe, when it is first asked."""
        if part.recipe.id not in self._counts:
            with self._ground.read() as tx:
                self._counts[part.recipe.id] = cases.counts(tx, part.recipe.id)
        return self._counts[part.recipe.id].get(None if task is None else task.id, 0)

    def failed(self, part: Listed) -> set[int]:
        """Return the tasks of a recipe that are read while they run, and whose scripts failed."""
        with self._ground.read() as tx:
            return cases.failed(tx, part.recipe.id)

    def said(
        self, part: Listed, task: Task | None, *, name: str | None = None, skip: int = 0, limit: int | None = None
    ) -> Iterator[Said]:
        """Yield what was said of a task, or (None) of no task of a recipe, in order of id.

        With a name, at least what has a path that ends in it. The first `skip` are passed over; at most `limit` come.
        """
        after = self._behind(part, task, skip)
        left = limit
        if self._masks[part.job.id].longest:
            # what is hidden has another name than what is stored
            name = None
        while after is not None and left != 0:
            size = PAGE if left is None else min(PAGE, left)
            found = self._page(part, task, name, after, size)
            yield from found
            after = found[-1].result.id if len(found) == size else None
            left = None if left is None else left - len(found)

    def one(self, number: int) -> tuple[Listed, Said] | None:
        """Return the result of an id with the part that it belongs to; None when it belongs to none of them."""
        with self._ground.read() as tx:
            where = results.task_of(tx, number)
            part = next((part for part in self.parts if where and part.recipe.id == where[0]), None)
            if part is None:
                return None
            result = results.load_result(tx, number)
            task = next((task for task in part.recipe.tasks if task.id == result.task), None)
            return part, self._told(tx, part, task, [result])[0]

    def records(self, part: Listed, start: int) -> Iterator[Record]:
        """Return the records of a recipe from a number on, as they are taken. Raises as `Records.read` does."""
        return self._records.read(self._caller, [part.recipe.id], start).records

    def _behind(self, part: Listed, task: Task | None, skip: int) -> int | None:
        """Return the id of the last result that is passed over, None when there are no more than those."""
        if not skip:
            return 0
        with self._ground.read() as tx:
            return cases.id_at(tx, part.recipe.id, task, skip - 1)

    def _page(self, part: Listed, task: Task | None, name: str | None, after: int, limit: int) -> list[Said]:
        with self._ground.read() as tx:
            found = cases.page(tx, part.recipe.id, task, name, after=after, limit=limit)
            return self._told(tx, part, task, found)

    def _told(self, tx: Connection, part: Listed, task: Task | None, found: Sequence[Result]) -> list[Said]:
        """Return results of a task without secrets, and with the records of their lines.

        Lines count from 1, and a task's first record says that it starts: so its lines have their own numbers there.
        """
        mask = self._masks[part.job.id]
        if mask.longest:
            found = [_masked(result, mask) for result in found]
        log = None if task is None else console_path(task.id)
        if task is None or all(result.log != log for result in found):
            return [Said(result, None) for result in found]
        if self._known[0] != part.recipe.id or task.id not in self._known[1]:
            # asked again where the task had no place yet: it may have one now
            self._known = part.recipe.id, bases(tx, self._ground, part.recipe)
        base = self._known[1].get(task.id)
        return [
            Said(result, base + result.line if base is not None and result.line and result.log == log else None)
            for result in found
        ]


def _masked(result: Result, mask: Mask) -> Result:
    path, message, units = (
        None if text is None else mask.text(text) for text in (result.path, result.message, result.units)
    )
    return evolve(result, path=path, message=message, units=units)


class Cases:
    """Results for reports."""

    def __init__(self, ground: Ground, access: Access, records: Records) -> None:
        self._ground = ground
        self._access = access
        self._records = records

    def read(self, caller: Caller, which: Which) -> Sheet:
        """Return a sheet of the recipes that somebody names, or of those with these ids, in order of id.

        Raises `NoSuchRecipe`; `Unauthenticated` or `Denied` when they are private.
        """
        with self._ground.read() as tx:
            parts = self._parts(tx, caller, which)
            masks = {job: Mask(jobs.load_secrets(tx, job)) for job in {part.job.id for part in parts}}
        return Sheet(tuple(parts), self._ground.config.prefix, caller, self._ground, self._records, masks)

    def _parts(self, tx: Connection, caller: Caller, which: Which) -> Sequence[Listed]:
        if isinstance(which, Reference | Place):
            return find_in(tx, self._access, caller, which, with_tasks=True)
        parts = listing.load(tx, cases.these(set(which)), with_tasks=True)
        if not parts or len(parts) < len(set(which)):
            raise NoSuchRecipe
        for part in parts:
            self._access.require_reader(tx, caller, part.job, part.recipe.id)
        return parts
