"""What readers name by any number that we have: recipes of one job, some or all, and what the job came in as."""

from collections.abc import Callable

from attrs import frozen
from sqlalchemy import ColumnElement, Connection

from wsgi_app.core import verdicts
from wsgi_app.core.access import Access
from wsgi_app.core.change import Ground
from wsgi_app.core.notifier import Subject
from wsgi_app.core.rewritten import rewrite
from wsgi_app.errors import NoSuchRecipe
from wsgi_app.model import Caller, Job
from wsgi_app.states import Verdict
from wsgi_app.store import jobs
from wsgi_app.store import listing as store
from wsgi_app.store.ids import LARGEST
from wsgi_app.store.listing import Listed
from wsgi_app.submitted import Document

__all__ = [
    "Listed",
    "Place",
    "Reference",
    "Selection",
    "Selections",
    "Submitted",
    "Waited",
    "document_of",
    "find_in",
    "select_in",
    "selection_of",
    "submitted_in",
]

_Which = Callable[[Connection, int], ColumnElement[bool] | None]
_KINDS: dict[str, tuple[_Which, ...]] = {
    "job": (store.of_job,),
    "set": (store.of_set,),
    "recipe": (store.of_recipe,),
    "task": (store.of_task,),
    "any": (store.of_recipe, store.of_job, store.of_set, store.of_task, store.of_result),
}


@frozen
class Reference:
    """A number of ours, and what it is: `job`, `set`, `recipe`, `task`, or `any` of these, or a result."""

    kind: str
    number: int


@frozen
class Place:
    """A recipe by its place (from 0) in the set whose first recipe is `first`."""

    first: int
    n: int


@frozen
class Selection:
    """Recipes of one job, in order of id; none of a campaign that has made none (yet)."""

    job: Job
    parts: tuple[Listed, ...]
    #: these are all that the job has: it is meant as a whole
    whole: bool

    @property
    def settled(self) -> bool:
        """Whether nothing of it can change any more; a campaign may make further recipes until its job is settled."""
        return self.job.settled if self.whole else all(part.recipe.settled for part in self.parts)

    @property
    def verdict(self) -> Verdict | None:
        """What it came to, None until it is settled: the job's verdict only where the job is meant as a whole."""
        if self.whole:
            return self.job.verdict
        return verdicts.part_verdict([part.recipe for part in self.parts]) if self.settled else None


@frozen
class Submitted:
    """A selection, and what its job was submitted as."""

    selection: Selection
    document: Document


@frozen
class Waited:
    """A selection, and why its verdict is what it is; None while it has none."""

    selection: Selection
    reason: str | None


class Selections:
    """Recipes by what readers call them. Each method raises `NoSuchRecipe`; `Unauthenticated`, `Denied` if private."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access

    def find(self, caller: Caller, which: Reference | Place, *, with_tasks: bool = False) -> Selection:
        """Return the recipes that are meant: of a set and of a job all, of a campaign the newest."""
        with self._ground.read() as tx:
            return select_in(tx, self._access, caller, which, with_tasks=with_tasks)

    def submitted(self, caller: Caller, which: Reference | Place) -> Submitted:
        """Return also what the job was submitted as; of one older than these are kept, what asks for the same."""
        with self._ground.read() as tx:
            return submitted_in(tx, self._access, caller, which)

    def wait(self, caller: Caller, which: Reference | Place, *, seconds: float) -> Waited:
        """Return the selection as soon as it is settled, or as it is after so many seconds."""
        found = self.find(caller, which)
        recipes = [part.recipe.id for part in found.parts]
        # what settles tells its set
        sets = {part.recipe.recipe_set for part in found.parts}
        subjects = [Subject("job", found.job.id)] if found.whole else [Subject("set", one) for one in sorted(sets)]

        def settled() -> bool | None:
            # without what is below it: each change of a large job wakes who waits for it
            with self._ground.read() as tx:
                job = jobs.load_job_row(tx, found.job.id)
                self._access.require_reader(tx, caller, job, recipes[0] if len(recipes) == 1 else None)
                return (job.settled if found.whole else store.settled(tx, recipes)) or None

        self._ground.notifier.wait(subjects, settled, seconds)
        with self._ground.read() as tx:
            found = select_in(tx, self._access, caller, which)
            if found.whole:
                return Waited(found, found.job.reason)
            if not found.settled:
                return Waited(found, None)
            _, reason = verdicts.judge_part(tx, found.job.id, [part.recipe for part in found.parts])
            return Waited(found, reason)


def select_in(
    tx: Connection, access: Access, caller: Caller, which: Reference | Place, *, with_tasks: bool = False
) -> Selection:
    """Do what `Selections.find` does, within a transaction."""
    found, job = _at(tx, which, with_tasks) if isinstance(which, Place) else _meant(tx, which, with_tasks)
    row = found[0].job if found else jobs.load_job_row(tx, job or 0)
    # the key of one recipe is for that one: of the others of its job it says nothing
    access.require_reader(tx, caller, row, found[0].recipe.id if len(found) == 1 else None)
    # a campaign makes more recipes: it is what its own number says, no matter how many there are by now
    whole = job is not None or (not row.campaign and len(found) == found[0].siblings)
    return Selection(row, tuple(found), whole)


def submitted_in(tx: Connection, access: Access, caller: Caller, which: Reference | Place) -> Submitted:
    """Do what `Selections.submitted` does, within a transaction."""
    found = select_in(tx, access, caller, which)
    # a document tells of the whole job, its secrets too: the key of one recipe is not enough
    access.require_reader(tx, caller, found.job)
    return Submitted(found, document_of(tx, found.job.id))


def find_in(
    tx: Connection, access: Access, caller: Caller, which: Reference | Place, *, with_tasks: bool = False
) -> tuple[Listed, ...]:
    """Return the recipes of a selection, within a transaction. Raises `NoSuchRecipe` also when there are none yet."""
    found = select_in(tx, access, caller, which, with_tasks=with_tasks).parts
    if not found:
        raise NoSuchRecipe("this job has no recipes yet")
    return found


def selection_of(listed: Listed) -> Selection:
    """Return a recipe of a list as a selection."""
    return Selection(listed.job, (listed,), not listed.job.campaign and listed.siblings == 1)


def document_of(tx: Connection, job: int) -> Document:
    """Return what a job was submitted as; of one older than these are kept, a document that asks for the same."""
    return jobs.load_document(tx, job) or rewrite(jobs.load_submitted(tx, job))


def _meant(tx: Connection, which: Reference, with_tasks: bool) -> tuple[list[Listed], int | None]:
    """Return the recipes that a number means, and the job, if that is what it is the number of."""
    if not 0 < which.number <= LARGEST:
        raise NoSuchRecipe
    for kind in _KINDS[which.kind]:
        chosen = kind(tx, which.number)
        if chosen is not None:
            return store.load(tx, chosen, with_tasks=with_tasks), which.number if kind is store.of_job else None
    raise NoSuchRecipe


def _at(tx: Connection, place: Place, with_tasks: bool) -> tuple[list[Listed], None]:
    (first,), _ = _meant(tx, Reference("recipe", place.first), with_tasks=False)
    if first.place != 0 or not 0 <= place.n < first.size:
        raise NoSuchRecipe
    members = store.load(tx, store.members(first.recipe.recipe_set), with_tasks=with_tasks)
    return [members[place.n]], None
