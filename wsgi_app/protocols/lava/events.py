"""Events as LAVA's readers get them: of devices, testjobs, workers, and of what tests say to their followers.

A message is sent when LAVA's words for something change, and what the words were and are stands in the event itself: so
the same event makes the same messages, whoever reads it and whenever. The other facts are those of the moment.
Source: readers-lava.md sections 9.2 and 9.5.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.scene import Around
from wsgi_app.core.selection import Listed
from wsgi_app.model import Event, System
from wsgi_app.protocols.lava import uuids, words
from wsgi_app.protocols.lava.configuration import worker_name
from wsgi_app.protocols.lava.fleet import HEALTHS, presence
from wsgi_app.protocols.lava.message import SERVER, Message, iso
from wsgi_app.protocols.lava.uuids import event_of
from wsgi_app.states import LabHealth, RecipeStatus, SystemHealth, Visibility
from wsgi_app.store.events import Told

__all__ = ["Message", "Messages", "event_of"]

DEVICE = "device"
TESTJOB = "testjob"
WORKER = "worker"
EVENT = "event"
#: all kinds of messages
KINDS = (DEVICE, TESTJOB, WORKER, EVENT)

#: events that are read together; a statement has no more values than that
_PORTION = 500
_TOPICS = frozenset(("recipe", "system", "lab", "signal"))
#: what comes of an event that another version of Tackroom wrote, or somebody by hand
_ODD = (KeyError, ValueError, TypeError, AttributeError, OverflowError)

_log = logging.getLogger(__name__)


@frozen
class _Said:
    """What a message says, before it has a name."""

    kind: str
    data: Mapping[str, Any]
    username: str = SERVER
    private_to: str | None = None
    system: str | None = None


class Messages:
    """Makes messages. Its calls read the database, and wait for it."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._own = worker_name(config)
        self._prefix = config.event_topic
        self._as_number = config.event_job_as == "int"

    def of(self, told: Sequence[Told]) -> list[Message]:
        """Return the messages of events, in their order."""
        concerned = [one for one in told if one.event.topic in _TOPICS]
        found: list[Message] = []
        for begin in range(0, len(concerned), _PORTION):
            some = concerned[begin : begin + _PORTION]
            try:
                found += self._of_some(some)
            except _ODD:
                for one in some:
                    found += self._of_one(one)
        return found

    def now(self, within: float, most: int) -> tuple[int, list[Message]]:
        """Return how everything is, and the id of the newest event (0: none) that it takes in.

        That is each device and worker, each testjob that is not Finished, and the newest `most` of those that ended
        within so many seconds.
        """
        whole = self._gateway.scene.whole(self._gateway.clock() - within, most)
        around = Around(
            whole.held,
            {system.name: system for system in whole.systems},
            {worker.name: worker for worker in whole.workers},
        )
        said: list[_Said] = []
        for system in whole.systems:
            held = None if system.recipe is None else whole.held.get(system.recipe)
            state = _does(None if held is None else held.recipe.status is RecipeStatus.RUNNING)
            said.append(self._device(system.name, state, system.health, held, around))
        said.append(self._lab(whole.lab.health))
        said += [
            self._worker(worker.name, worker.online, worker.system.health)
            for worker in whole.workers
            if worker.name != self._own
        ]
        for listed in whole.recipes:
            state, health = words.state_of(listed), words.health_of(listed.recipe)
            said.append(self._testjob(listed, state, health, listed.recipe.system, around))
        made = [
            self._named(item, whole.reached, place, whole.time, replayed=True)
            for place, item in enumerate(said[: uuids.MOST])
        ]
        return whole.reached, made

    def _of_some(self, told: Sequence[Told]) -> list[Message]:
        around = self._around([one.event for one in told])
        return [
            self._named(item, one.event.id, place, one.event.time)
            for one in told
            for place, item in enumerate(self._of_event(one.event, one.private_to, around))
        ]

    def _of_one(self, told: Told) -> list[Message]:
        """Return the messages of an event, none when it is not as events are: what follows it is told all the same."""
        try:
            return self._of_some([told])
        except _ODD as error:
            _log.error("event %s cannot be told: %s: %s", told.event.id, type(error).__name__, error)
            return []

    def _around(self, events: Sequence[Event]) -> Around:
        """Look up what events are about."""
        recipes: set[int] = set()
        systems: set[str] = set()
        for event in events:
            data = event.data
            if event.topic == "system" and (data.get("was") or data.get("was", 1) is None or "worker" in data):
                systems.add(data["name"])
                if data.get("holds"):
                    recipes.add(data["holds"]["recipe"])
            elif event.topic == "signal":
                recipes.add(data["recipe"])
            elif event.topic == "recipe" and _moves(data) is not None:
                recipes.add(data["id"])
                if data["system"]:
                    systems.add(data["system"])
        return self._gateway.scene.around(recipes, systems)

    def _of_event(self, event: Event, private_to: str | None, around: Around) -> Iterator[_Said]:
        data = event.data
        if event.topic == "recipe":
            listed, moved = around.recipes.get(data["id"]), _moves(data)
            if listed is not None and moved is not None:
                said = self._testjob(listed, *moved, data["system"], around, event.time)
                yield evolve(said, private_to=private_to)
        elif event.topic == "system":
            yield from self._of_system(data, around)
        elif event.topic == "lab":
            if data.get("was"):
                yield self._lab(LabHealth(data["health"]))
        elif (listed := around.recipes.get(data["recipe"])) is not None:
            text = {"message": data["text"], "job": self._number(listed)}
            yield _Said(EVENT, text, private_to=private_to)

    def _of_system(self, data: Mapping[str, Any], around: Around) -> Iterator[_Said]:
        name: str = data["name"]
        was: Mapping[str, Any] | None = data.get("was", {})
        if data["health"] is None:
            # LAVA forgets no device, it retires them
            if was and was["health"] != SystemHealth.RETIRED:
                yield self._device(name, _does(None), SystemHealth.RETIRED, None, around)
            return
        health = SystemHealth(data["health"])
        if was is None or was:
            holds = data.get("holds")
            held = None if holds is None else around.recipes.get(holds["recipe"])
            yield self._device(name, _does(None if holds is None else holds["begun"]), health, held, around)
        worker = around.workers.get(name)
        if name == self._own:
            return
        if "worker" in data:
            yield self._worker(name, data["worker"]["online"], health)
        elif worker is not None and was and "health" in was and HEALTHS[SystemHealth(was["health"])] != HEALTHS[health]:
            yield self._worker(name, worker.online, health)

    def _device(self, name: str, state: str, health: SystemHealth, held: Listed | None, around: Around) -> _Said:
        system: System | None = around.systems.get(name)
        data: dict[str, Any] = {
            "device": name,
            "device_type": None if system is None else system.type,
            "state": state,
            "health": words.DEVICE_HEALTHS[health],
            "worker": self._worker_of(name, around),
        }
        # everyone may read of devices, and not of every job
        if held is not None and held.job.visibility is Visibility.PUBLIC:
            data["job"] = self._number(held)
        return _Said(DEVICE, data)

    def _testjob(
        self,
        listed: Listed,
        state: str,
        health: str,
        system: str | None,
        around: Around,
        time: float = float("inf"),
    ) -> _Said:
        """Return what is said of a job in this state, with this system, at a time (seconds since the epoch)."""
        job, recipe, called = listed.job, listed.recipe, words.number(listed)
        data: dict[str, Any] = {
            "job": self._number(listed),
            "job_id": recipe.id,
            "state": state,
            "health": health,
            "description": job.name,
            "priority": job.priority,
            "submit_time": iso(job.submitted),
            "submitter": job.owner,
            "health_check": False,
        }
        if isinstance(called, str):
            data["sub_id"] = called
        if listed.type is not None:
            data["device_type"] = listed.type
        given = None
        if recipe.assigned is not None and recipe.assigned <= time and state not in (words.SUBMITTED, words.SCHEDULING):
            given = system
        if given is not None:
            data["device"] = given
            data["worker"] = self._worker_of(given, around)
        if recipe.started is not None and recipe.started <= time:
            data["start_time"] = iso(recipe.started)
        if recipe.finished is not None and state == words.FINISHED:
            data["end_time"] = iso(recipe.finished)
        private_to = None if job.visibility is Visibility.PUBLIC else job.owner
        return _Said(TESTJOB, data, job.owner, private_to, given)

    def _worker(self, name: str, online: bool, health: SystemHealth) -> _Said:
        told = words.WORKER_HEALTHS[HEALTHS[health]]
        return _Said(WORKER, {"hostname": name, "state": presence(online), "health": told})

    def _lab(self, health: LabHealth) -> _Said:
        online = self._gateway.lab.look().heard is not None
        told = words.WORKER_HEALTHS[health]
        return _Said(WORKER, {"hostname": self._own, "state": presence(online), "health": told})

    def _worker_of(self, name: str, around: Around) -> str:
        return name if name in around.workers else self._own

    def _number(self, listed: Listed) -> int | str:
        called = words.number(listed)
        return called if self._as_number else str(called)

    def _named(self, said: _Said, event: int, number: int, time: float, *, replayed: bool = False) -> Message:
        name = uuids.make(event, number, time, replayed=replayed)
        return Message(
            said.kind, event, name, time, said.username, said.data, said.private_to, said.system, self._prefix
        )


def _does(begun: bool | None) -> str:
    """Return what a device does: with a job that has begun, that has not, or (None) without one."""
    return "Idle" if begun is None else "Running" if begun else "Reserved"


def _moves(data: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return state and health of a job whose recipe changed; None when neither of them did."""
    is_now = _words(data)
    was = data.get("was", {})
    if was is None:
        return is_now
    before = {"peers_placed": False, **was}
    return None if is_now == _words({**data, **before}) else is_now


def _words(data: Mapping[str, Any]) -> tuple[str, str]:
    status, settled = RecipeStatus(data["status"]), data["settled"]
    placed = data.get("peers_placed", False)
    return words.state_at(status, settled=settled, peers_placed=placed), words.health_at(status, settled=settled)
