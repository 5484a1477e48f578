"""Sync: the recipes of a set wait for one another. Source: design.md section 6.

A recipe says "I am there" once for each state; that stays, whatever happens to its system, the network or us. Nobody
waits for the dead: a peer that ended before it arrived ends the wait.
"""

import re
from collections.abc import Sequence

from attrs import frozen
from sqlalchemy import Connection

from wsgi_app.core import lifecycle
from wsgi_app.core.access import Access
from wsgi_app.core.change import Ground
from wsgi_app.core.notifier import Subject
from wsgi_app.errors import (
    BadSyncState,
    DeadPeer,
    Invalid,
    NoSuchRecipe,
    RecipeFinished,
    RecipeNotAssigned,
    TooManySyncStates,
)
from wsgi_app.model import Attendant, Caller, Recipe
from wsgi_app.store import jobs, recipes, sync

#: the role that every recipe has, as in restraint's role variables
EVERYONE = "RECIPE_MEMBERS"
LONGEST_STATE = 255
#: states that one recipe may reach: a loop that makes up names must not fill the database
MOST_STATES = 1000
#: seconds for which a waiting recipe still counts as waiting after its call has ended: it calls again
BETWEEN_CALLS = 15

_STATE = re.compile(r"[^/\x00-\x1f\x7f]+", re.DOTALL)


@frozen
class Attendance:
    """Who of those that are waited for is there (with what they said, as JSON text), and who is not."""

    reached: bool
    there: tuple[Attendant, ...]
    missing: tuple[Attendant, ...]


@frozen
class StateOverview:
    """One state of a set, and where each of its recipes stands."""

    state: str
    recipes: tuple[Attendant, ...]
    #: those that wait for it now
    waiting: frozenset[int]


