"""What a system's installer says: begun, done, failed. Source: harness-beaker.md 1.3, installer callbacks."""

from typing import Any

from wsgi_app.core import assignment, lifecycle
from wsgi_app.core.access import Access
from wsgi_app.core.change import Change, Ground
from wsgi_app.core.dispatch import dispatch
from wsgi_app.core.ending import end_recipes
from wsgi_app.errors import RecipeNotAssigned
from wsgi_app.model import Caller, Recipe
from wsgi_app.states import Cause, TaskStatus
from wsgi_app.store import recipes

FAILED = "Installation failed"
#: how long an installation may take, in seconds
INSTALL_SECONDS = 3 * 3600


class Installs:
    """The installation before a recipe's first task."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access

    def begin(self, caller: Caller, recipe: int) -> bool:
        """Note that the installation has begun and give it three hours; False when it had begun before.

        Only the first time: an installer that starts over and over must not live for ever. Raises `RecipeFinished`,
        `RecipeNotAssigned`, as all of these do.
        """
        with self._ground.change() as change:
            found = self._live(change, caller, recipe)
            if found.install_started is not None:
                return False
            _note(change, found, "Installation started", install_started=change.now)
            recipes.update_recipe(change.tx, found.id, watchdog=change.now + INSTALL_SECONDS)
            return True

    def finish(self, caller: Caller, recipe: int) -> str | None:
        """Note that the system is installed, and return the name under which it runs the recipe."""
        with self._ground.change() as change:
            found = self._live(change, caller, recipe)
            if found.install_finished is None:
                _note(change, found, "Installation finished", install_finished=change.now)
            return found.system

    def finish_post(self, caller: Caller, recipe: int) -> None:
        """Note that what the installer does at its end is done."""
        with self._ground.change() as change:
            found = self._live(change, caller, recipe)
            if found.postinstall_finished is None:
                _note(change, found, "Post-installation finished", postinstall_finished=change.now)

    def fail(self, caller: Caller, recipe: int) -> None:
        """Abort the recipe, nothing when it is finished; the logs of the installer may come behind."""
        with self._ground.change() as change:
            found = lifecycle.recipe_of(change, recipe)
            self._access.require_harness(change.tx, caller, found.id)
            if not found.status.finished:
                if found.assigned is None:
                    raise RecipeNotAssigned
                grace = self._ground.config.grace_seconds
                end_recipes(change, [found], TaskStatus.ABORTED, FAILED, grace=lambda _: grace, cause=Cause.INSTALL)
                dispatch(change, self._ground)

    def _live(self, change: Change, caller: Caller, recipe: int) -> Recipe:
        found = assignment.hear(change, self._ground, self._access, caller, recipe)
        lifecycle.require_live(found)
        return found


def _note(change: Change, recipe: Recipe, text: str, **values: Any) -> None:
    recipes.update_recipe(change.tx, recipe.id, **values)
    change.event("message", recipe.job, job=recipe.job, recipe=recipe.id, text=text)
