"""Systems: the lab's machines. One says that it is there and free by claiming. Source: design.md section 6."""

import ipaddress
import re
import time
from collections.abc import Collection
from typing import Any

from attrs import evolve, frozen
from sqlalchemy import Connection

from wsgi_app.core import access, assignment, gate, lifecycle
from wsgi_app.core.access import Access
from wsgi_app.core.change import Change, Ground, Holding
from wsgi_app.core.dispatch import dispatch
from wsgi_app.core.notifier import Subject
from wsgi_app.errors import Invalid, NoSuchSystem, SystemBusy, SystemExists
from wsgi_app.model import Caller, Key, Peer, Recipe, System
from wsgi_app.states import RecipeStatus, SystemHealth, SystemState
from wsgi_app.store import queue, recipes, systems

#: what a host name or an address consists of
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,254}", re.ASCII)


@frozen
class Claimed:
    """A recipe that a system is to run, with a key for it."""

    recipe: Recipe
    #: the recipes of its set, itself included
    peers: tuple[Peer, ...]
    key: Key


class Systems:
    """The lab's machines."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access

    def add(self, caller: Caller, system: System) -> System:
        """Add a system (admins only). Raises `SystemExists`, `Invalid`."""
        system = checked(system)
        with self._ground.change() as change:
            self._access.require(change.tx, caller, access.ADMIN)
            add(change, system)
            return system

    def get(self, name: str) -> System:
        """Return a system, or raise `NoSuchSystem`."""
        with self._ground.read() as tx:
            found = systems.load_system(tx, name)
        if found is None:
            raise NoSuchSystem
        return found

    def page(self, *, health: Collection[SystemHealth] = (), after: str = "", limit: int = 100) -> list[System]:
        """Return systems in order of name, those behind `after`; of this health, if one is named."""
        with self._ground.read() as tx:
            return systems.load_systems(tx, health=health, after=after, limit=limit)

    def state(self, system: System) -> SystemState:
        """What the system does at this moment."""
        if system.recipe is not None:
            return SystemState.RUNNING
        claimed = system.claimed_until is not None and system.claimed_until > self._ground.clock()
        return SystemState.IDLE if claimed else SystemState.OFFLINE

    def change(self, caller: Caller, name: str, **values: Any) -> System:
        """Change type, tags, address, health, reason or owner of a system (admins only)."""
        with self._ground.change() as change:
            self._access.require(change.tx, caller, access.ADMIN)
            found = systems.load_system(change.tx, name)
            if found is None:
                raise NoSuchSystem
            if "address" in values:
                values["address"] = _canonical(values["address"])
            changed: System = evolve(found, **values)
            if values:
                systems.update_system(change.tx, name, **values)
                if changed.address != found.address:
                    _move_address(change, found, changed.address)
                _tell_change(change, self.state(changed), found, changed)
                dispatch(change, self._ground)
        return self.get(name)

    def tag(self, caller: Caller, name: str, *, add: str | None = None, remove: str | None = None) -> System:
        """Give a system a tag that it has not, or take one from it that it has (admins only)."""
        with self._ground.change() as change:
            self._access.require(change.tx, caller, access.ADMIN)
            found = systems.load_system(change.tx, name)
            if found is None:
                raise NoSuchSystem
            tags = [tag for tag in found.tags if tag != remove]
            if add is not None and add not in tags:
                tags.append(add)
            if tuple(tags) == found.tags:
                return found
            systems.update_system(change.tx, name, tags=tags)
            changed = evolve(found, tags=tuple(tags))
            change.system_event(name, self.state(changed), changed.health)
            dispatch(change, self._ground)
            return changed

    def remove(self, caller: Caller, name: str) -> None:
        """Forget a system (admins only). Raises `SystemBusy` while it holds a recipe."""
        with self._ground.change() as change:
            self._access.require(change.tx, caller, access.ADMIN)
            found = systems.load_system(change.tx, name)
            if found is None:
                raise NoSuchSystem
            if found.recipe is not None:
                raise SystemBusy
            systems.delete_system(change.tx, name)
            if found.last_recipe is not None:
                change.revoke_addresses(found.last_recipe)
            change.system_event(name, None, None, was={"health": found.health})
            # a large set may have kept others for the sake of this one
            dispatch(change, self._ground)

    def issue_key(self, caller: Caller, name: str) -> str:
        """Make the system's key, which replaces the one before (admins only)."""
        with self._ground.change() as change:
            self._access.require(change.tx, caller, access.ADMIN)
            if systems.load_system(change.tx, name) is None:
                raise NoSuchSystem
            secret = access.fresh_secret()
            systems.update_system(change.tx, name, key_hash=access.digest(secret))
            return secret

    def claim(self, caller: Caller, name: str, *, wait: float) -> Claimed | None:
        """Say that a system is there and free, and return the recipe that it is to run, or None after `wait` seconds.

        A system that holds an unfinished recipe gets it again, with one more key: an answer may have been lost. One
        that is reserved for a recipe takes it.
        """
        deadline = time.monotonic() + wait
        if not self._announce(caller, name, wait):
            while (found := self._wait(name, deadline - time.monotonic())) is not None and found.reserved:
                self._take(name)
        with self._ground.change() as change:
            held = _held(change.tx, name)
            if held is None:
                return None
            peers = recipes.load_peers(change.tx, held.recipe_set)
            return Claimed(held, peers, access.issue_key(change, held.id, claimed=True))

    def assign_waiting(self) -> None:
        """Give systems to sets that wait; for the timer, since a set keeps systems only as long as it has hope."""
        with self._ground.read() as tx:
            free = systems.free_systems(tx, self._ground.now(tx))
            waiting = free and queue.any_for(tx, free)
        if waiting:
            with self._ground.change() as change:
                dispatch(change, self._ground)

    def _announce(self, caller: Caller, name: str, wait: float) -> bool:
        """Record the claim and assign what can be; True when the system holds a recipe now."""
        with self._ground.change() as change:
            self._access.require_system(change.tx, caller, name)
            found = systems.load_system(change.tx, name)
            if found is None:
                raise NoSuchSystem
            until = change.now + max(wait, self._ground.config.claim_seconds)
            systems.update_system(change.tx, name, last_seen=change.now, claimed_until=until)
            if found.recipe is not None:
                assignment.take(change, self._ground, lifecycle.recipe_of(change, found.recipe))
            else:
                if self.state(found) is SystemState.OFFLINE:
                    change.system_event(name, SystemState.IDLE, found.health)
                dispatch(change, self._ground)
            return _held(change.tx, name) is not None

    def _wait(self, name: str, seconds: float) -> Recipe | None:
        """Wait until the system may run a recipe, or is reserved for one; return that."""
        return self._ground.notifier.wait([Subject("system", name)], lambda: self._look(name), seconds)

    def _look(self, name: str) -> Recipe | None:
        with self._ground.read() as tx:
            recipe = _recipe(tx, name)
        return recipe if recipe is None or recipe.reserved or recipe.status is not RecipeStatus.SCHEDULED else None

    def _take(self, name: str) -> None:
        with self._ground.change() as change:
            recipe = _recipe(change.tx, name)
            if recipe is not None:
                assignment.take(change, self._ground, recipe)


