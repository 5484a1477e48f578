"""What a database that comes from a backup must forget before anybody works with it. Source: decision 0016.

The lab went on after the backup, and of that nothing is known: recipes may have run, numbers were given out, keys and
places of systems have changed.
"""

from collections.abc import Iterable

from attrs import frozen

from wsgi_app.core.campaign import course
from wsgi_app.core.change import Change, Ground
from wsgi_app.core.ending import end_recipes
from wsgi_app.core.gateimage import BATCH, image_of
from wsgi_app.core.notices.decide import NOT_KNOWN, RESTORED
from wsgi_app.model import Recipe
from wsgi_app.notification import DeliveryState
from wsgi_app.states import Cause, TaskStatus
from wsgi_app.store import access, campaigns, deliveries, events, ids, notifications, recipes, systems

#: ids of jobs, recipes, tasks and results that are left out: more than a lab gives out between two backups. All ids
#: that there are suffice for 200 restores
IDS_LEFT_OUT = 10_000_000
#: the same of events; of these ids there is no end
EVENTS_LEFT_OUT = 1_000_000_000


@frozen
class Begun:
    """What was done."""

    #: recipes that were aborted
    aborted: tuple[int, ...]


class Restored:
    """Lets a restored lab begin."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def begin(self, made: str) -> Begun:
        """Abort what had not finished when the backup was `made`; void its keys, and leave out numbers.

        A number or an event id means one thing for ever. Nothing runs twice: what waited may have run since.
        """
        message = f"Restored from the backup of {made}, when it had not finished: what became of it is not known"
        with self._ground.change() as change:
            self._give_up_deliveries(change)
            ids.leave_out(change.tx, IDS_LEFT_OUT)
            events.leave_out(change.tx, EVENTS_LEFT_OUT)
            unfinished = recipes.unfinished_recipes(change.tx)
            for recipe in unfinished:
                access.delete_keys(change.tx, recipe.id)
            for job in campaigns.running_jobs(change.tx):
                course.fail(change, job, message)
            end_recipes(change, unfinished, TaskStatus.ABORTED, message, grace=lambda _: 0.0, cause=Cause.LAB)
            systems.forget_claims(change.tx)
        self._make_gate()
        return Begun(tuple(recipe.id for recipe in unfinished))

    def _give_up_deliveries(self, change: Change) -> None:
        """Let nobody be told of what he may have been told of since the backup was made; the deliveries say why."""
        notifications.move(change.tx, RESTORED, ids.newest(change.tx))
        for delivery in deliveries.load_waiting(change.tx):
            deliveries.update_delivery(
                change.tx, delivery.id, state=DeliveryState.FAILED, due=None, ended=change.now, reason=NOT_KNOWN
            )

    def _make_gate(self) -> None:
        """Make all of the gate; raise when a file of it cannot be made: without it private logs would be open."""
        with self._ground.change() as change:
            self._rewrite(change, recipes.unsettled_recipes(change.tx))
        after: int | None = 0
        while after is not None:
            with self._ground.change() as change:
                batch = recipes.settled_recipes(change.tx, after=after, limit=BATCH)
                self._rewrite(change, batch)
            after = batch[-1].id if batch else None

    def _rewrite(self, change: Change, batch: Iterable[Recipe]) -> None:
        for recipe in batch:
            self._ground.gate.rewrite(recipe.id, image_of(change, self._ground, recipe))
