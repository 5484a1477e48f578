"""Recipes: what a harness runs, its keys, its end."""

from collections.abc import Callable

from attrs import frozen
from sqlalchemy import Connection

from wsgi_app.core import access, assignment, declared, gate, lifecycle
from wsgi_app.core.access import Access
from wsgi_app.core.change import Change, Ground
from wsgi_app.core.dispatch import dispatch
from wsgi_app.core.ending import end_recipes
from wsgi_app.core.gateimage import image_of
from wsgi_app.core.matching import fits
from wsgi_app.core.results import shortened
from wsgi_app.core.shelf import Kept, Shelf
from wsgi_app.errors import Conflict, Invalid, NoSuchRecipe, RecipeFinished, RecipeNotAssigned, SystemBusy
from wsgi_app.model import Caller, Job, Key, Log, Peer, Recipe, Result
from wsgi_app.states import Cause, TaskStatus
from wsgi_app.store import access as store_access
from wsgi_app.store import editions, jobs, logs, queue, recipes, results
from wsgi_app.store import systems as store_systems
from wsgi_app.store.editions import Edition


@frozen
class RecipeInSet:
    """A recipe, and the recipes of its set, itself included."""

    recipe: Recipe
    peers: tuple[Peer, ...]


@frozen
class RecipeContent:
    """A recipe with all that its document tells; results that were found in logs are not for harnesses."""

    job: Job
    recipe: Recipe
    #: the recipes of its set, itself included
    peers: tuple[Peer, ...]
    results: tuple[Result, ...]
    logs: tuple[Log, ...]


@frozen
class RecipeDocument:
    """A recipe's document as it was encoded."""

    body: bytes
    #: when the recipe is aborted; it changes more often than the document, which does not tell it
    watchdog: float | None


#: makes a document of a recipe; the same content makes the same document, in the same process
Encode = Callable[[RecipeContent], bytes]


