"""Sync: the recipes of a set wait for one another. Source: design.md section 6.

A recipe says "I am there" once for each state; that stays, whatever happens to its system, the network or us. Nobody
waits for the dead: a peer that ended before it arrived ends the wait.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import frozen
from sqlalchemy import Connection

from wsgi_app.core import assignment, lifecycle
from wsgi_app.core.access import Access
from wsgi_app.core.change import Change, Ground
from wsgi_app.core.notifier import Subject
from wsgi_app.errors import (
    BadSyncState,
    DeadPeer,
    Invalid,
    NoSuchRecipe,
    TackroomError,
    TooManySyncStates,
)
from wsgi_app.model import RECIPE_MEMBERS, STANDALONE, Attendant, Caller, Recipe
from wsgi_app.states import Cause
from wsgi_app.store import jobs, recipes, sync
from wsgi_app.store.sync import Tally

LONGEST_STATE = 255
#: states that one recipe may reach: a loop that makes up names must not fill the database
MOST_STATES = 1000
#: most recipes, over all states, in one page of the overview
MOST_ENTRIES = 10_000
#: seconds for which a waiting recipe still counts as waiting after its call has ended: it calls again
BETWEEN_CALLS = 15

_STATE = re.compile(r"[^/\x00-\x1f\x7f-\x9f]+", re.DOTALL)


@frozen
class Meeting:
    """What somebody waits for: a state, and whom to reach it (of that role, None: all; `any_one` of them).

    `others_of` is a recipe that is not waited for: the one that waits, when only others count.
    """

    state: str
    role: str | None
    any_one: bool
    others_of: int | None = None

    def tally(self, tx: Connection, group: int) -> Tally:
        """Count those of a set who are waited for."""
        return sync.tally(tx, group, self.state, self.role, but=self.others_of)

    def reached(self, tally: Tally) -> bool:
        """Return whether those are there who are waited for."""
        return not tally.missing or (self.any_one and tally.there > 0)

    def hopeless(self, tally: Tally) -> bool:
        """Return whether they cannot be there any more."""
        return not self.reached(tally) and tally.dead > (tally.missing - 1 if self.any_one else 0)

    def undecided(self, tally: Tally) -> bool:
        """Return whether it is neither."""
        return not (self.reached(tally) or self.hopeless(tally))

    def subject(self, group: int) -> Subject:
        """Return what wakes those who wait for it: the arrival that decides, and no other.

        Who waits for the others is woken by each arrival: those of one are not those of another.
        """
        return Subject("sync", (group, self.state, self.role, self.any_one or self.others_of is not None))


def decided(data: Mapping[str, Any]) -> Iterator[Subject]:
    """Yield what the arrival that a `sync` event tells of may decide."""
    for role, complete in ((None, data["complete"]), *data["roles"].items()):
        for any_one in (True, False) if complete else (True,):
            yield Meeting(data["state"], role, any_one).subject(data["recipe_set"])


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


@frozen
class Overview:
    """States of a set by name, and whether there are more behind them."""

    states: tuple[StateOverview, ...]
    more: bool


class Sync:
    """Where the recipes of a set meet."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access

    def arrive(self, caller: Caller, recipe: int, state: str, read: Callable[[], str | None]) -> bool:
        """Note that a recipe is there, and what it says to the others; False when it was before.

        `read` returns what is said, as JSON text; it is called only for those who may say something. A repeated call
        replaces it. Raises `BadSyncState`, `RecipeFinished`, `RecipeNotAssigned`, `TooManySyncStates`.
        """
        _check_state(state)
        with self._ground.read() as tx:
            self._access.require_harness(tx, caller, _recipe(tx, recipe).id)
        said = read()
        with self._ground.change() as change:
            found = assignment.hear(change, self._ground, self._access, caller, recipe)
            lifecycle.require_live(found)
            recipes.stop_waiting(change.tx, found.id)
            new = sync.arrive(change.tx, found.id, state, said, change.now)
            if new:
                if sync.count_states(change.tx, found.id) > MOST_STATES:
                    raise TooManySyncStates(f"a recipe reaches at most {MOST_STATES} sync states")
                _tell(change, found, state)
            return new

    def wait(
        self,
        caller: Caller,
        recipe: int,
        state: str,
        *,
        role: str | None,
        any_one: bool,
        seconds: float,
        others: bool = False,
    ) -> Attendance:
        """Wait until every recipe of the set (of that role; or any one of them) is there; at most so many seconds.

        The caller's recipe is one of them, unless only the `others` count. A role is a recipe's own or that of one of
        its tasks; `RECIPE_MEMBERS` is everyone. Raises `BadSyncState`, `Invalid` when there is nobody to wait for (a
        role that nobody has), `RecipeFinished`, `DeadPeer`, and `TooManyWaiters` when it would have to wait.
        """
        _check_state(state)
        meeting = Meeting(state, None if role == RECIPE_MEMBERS else role, any_one, recipe if others else None)
        try:
            return self._wait(caller, recipe, meeting, seconds)
        except DeadPeer:
            # should it be aborted now, that is why
            with self._ground.change() as change:
                if recipes.is_live(change.tx, recipe):
                    recipes.update_recipe(change.tx, recipe, cause=Cause.PEER)
            raise

    def _wait(self, caller: Caller, recipe: int, meeting: Meeting, seconds: float) -> Attendance:
        found = self._attendance(caller, recipe, meeting)
        if found.reached or seconds <= 0:
            return found
        with self._ground.read() as tx:
            group = _recipe(tx, recipe).recipe_set
        marked = False

        def begun() -> None:
            nonlocal marked
            self._mark(recipe, group, meeting, seconds)
            marked = True

        def look() -> Attendance | None:
            with self._ground.read() as tx:
                undecided = meeting.undecided(meeting.tally(tx, group))
                if undecided and recipes.is_live(tx, recipe):
                    return None
            return self._attendance(caller, recipe, meeting)

        subjects = {meeting.subject(group), Subject("set", group)}
        try:
            reached = self._ground.notifier.wait(subjects, look, seconds, holder=("recipe", recipe), begun=begun)
        except TackroomError:
            if marked:
                self._unmark(recipe, meeting.state)
            raise
        if reached is None:
            # it counts as waiting for a little longer: it is about to call again
            return self._attendance(caller, recipe, meeting)
        if meeting.role is not None or meeting.any_one or meeting.others_of is not None:
            # whoever completes the set has unmarked all who wait for all of it
            self._unmark(recipe, meeting.state)
        return reached

    def overview(self, caller: Caller, recipe: int, *, after: str = "", limit: int = 100) -> Overview:
        """Return states that a recipe of the set has reached or waits for, by name, for those who may read the job.

        Those behind `after`; at most `limit`, and so few that they tell of `MOST_ENTRIES` recipes together.
        """
        with self._ground.read() as tx:
            found = _recipe(tx, recipe)
            self._access.require_reader(tx, caller, jobs.load_job_row(tx, found.job), found.id)
            most = min(limit, max(1, MOST_ENTRIES // len(recipes.load_peers(tx, found.recipe_set))))
            states = sync.states_of(tx, found.recipe_set, after=after, limit=most + 1)
            now = self._ground.now(tx)
            made = []
            for state in states[:most]:
                everyone = sync.attendants(tx, found.recipe_set, state)
                waiting = {one.recipe for one in everyone if one.waits_for == state and (one.waits_until or 0) > now}
                made.append(StateOverview(state, tuple(everyone), frozenset(waiting)))
            return Overview(tuple(made), len(states) > most)

    def _mark(self, recipe: int, group: int, meeting: Meeting, seconds: float) -> None:
        """Note that a recipe waits, which counts as past its watchdog when its peers are."""
        with self._ground.change() as change:
            # who came meanwhile has unmarked those who waited, and will not do it again
            if meeting.undecided(meeting.tally(change.tx, group)):
                until = change.now + seconds + BETWEEN_CALLS
                recipes.update_recipe(change.tx, recipe, waits_for=meeting.state, waits_until=until)

    def _unmark(self, recipe: int, state: str) -> None:
        with self._ground.change() as change:
            recipes.stop_waiting(change.tx, recipe, state)

    def _attendance(self, caller: Caller, recipe: int, meeting: Meeting) -> Attendance:
        with self._ground.read() as tx:
            found = _recipe(tx, recipe)
            self._access.require_harness(tx, caller, found.id)
            lifecycle.require_live(found)
            wanted = sync.attendants(tx, found.recipe_set, meeting.state)
            if meeting.role is not None:
                players = sync.players(tx, found.recipe_set, meeting.role)
                wanted = [one for one in wanted if one.recipe in players]
                if not wanted:
                    raise Invalid(f"no recipe of the set has the role {meeting.role!r}", field="role")
        wanted = [one for one in wanted if one.recipe != meeting.others_of]
        if not wanted:
            raise Invalid("there are no others to wait for", field="others")
        there = tuple(one for one in wanted if one.there is not None)
        missing = tuple(one for one in wanted if one.there is None)
        dead = [one for one in missing if one.status.finished]
        tally = sync.Tally(len(there), len(missing), len(dead))
        if meeting.hopeless(tally):
            names = ", ".join(f"recipe {one.recipe} ({one.system}) has ended ({one.status})" for one in dead)
            raise DeadPeer(f"{names} without reaching {meeting.state}")
        return Attendance(meeting.reached(tally), there, missing)


def announce(change: Change, recipe: Recipe, state: str, said: str) -> None:
    """Let a recipe be at a state, and say something (JSON text) there, at our own word."""
    if sync.arrive(change.tx, recipe.id, state, said, change.now):
        _tell(change, recipe, state)


def _tell(change: Change, recipe: Recipe, state: str) -> None:
    """Record an arrival, and what it completes; who waited for that does not wait any more."""
    group = recipe.recipe_set
    complete = sync.tally(change.tx, group, state, None).missing == 0
    if complete:
        recipes.stop_all_waiting(change.tx, group, state)
    played = {role or STANDALONE for role in recipe.task_roles} | ({recipe.role} if recipe.role else set())
    roles = {role: sync.tally(change.tx, group, state, role).missing == 0 for role in sorted(played)}
    change.event(
        "sync",
        recipe.job,
        job=recipe.job,
        recipe_set=group,
        state=state,
        recipe=recipe.id,
        complete=complete,
        roles=roles,
    )


def _recipe(tx: Connection, recipe: int) -> Recipe:
    found = recipes.load_recipe(tx, recipe)
    if found is None:
        raise NoSuchRecipe
    return found


def _check_state(state: str) -> None:
    if not _STATE.fullmatch(state) or len(state.encode("utf-8", "replace")) > LONGEST_STATE:
        raise BadSyncState(field="state")
