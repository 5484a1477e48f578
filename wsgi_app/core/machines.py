"""Systems as readers see them: each with what it does at this moment, and the recipe that it holds."""

from attrs import frozen
from sqlalchemy import Connection

from wsgi_app.core.access import Access
from wsgi_app.core.change import Ground
from wsgi_app.core.selection import Place, Reference, Submitted, submitted_in
from wsgi_app.core.systems import Systems
from wsgi_app.errors import NoSuchSystem
from wsgi_app.model import Caller, System
from wsgi_app.states import RecipeStatus, SystemState, Visibility
from wsgi_app.store import cases, listing, systems
from wsgi_app.store.listing import Listed


@frozen
class Machine:
    """A system at one moment."""

    system: System
    state: SystemState
    #: it holds a recipe that has not begun
    reserved: bool
    #: the recipe that it holds, if the caller may read that
    held: Listed | None


@frozen
class Given:
    """A job that somebody names, and the system that it (of several recipes the first) was given, if it was."""

    submitted: Submitted
    machine: Machine | None


class Machines:
    """The lab's machines, and what is on them."""

    def __init__(self, ground: Ground, access: Access, systems: Systems) -> None:
        self._ground = ground
        self._access = access
        self._systems = systems

    def all(self, caller: Caller) -> list[Machine]:
        """Return all systems in order of name, retired ones included."""
        with self._ground.read() as tx:
            return self._look(tx, caller, systems.load_systems(tx))

    def get(self, caller: Caller, name: str) -> Machine:
        """Return one system. Raises `NoSuchSystem`."""
        with self._ground.read() as tx:
            found = systems.load_system(tx, name)
            if found is None:
                raise NoSuchSystem
            return self._look(tx, caller, [found])[0]

    def given(self, caller: Caller, which: Reference | Place) -> Given:
        """Return the job that somebody names with its system; None also when that was removed since.

        Raises `NoSuchRecipe`; `Unauthenticated` or `Denied` when it is private.
        """
        with self._ground.read() as tx:
            submitted = submitted_in(tx, self._access, caller, which)
            parts = submitted.selection.parts
            recipe = parts[0].recipe if parts else None
            if recipe is None or recipe.assigned is None or recipe.system is None:
                return Given(submitted, None)
            system = systems.load_system(tx, recipe.system)
            return Given(submitted, None if system is None else self._look(tx, caller, [system])[0])

    def _look(self, tx: Connection, caller: Caller, found: list[System]) -> list[Machine]:
        actor = self._access.reader(tx, caller)
        numbers = {system.recipe for system in found if system.recipe is not None}
        held = {one.recipe.id: one for one in listing.load(tx, cases.these(numbers))} if numbers else {}

        def machine(system: System) -> Machine:
            state = self._systems.state(system)
            on_it = None if system.recipe is None else held.get(system.recipe)
            if on_it is None:
                return Machine(system, state, reserved=False, held=None)
            reserved = on_it.recipe.status in (RecipeStatus.SCHEDULED, RecipeStatus.WAITING)
            public = on_it.job.visibility is Visibility.PUBLIC
            readable = public or (actor is not None and (actor.admin or actor.user == on_it.job.owner))
            return Machine(system, state, reserved=reserved, held=on_it if readable else None)

        return [machine(system) for system in found]