class Recipes:
    """What a harness runs."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access
        self._shelf = Shelf()

    def get(self, caller: Caller, recipe: int) -> RecipeInSet:
        """Return a recipe with its set. Raises `NoSuchRecipe`; `Unauthenticated` or `Denied` when it is private."""
        with self._ground.read() as tx:
            found = recipes.load_recipe(tx, recipe)
            if found is None:
                raise NoSuchRecipe
            self._access.require_reader(tx, caller, jobs.load_job_row(tx, found.job), found.id)
            return RecipeInSet(found, recipes.load_peers(tx, found.recipe_set))

    def document(self, caller: Caller, recipe: int, encode: Encode) -> RecipeDocument:
        """Return the document that `encode` makes of a recipe, or has made if nothing that it shows has changed since.

        Raises as `get` does: whether the caller may read it is asked each time.
        """
        kept = self._shelf.take(recipe, encode)
        seen = editions.look(self._ground.db, recipe)
        if seen is None:
            raise NoSuchRecipe
        right = kept is not None and kept.version == seen.version
        if kept is None or not (right and self._access.open_to(caller, seen.visibility, recipe)):
            seen, kept = self._renewed(caller, recipe, encode, kept)
        return RecipeDocument(kept.body, seen.watchdog)

    def _renewed(self, caller: Caller, recipe: int, encode: Encode, kept: Kept | None) -> tuple[Edition, Kept]:
        """Look who calls, and make the document, unless what is kept is right: all in one snapshot."""
        with self._ground.read() as tx:
            seen = editions.load(tx, recipe)
            job = jobs.load_job_row(tx, seen.job)
            self._access.require_reader(tx, caller, job, recipe)
            if kept is not None and kept.version == seen.version:
                return seen, kept
            content = self._content(tx, job, recipe)
        return seen, self._shelf.put(recipe, encode, seen.version, encode(content))

    def _content(self, tx: Connection, job: Job, recipe: int) -> RecipeContent:
        found = recipes.load_recipe(tx, recipe)
        if found is None:
            raise NoSuchRecipe
        return RecipeContent(
            job,
            found,
            recipes.load_peers(tx, found.recipe_set),
            tuple(results.load_results(tx, results.reported(found.id))),
            tuple(logs.load_logs(tx, found.id)),
        )

    def abort(self, caller: Caller, recipe: int, message: str | None) -> None:
        """Abort every unfinished task of a recipe; nothing when it is finished.

        At its harness's word its logs are closed: it has sent what it had. At an admin's they stay open for the grace
        period, as after a watchdog.
        """
        with self._ground.change() as change:
            found = self._for_harness(change, caller, recipe)
            if not found.status.finished:
                harness = self._ground.gate.admits(caller, found.id)
                text = shortened(message or f"Aborted by {'its harness' if harness else 'an administrator'}")
                grace = 0 if harness else self._ground.config.grace_seconds
                # a harness that has begun knows what became of its tasks
                lost = not (harness and any(task.started is not None for task in found.tasks))
                cause = Cause.HARNESS if harness else Cause.ADMIN
                end_recipes(change, [found], TaskStatus.ABORTED, text, grace=lambda _: grace, cause=cause, lost=lost)
                dispatch(change, self._ground)

    def issue_key(self, caller: Caller, recipe: int, *, rotate: bool = False, system: str | None = None) -> Key:
        """Make one more key for the recipe's harness (the job's owner, admins).

        A queued recipe is assigned to the system it names, or to `system`; a reserved one is taken. `rotate` revokes
        the earlier keys. Raises `RecipeFinished`, `SystemBusy`, `Conflict`.
        """
        with self._ground.change() as change:
            found = lifecycle.recipe_of(change, recipe)
            self._require_owner(change, caller, found)
            if found.status.finished:
                raise RecipeFinished
            if found.assigned is None:
                self._assign(change, found, system)
                # of its set's others, systems may be there that waited for this one
                dispatch(change, self._ground)
            elif system is not None and system != found.system:
                raise Conflict(f"the recipe runs on {found.system}", field="system")
            else:
                assignment.take(change, self._ground, found)
            if rotate:
                change.revoke(found.id, *(f"key-{value}" for value in store_access.load_keys(change.tx, found.id)))
                store_access.delete_keys(change.tx, found.id)
            return access.issue_key(change, found.id, claimed=False)

    def shut(self, recipe: int) -> bool:
        """Return whether the gate shows that the logs of a closed recipe are closed; where not, let it.

        Whoever was to do that may be late, or dead: until it is done, uploads to them are taken.
        """
        if self._ground.gate.holds(recipe, gate.CLOSED):
            return True
        with self._ground.change() as change:
            change.gate(recipe, *image_of(change, self._ground, lifecycle.recipe_of(change, recipe)))
        return False

    def settle(self, recipe: int, *, late: bool = False) -> bool:
        """Settle a recipe whose logs are all indexed (`late`: whose time is up). False when it was before."""
        with self._ground.change() as change:
            if not late:
                # every log on disk is indexed: of these nothing came, though it was declared or begun
                declared.give_up(change, lifecycle.recipe_of(change, recipe))
                logs.delete_growing(change.tx, recipe)
            settled = lifecycle.settle(change, recipe, late=late)
            if settled:
                dispatch(change, self._ground)
            return settled

    def close_logs(self) -> None:
        """Show the gate whose logs are closed by now, and settle recipes that take too long; for the timer."""
        with self._ground.change() as change:
            overdue = change.now - self._ground.config.settle_seconds
            closing = [lifecycle.recipe_of(change, number) for number in recipes.closing_recipes(change.tx, change.now)]
            late = [recipe for recipe in closing if recipe.closes is not None and recipe.closes <= overdue]
            for recipe in late:
                lifecycle.settle(change, recipe.id, late=True)
            if late:
                dispatch(change, self._ground)
            # behind all that changes it
            for recipe in closing:
                change.gate(recipe.id, *image_of(change, self._ground, lifecycle.recipe_of(change, recipe.id)))

    def _assign(self, change: Change, recipe: Recipe, system: str | None) -> None:
        if recipe.system is not None and system not in (None, recipe.system):
            raise Conflict(f"the recipe is for {recipe.system}", field="system")
        name = recipe.system or system
        if name is None:
            raise RecipeNotAssigned("the recipe names no system: say which one it runs on", field="system")
        found = store_systems.load_system(change.tx, name)
        if found is None:
            raise Invalid(f"there is no system {name!r}", field="system")
        if found.recipe is not None:
            raise SystemBusy(f"{name} holds recipe {found.recipe}", field="system")
        if not found.health.usable:
            raise Conflict(f"{name} is {found.health}: {found.reason or 'no reason given'}", field="system")
        if not fits(recipe, found):
            raise Conflict(f"{name} is not what the recipe asks for: its type and tags", field="system")
        if not queue.is_due(change.tx, recipe):
            raise Conflict("the stage before this recipe's is not settled yet")
        assignment.give(change, self._ground, recipe, found)

    def _require_owner(self, change: Change, caller: Caller, recipe: Recipe) -> None:
        actor = self._access.require(change.tx, caller, "submit")
        if actor.user != jobs.load_job_row(change.tx, recipe.job).owner:
            self._access.require(change.tx, caller, access.ADMIN)

    def _for_harness(self, change: Change, caller: Caller, recipe: int) -> Recipe:
        found = lifecycle.recipe_of(change, recipe)
        self._access.require_harness(change.tx, caller, found.id)
        return found
