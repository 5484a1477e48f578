"""Recipes as readers ask for them: by any number that we have, and as lists of any kind."""

from collections.abc import Callable, Sequence

from attrs import frozen
from sqlalchemy import ColumnElement, Connection

from wsgi_app.conditions import AllOf, AnyOf, Condition, Field, Lookup, Order, Where
from wsgi_app.core.access import Access
from wsgi_app.core.change import Ground
from wsgi_app.errors import Invalid, NoSuchRecipe
from wsgi_app.model import Caller
from wsgi_app.store import jobs
from wsgi_app.store import listing as store
from wsgi_app.store.ids import LARGEST
from wsgi_app.store.listing import Listed

__all__ = [
    "AllOf",
    "AnyOf",
    "Condition",
    "Field",
    "Listed",
    "Listing",
    "Lookup",
    "NEWEST",
    "Order",
    "Place",
    "Reference",
    "Where",
]

#: newest first
NEWEST = (Order("id", descending=True),)
#: most recipes of one page
LONGEST_PAGE = 10_000

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


class Listing:
    """Recipes, found and listed."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access

    def find(self, caller: Caller, reference: Reference | Place, *, with_tasks: bool = False) -> tuple[Listed, ...]:
        """Return the recipes that are meant, in order of id: of a set and of a job all, of a campaign the newest.

        Raises `NoSuchRecipe`; `Unauthenticated` or `Denied` when they are private.
        """
        with self._ground.read() as tx:
            return find_in(tx, self._access, caller, reference, with_tasks=with_tasks)

    def page(
        self,
        caller: Caller,
        where: Sequence[Where] = (),
        order: Sequence[Order] = NEWEST,
        *,
        offset: int = 0,
        limit: int = 100,
    ) -> Sequence[Listed]:
        """Return recipes that the caller may read and of which all conditions are true, without their tasks.

        Raises `Invalid`, naming the field.
        """
        if offset < 0:
            raise Invalid("an offset is 0 or more", field="offset")
        if not 0 <= limit <= LONGEST_PAGE:
            raise Invalid(f"a limit is 0 to {LONGEST_PAGE}", field="limit")
        with self._ground.read() as tx:
            visible, now = self._visible(tx, caller), self._ground.clock()
            return store.page(tx, where, visible, order, now=now, offset=min(offset, LARGEST), limit=limit)

    def count(self, caller: Caller, where: Sequence[Where] = ()) -> int:
        """Return how many recipes `page` would list if it had no end. Raises as that does."""
        with self._ground.read() as tx:
            return store.count(tx, where, self._visible(tx, caller), now=self._ground.clock())

    def _visible(self, tx: Connection, caller: Caller) -> list[ColumnElement[bool]]:
        actor = self._access.actor(tx, caller)
        return jobs.visible_to(None if actor is None else actor.user, admin=actor is not None and actor.admin)


def find_in(
    tx: Connection, access: Access, caller: Caller, reference: Reference | Place, *, with_tasks: bool = False
) -> tuple[Listed, ...]:
    """Do what `Listing.find` does, within a transaction."""
    found = _at(tx, reference, with_tasks) if isinstance(reference, Place) else _meant(tx, reference, with_tasks)
    if not found:
        raise NoSuchRecipe("this job has no recipes yet")
    # the key of one recipe is for that one: of the others of its job it says nothing
    access.require_reader(tx, caller, found[0].job, found[0].recipe.id if len(found) == 1 else None)
    return tuple(found)


def _meant(tx: Connection, reference: Reference, with_tasks: bool) -> list[Listed]:
    if not 0 < reference.number <= LARGEST:
        raise NoSuchRecipe
    for which in _KINDS[reference.kind]:
        chosen = which(tx, reference.number)
        if chosen is not None:
            return store.load(tx, chosen, with_tasks=with_tasks)
    raise NoSuchRecipe


def _at(tx: Connection, place: Place, with_tasks: bool) -> list[Listed]:
    found = _meant(tx, Reference("recipe", place.first), with_tasks=False)
    if found[0].place != 0 or not 0 <= place.n < found[0].size:
        raise NoSuchRecipe
    members = store.load(tx, store.members(found[0].recipe.recipe_set), with_tasks=with_tasks)
    return [members[place.n]]
