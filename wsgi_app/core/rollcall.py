"""Roll calls: a gateway says which workers are connected to it and what each has in hand, and is told what to change.

Nothing is remembered of what was told: whatever differs from what should be is told until it does not differ. Who says
a start twice gives one more key, as a claim does. A call waits for all workers of a gateway until there is something to
say; the next call of that gateway, which may come at any time, ends it.
"""

import time
from collections.abc import Mapping, Sequence

from attrs import Factory, frozen
from sqlalchemy import Connection

from wsgi_app.core import access, assignment, lifecycle
from wsgi_app.core.access import Access
from wsgi_app.core.attendance import Attendance
from wsgi_app.core.change import Ground
from wsgi_app.core.dispatch import dispatch
from wsgi_app.core.due import Due, Stop, due_of
from wsgi_app.core.notifier import Subject
from wsgi_app.core.roll import RollCall, belongs
from wsgi_app.core.systems import Claimed
from wsgi_app.errors import StaleRollCall
from wsgi_app.model import Caller
from wsgi_app.store import recipes, workers

#: what a call waits for beside its systems: that a roll was called in whatever process
CALLED = Subject("roll-call", None)
#: workers of a call, at most
MOST_WORKERS = 5000
#: seconds that a call waits, at most: a gateway that is silent for longer than `ONLINE_SECONDS` is gone
LONGEST_WAIT = 60
#: seconds beyond a call's own for which what it claims is to hold at least: until the next one has come
SPARE_SECONDS = 15.0
#: recipes that are started by an answer, at most: each comes with its whole document
MOST_STARTS = 50
#: seconds after which a gateway that makes no calls is forgotten
FORGET_SECONDS = 30 * 86400.0


class Arrivals:
    """Tells whether a roll was called, in whatever process, since that was asked last."""

    def __init__(self) -> None:
        self._seen: tuple[tuple[str, int], ...] = ()

    def any(self, tx: Connection) -> bool:
        """Return whether one was."""
        seen, self._seen = self._seen, workers.sequences(tx)
        return seen != self._seen


@frozen
class Orders:
    """What a gateway is to change."""

    start: tuple[Claimed, ...] = ()
    stop: tuple[Stop, ...] = ()
    #: workers that are to exit
    shutdown: tuple[str, ...] = ()
    #: workers whose connections are to be closed: they were removed, or are connected elsewhere
    drop: tuple[str, ...] = ()
    #: whether tasks of these workers are to outlive their connections
    detach: Mapping[str, bool] = Factory(dict)


class RollCalls:
    """What gateways say of workers, and are told."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access

    def call(self, caller: Caller, call: RollCall, *, wait: float) -> Orders:
        """Note who is there, and return what is to be different, nothing after `wait` seconds (scope workers).

        Raises `StaleRollCall`, `TooManyWaiters`.
        """
        deadline = time.monotonic() + wait
        self._note(caller, call, wait)
        subjects = [CALLED, *(Subject("system", worker.name) for worker in call.workers)]
        holder = ("gateway", call.gateway)
        while True:
            left = deadline - time.monotonic()
            due = self._ground.notifier.wait(subjects, lambda: self._look(call), left, holder=holder)
            if due is None or not due.reserved:
                return self._orders(call, due or Due())
            self._take(due.reserved)

    def _note(self, caller: Caller, call: RollCall, wait: float) -> None:
        with self._ground.change(many=True) as change:
            self._access.require(change.tx, caller, access.WORKERS)
            newest = workers.newest(change.tx, call.gateway)
            if newest is not None and newest > call.sequence:
                raise StaleRollCall(f'a newer roll call of this gateway has come: "sequence": {newest}')
            fleet = workers.load_fleet(change.tx)
            if newest is None:
                workers.forget_gateways(change.tx, change.now - FORGET_SECONDS)
            workers.note_call(change.tx, call.gateway, call.sequence, change.now)
            span = max(wait + SPARE_SECONDS, self._ground.config.claim_seconds)
            notes = Attendance(change, call.gateway, needed=change.now + wait + SPARE_SECONDS, until=change.now + span)
            there = {worker.name: worker for worker in call.workers}
            for member in fleet.values():
                said = there.get(member.name)
                if said is None and member.gateway == call.gateway:
                    notes.gone(member)
                elif said is not None and belongs(member, call.gateway, change.now):
                    notes.present(member, said)
            notes.write()
            if notes.claims:
                dispatch(change, self._ground)
        # those who wait with an older call
        self._ground.notifier.ring()

    def _look(self, call: RollCall) -> Due | None:
        with self._ground.read() as tx:
            due = due_of(tx, call, self._ground.now(tx))
        return due if due.any else None

    def _take(self, reserved: Sequence[int]) -> None:
        """Let the systems of reserved recipes take them: they are there and free."""
        with self._ground.change() as change:
            for number in reserved:
                recipe = recipes.load_recipe(change.tx, number)
                if recipe is not None:
                    assignment.take(change, self._ground, recipe)

    def _orders(self, call: RollCall, due: Due) -> Orders:
        if due.stale:
            # the newer call is told all
            return Orders()
        started = self._start(call, due.start[:MOST_STARTS]) if due.start else ()
        unsaid = [worker.name for worker in call.workers if worker.detach is None]
        if unsaid:
            with self._ground.read() as tx:
                fleet = workers.load_fleet(tx)
            due.detach.update({name: fleet[name].detach for name in unsaid if name in fleet})
        return Orders(started, tuple(due.stop), tuple(due.shutdown), tuple(due.drop), due.detach)

    def _start(self, call: RollCall, numbers: Sequence[int]) -> tuple[Claimed, ...]:
        """Give the recipes out, each with a key, unless something has changed since that was looked at."""
        with self._ground.change(many=True) as change:
            still = set(due_of(change.tx, call, change.now).start)
            given = []
            for recipe in (lifecycle.recipe_of(change, number) for number in numbers if number in still):
                peers = recipes.load_peers(change.tx, recipe.recipe_set)
                given.append(Claimed(recipe, peers, access.issue_key(change, recipe.id, claimed=True)))
            return tuple(given)
