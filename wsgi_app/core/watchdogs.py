"""Watchdogs: the time at which a recipe is aborted. Source: design.md section 6, harness-beaker.md 1.7."""

import math
from collections.abc import Sequence
from functools import partial

from attrs import evolve

from wsgi_app.core import assignment, lifecycle
from wsgi_app.core.access import Access
from wsgi_app.core.campaign import course
from wsgi_app.core.change import Change, Ground
from wsgi_app.core.dispatch import dispatch
from wsgi_app.core.ending import end_recipes
from wsgi_app.errors import NoSuchRecipe
from wsgi_app.model import Caller, Recipe
from wsgi_app.states import Cause, TaskStatus
from wsgi_app.store import jobs, recipes

EXPIRED = "External Watchdog Expired"
UNTAKEN = "Acquire timeout"
#: systems that are named in one message
MOST_NAMES = 10
#: a watchdog further away than this is a slip; it also keeps times within what a database column holds
LONGEST = 10 * 365 * 86400


class Watchdogs:
    """How long recipes may go on without a word from their harness."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access

    def remaining(self, caller: Caller, recipe: int) -> int | None:
        """Return the seconds until the recipe is aborted (negative: past), None when it has no watchdog."""
        with self._ground.read() as tx:
            found = recipes.load_recipe(tx, recipe)
            if found is None:
                raise NoSuchRecipe
            self._access.require_reader(tx, caller, jobs.load_job_row(tx, found.job), found.id)
            now = self._ground.now(tx)
        return None if found.watchdog is None else math.floor(found.watchdog - now)

    def set(self, caller: Caller, recipe: int, seconds: int) -> None:
        """Let the recipe be aborted so many seconds from now (0 and less: at once).

        Raises `RecipeFinished`, `RecipeNotAssigned`.
        """

        def put_off(change: Change) -> None:
            load = partial(lifecycle.recipe_with, task=None)
            found = assignment.hear(change, self._ground, self._access, caller, recipe, load)
            lifecycle.require_live(found)
            lifecycle.go_on(change, found)
            bounded = max(-LONGEST, min(seconds, LONGEST))
            recipes.update_recipe(change.tx, found.id, watchdog=change.now + bounded)

        self._ground.together(put_off)

    def expire(self) -> int:
        """Abort recipes that ran longer than they may, and sets all of whose watchdogs are past; return how many.

        Who waits in sync counts as past its watchdog when its peers are. A set of which a system was reserved, and did
        not ask in time, is aborted whole, and ends its campaign.

        Their logs stay open for a while: what the system still sends may say why it hung.
        """
        with self._ground.change() as change:
            untaken = self._abort_untaken(change)
            overlong = [lifecycle.recipe_of(change, number) for number in recipes.overlong(change.tx, change.now)]
            for recipe in overlong:
                text = f"The recipe took longer than its {recipe.max_seconds} seconds"
                self._abort(change, [recipe], text, Cause.WATCHDOG)
            expired = [
                recipe
                for group in recipes.overdue_sets(change.tx, change.now)
                for recipe in _late(change, group)
                if not recipe.status.finished
            ]
            self._abort(change, expired, EXPIRED, Cause.WATCHDOG)
            if untaken or overlong or expired:
                dispatch(change, self._ground)
            return untaken + len(overlong) + len(expired)

    def _abort_untaken(self, change: Change) -> int:
        """Abort the sets with systems that were reserved and have not asked in time; return how many recipes."""
        number = 0
        for group in recipes.untaken_sets(change.tx, change.now):
            members = [recipe for recipe in recipes.load_set(change.tx, group) if not recipe.status.finished]
            late = [recipe for recipe in members if recipe.reserved and (recipe.watchdog or 0) <= change.now]
            message = f"{UNTAKEN}: no harness on {_few([recipe.system or '' for recipe in late])} asked for its recipe"
            course.fail(change, members[0].job, message)
            self._abort(change, members, message, Cause.UNTAKEN)
            number += len(members)
        return number

    def _abort(self, change: Change, members: Sequence[Recipe], message: str, cause: Cause) -> None:
        grace = self._ground.config.grace_seconds
        end_recipes(
            change,
            members,
            TaskStatus.ABORTED,
            message,
            grace=lambda recipe: 0 if recipe.reserved else grace,
            cause=cause,
        )


def _late(change: Change, group: int) -> list[Recipe]:
    """Return the recipes of a set whose time is up; of those that wait in sync, noting that their peers are why."""
    waiting = recipes.waiting(change.tx, group, change.now)
    return [
        evolve(recipe, cause=Cause.PEER) if recipe.id in waiting else recipe
        for recipe in recipes.load_set(change.tx, group)
    ]


def _few(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