def checked(system: System) -> System:
    """Return a system that is about to be added, as it is stored. Raises `Invalid`."""
    _check_name(system.name)
    return evolve(system, address=_canonical(system.address))


def add(change: Change, system: System) -> None:
    """Add a system that was checked. Raises `SystemExists`."""
    if systems.load_system(change.tx, system.name) is not None:
        raise SystemExists
    systems.insert_system(change.tx, system)
    change.system_event(system.name, SystemState.OFFLINE, system.health, was=None)


def _tell_change(change: Change, state: SystemState, before: System, after: System) -> None:
    """Record that something was set of a system; of its health also what it was."""
    if after.health is before.health:
        change.system_event(after.name, state, after.health)
        return
    held = None if after.recipe is None else recipes.load_recipe(change.tx, after.recipe)
    holds = None if held is None else Holding(held.id, begun=held.status is RecipeStatus.RUNNING)
    change.system_event(after.name, state, after.health, was={"health": before.health}, holds=holds)


def _recipe(tx: Connection, name: str) -> Recipe | None:
    """Return the recipe that a system holds."""
    system = systems.load_system(tx, name)
    return None if system is None or system.recipe is None else recipes.load_recipe(tx, system.recipe)


def _held(tx: Connection, name: str) -> Recipe | None:
    """Return the recipe that a system holds and may run: its whole set has systems."""
    recipe = _recipe(tx, name)
    return None if recipe is None or recipe.status is RecipeStatus.SCHEDULED else recipe


def _move_address(change: Change, system: System, after: str | None) -> None:
    """Let the gate of a system's recipe admit it at the new address, and no longer at the old one."""
    recipe = None if system.last_recipe is None else recipes.load_recipe(change.tx, system.last_recipe)
    if recipe is None or recipe.settled:
        return
    if system.address is not None:
        change.revoke(recipe.id, gate.address_name(system.address))
    if after is not None:
        change.gate(recipe.id, gate.address_name(after))


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise Invalid(
            "a system's name has 1 to 255 letters, digits and ._:- and begins with one of the first", field="name"
        )


def _canonical(address: str | None) -> str | None:
    """Return an IP address in the form in which httpd writes it: the gate has it as a name. Raises `Invalid`."""
    if address is None:
        return None
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        raise Invalid(f"{address!r} is no IP address", field="address") from None
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.scope_id is not None:
            # the zone is this host's word, not the caller's, and may hold anything
            raise Invalid("an address has no zone", field="address")
        parsed = parsed.ipv4_mapped or parsed
    return str(parsed)