class Sync:
    """Where the recipes of a set meet."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access

    def arrive(self, caller: Caller, recipe: int, state: str, said: str | None) -> bool:
        """Note that a recipe is there, and what it says to the others (JSON text); False when it was before.

        A repeated call replaces what was said. Raises `BadSyncState`, `RecipeFinished`, `RecipeNotAssigned`,
        `TooManySyncStates`.
        """
        _check_state(state)
        with self._ground.change() as change:
            found = lifecycle.recipe_of(change, recipe)
            self._access.require_harness(change.tx, caller, found.id)
            _require_live(found)
            new = sync.arrive(change.tx, found.id, state, said, change.now)
            if new:
                if sync.count_states(change.tx, found.id) > MOST_STATES:
                    raise TooManySyncStates(f"a recipe reaches at most {MOST_STATES} sync states")
                complete = sync.missing(change.tx, found.recipe_set, state) == 0
                change.event(
                    "sync",
                    found.job,
                    job=found.job,
                    recipe_set=found.recipe_set,
                    state=state,
                    recipe=found.id,
                    complete=complete,
                )
            return new

    def wait(
        self, caller: Caller, recipe: int, state: str, *, role: str | None, any_one: bool, seconds: float
    ) -> Attendance:
        """Wait until every recipe of the set (of that role; or any one of them) is there; at most so many seconds.

        The caller's recipe is one of them. A role is a recipe's own or that of one of its tasks; `RECIPE_MEMBERS` is
        everyone. Raises `BadSyncState`, `Invalid` for a role that nobody has, `RecipeFinished`, `DeadPeer`, and
        `TooManyWaiters` when it would have to wait.
        """
        _check_state(state)
        role = None if role == EVERYONE else role

        def look() -> Attendance | None:
            if step == "all" and self._undecided(recipe, group, state):
                return None
            found = self._attendance(caller, recipe, state, role, any_one=any_one)
            return found if found.reached else None

        found = self._attendance(caller, recipe, state, role, any_one=any_one)
        if found.reached or seconds <= 0:
            return found
        group = self._begin(caller, recipe, state, seconds)
        # who waits for all is only woken by the last; every arrival would wake 500 who wait 500 times
        step = "all" if role is None and not any_one else "each"
        subjects = {Subject("sync", (group, state, step)), Subject("set", group)}
        try:
            reached = self._ground.notifier.wait(subjects, look, seconds)
        except DeadPeer:
            self._end(recipe, state)
            raise
        if reached is not None:
            self._end(recipe, state)
        return reached or self._attendance(caller, recipe, state, role, any_one=any_one)

    def overview(self, caller: Caller, recipe: int) -> list[StateOverview]:
        """Return all states that a recipe of the set has reached or waits for, for those who may read the job."""
        with self._ground.read() as tx:
            found = _recipe(tx, recipe)
            self._access.require_reader(tx, caller, jobs.load_job_row(tx, found.job), found.id)
            now = self._ground.clock()
            made = []
            for state in sync.states_of(tx, found.recipe_set):
                everyone = sync.attendants(tx, found.recipe_set, state)
                waiting = {one.recipe for one in everyone if one.waits_for == state and (one.waits_until or 0) > now}
                if waiting or any(one.there is not None for one in everyone):
                    made.append(StateOverview(state, tuple(everyone), frozenset(waiting)))
            return made

    def _begin(self, caller: Caller, recipe: int, state: str, seconds: float) -> int:
        """Note that a recipe waits, which counts as past its watchdog when its peers are; return its set."""
        with self._ground.change() as change:
            found = lifecycle.recipe_of(change, recipe)
            self._access.require_harness(change.tx, caller, found.id)
            until = change.now + seconds + BETWEEN_CALLS
            recipes.begin_waiting(change.tx, found.id, state, now=change.now, until=until)
            return found.recipe_set

    def _end(self, recipe: int, state: str) -> None:
        with self._ground.change() as change:
            recipes.stop_waiting(change.tx, recipe, state)

    def _undecided(self, recipe: int, group: int, state: str) -> bool:
        """Return whether there is nothing to say yet to who waits for all: 500 who look must not cost 500 times 500."""
        with self._ground.read() as tx:
            return recipes.is_live(tx, recipe) and sync.undecided(tx, group, state)

    def _attendance(self, caller: Caller, recipe: int, state: str, role: str | None, *, any_one: bool) -> Attendance:
        with self._ground.read() as tx:
            found = _recipe(tx, recipe)
            self._access.require_harness(tx, caller, found.id)
            _require_live(found)
            wanted = sync.attendants(tx, found.recipe_set, state)
            if role is not None:
                by_task = sync.with_task_role(tx, found.recipe_set, role)
                wanted = [one for one in wanted if one.role == role or one.recipe in by_task]
        if not wanted:
            raise Invalid(f"no recipe of the set has the role {role!r}", field="role")
        there = tuple(one for one in wanted if one.there is not None)
        missing = tuple(one for one in wanted if one.there is None)
        reached = not missing or (any_one and bool(there))
        if not reached:
            _require_hope(missing, state, any_one=any_one)
        return Attendance(reached, there, missing)


def _recipe(tx: Connection, recipe: int) -> Recipe:
    found = recipes.load_recipe(tx, recipe)
    if found is None:
        raise NoSuchRecipe
    return found


def _require_live(recipe: Recipe) -> None:
    if recipe.status.finished:
        raise RecipeFinished
    if recipe.assigned is None:
        raise RecipeNotAssigned


def _require_hope(missing: Sequence[Attendant], state: str, *, any_one: bool) -> None:
    """Raise `DeadPeer` when who is missing cannot arrive any more."""
    dead = [one for one in missing if one.status.finished]
    if dead and (len(dead) == len(missing) or not any_one):
        names = ", ".join(f"recipe {one.recipe} ({one.system}) has ended ({one.status})" for one in dead)
        raise DeadPeer(f"{names} without reaching {state}")


def _check_state(state: str) -> None:
    if not _STATE.fullmatch(state) or len(state.encode("utf-8", "replace")) > LONGEST_STATE:
        raise BadSyncState(field="state")
