"""What a roll call changes of workers and their systems: who has come, who has gone, who is free."""

from collections import defaultdict
from typing import Any

from attrs import define, field

from wsgi_app.core.change import Change
from wsgi_app.core.roll import Present
from wsgi_app.states import SystemState
from wsgi_app.store import workers
from wsgi_app.store.workers import Member

#: seconds for which it is not noted again that a worker was heard
HEARD_SECONDS = 30.0


@define
class Attendance:
    """What a roll call changes; written at once for all workers, and nothing where nothing has changed."""

    change: Change
    gateway: str
    #: until when a claim must hold at least, and does when it is made anew
    needed: float
    until: float
    #: what is new of workers, and the claims of their systems
    members: list[dict[str, Any]] = field(factory=list)
    claims: list[dict[str, Any]] = field(factory=list)
    withdrawn: list[dict[str, Any]] = field(factory=list)

    def gone(self, member: Member) -> None:
        """A worker of this gateway is not connected any more."""
        self._member(member, {"gateway": None, "in_hand": None, "leaving": False, "shutdown": False})
        self.withdrawn.append({"which": member.name, "seen": None, "until": None})
        self._event(member, SystemState.OFFLINE, {"online": False, "version": member.version})

    def present(self, member: Member, said: Present) -> None:
        """A worker is connected to this gateway."""
        now = self.change.now
        came = member.gateway != self.gateway
        online = member.gateway is not None and not came and member.online(now)
        heard = max(now - said.heard, member.heard or 0.0)
        changed = came or (member.version, member.address, member.in_hand, member.leaving) != (
            said.version,
            said.address,
            said.recipe,
            said.leaving,
        )
        if changed or heard - (member.heard or 0.0) >= HEARD_SECONDS:
            values = {"gateway": self.gateway, "version": said.version, "address": said.address, "heard": heard}
            values |= {"in_hand": said.recipe, "leaving": said.leaving, "shutdown": member.shutdown and not came}
            self._member(member, values, connected=now if came else None)
        free = said.recipe is None and not said.leaving and (came or not member.shutdown)
        claimed = member.claimed_until or 0.0
        if free and claimed < self.needed:
            self.claims.append({"which": member.name, "seen": heard, "until": self.until})
        elif not free and member.recipe is None and claimed > now:
            self.withdrawn.append({"which": member.name, "seen": heard, "until": None})
        elif changed or heard - (member.last_seen or 0.0) >= HEARD_SECONDS:
            self.withdrawn.append({"which": member.name, "seen": heard, "until": member.claimed_until})
        state = SystemState.IDLE if free else SystemState.OFFLINE
        before = SystemState.IDLE if claimed > now else SystemState.OFFLINE
        if not online:
            self._event(member, state, {"online": True, "version": said.version})
        elif state is not before and member.recipe is None:
            self._event(member, state, None)

    def write(self) -> None:
        """Store it."""
        alike: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
        for values in self.members:
            alike[tuple(values)].append(values)
        for group in alike.values():
            workers.update_members(self.change.tx, group)
        workers.update_claims(self.change.tx, [*self.claims, *self.withdrawn])

    def _member(self, member: Member, values: dict[str, Any], *, connected: float | None = None) -> None:
        self.members.append({"which": member.name, **values, **({} if connected is None else {"connected": connected})})

    def _event(self, member: Member, state: SystemState, worker: dict[str, Any] | None) -> None:
        state = state if member.recipe is None else SystemState.RUNNING
        if worker is None:
            self.change.system_event(member.name, state, member.health)
        else:
            self.change.system_event(member.name, state, member.health, worker=worker)
