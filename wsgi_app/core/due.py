"""What differs from what should be, by what a gateway said of its workers."""

from collections.abc import Mapping

from attrs import define, field, frozen
from sqlalchemy import Connection

from wsgi_app.core.roll import Present, RollCall, belongs
from wsgi_app.states import RecipeStatus
from wsgi_app.store import workers
from wsgi_app.store.workers import Held, Member


@frozen
class Stop:
    """A recipe that a worker is to stop: how it has ended, and why; None: it is not there any more."""

    worker: str
    recipe: int
    status: RecipeStatus | None
    reason: str | None


@define
class Due:
    """What differs from what should be."""

    start: list[int] = field(factory=list)
    #: recipes that are reserved for workers that are there
    reserved: list[int] = field(factory=list)
    stop: list[Stop] = field(factory=list)
    shutdown: list[str] = field(factory=list)
    drop: list[str] = field(factory=list)
    detach: dict[str, bool] = field(factory=dict)
    #: a newer call has come
    stale: bool = False

    @property
    def any(self) -> bool:
        """Whether anything does."""
        return bool(self.stale or self.start or self.reserved or self.stop or self.shutdown or self.drop or self.detach)


def due_of(tx: Connection, call: RollCall, now: float) -> Due:
    """Return what differs from what should be, by what a call said."""
    due = Due()
    newest = workers.newest(tx, call.gateway)
    if newest is not None and newest > call.sequence:
        due.stale = True
        return due
    fleet = workers.load_fleet(tx)
    doubtful: list[tuple[Present, Member]] = []
    for said in call.workers:
        member = fleet.get(said.name)
        if member is None or not belongs(member, call.gateway, now):
            due.drop.append(said.name)
            continue
        if said.detach not in (None, member.detach):
            due.detach[said.name] = member.detach
        if said.recipe != member.recipe:
            doubtful.append((said, member))
        elif said.recipe is None and member.shutdown and not said.leaving:
            due.shutdown.append(said.name)
    held = workers.load_held(tx, {number for pair in doubtful for number in _numbers(*pair)})
    for said, member in doubtful:
        _compare(due, said, member, held)
    return due


def _numbers(said: Present, member: Member) -> list[int]:
    return [number for number in (said.recipe, member.recipe) if number is not None]


def _compare(due: Due, said: Present, member: Member, held: Mapping[int, Held]) -> None:
    """Note what follows when a worker's gateway has another recipe in hand than its system holds, or one has none."""
    if said.recipe is not None:
        wrong = held.get(said.recipe)
        # one that is completed is the gateway's own to finish: its logs are on their way
        if not said.stopping and (wrong is None or wrong.status is not RecipeStatus.COMPLETED):
            due.stop.append(_stop(said.name, said.recipe, wrong))
        return
    found = None if member.recipe is None else held.get(member.recipe)
    if found is None or found.status.finished:
        return
    if found.status is not RecipeStatus.SCHEDULED:
        due.start.append(found.id)
    elif not found.taken:
        due.reserved.append(found.id)


def _stop(worker: str, number: int, recipe: Held | None) -> Stop:
    if recipe is None:
        return Stop(worker, number, None, "there is no such recipe")
    if recipe.status.finished:
        return Stop(worker, number, recipe.status, recipe.reason)
    return Stop(worker, number, recipe.status, f"it is of system {recipe.system}")
