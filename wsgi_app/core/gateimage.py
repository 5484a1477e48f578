"""The gate as the database says that it should be, and how it is made so again. Source: design.md section 2, the gate.

Every change shows itself at the gate right after its commit; this mends what a crash, an overtaken change, a restored
database or somebody's hand has left otherwise.
"""

import logging
from collections.abc import Collection

from wsgi_app.core import declared, gate
from wsgi_app.core.change import Change, Ground
from wsgi_app.errors import TooManyBytes, TooManyLogs
from wsgi_app.model import Job, Recipe, System
from wsgi_app.states import Visibility
from wsgi_app.store import access, jobs, recipes, results, systems

log = logging.getLogger(__name__)

#: seconds for which the gate of a recipe that has ended is looked after, settled or not
JUST_ENDED = 600
#: recipes whose gate is made in one transaction, while the lab works: writers wait so long
AT_ONCE = 20
#: settled recipes of which it is, once at the timer's start
BATCH = 500


class GateImage:
    """Makes the gate what the database says."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def rebuild(self) -> None:
        """Make the gate of all recipes that are not settled, or have ended a moment ago.

        These, too: a process that was killed between a commit and its gate cannot be asked.
        """
        with self._ground.read() as tx:
            numbers = recipes.unsettled_since(tx, self._ground.now(tx) - JUST_ENDED)
        for first in range(0, len(numbers), AT_ONCE):
            with self._ground.change() as change:
                for recipe in recipes.load_these(change.tx, numbers[first : first + AT_ONCE]):
                    self._rewrite(change, recipe)

    def rebuild_some(self, numbers: Collection[int]) -> None:
        """Make the gate of these recipes, of those that are not settled."""
        with self._ground.change() as change:
            for recipe in recipes.unsettled_of(change.tx, numbers):
                self._rewrite(change, recipe)

    def rebuild_settled(self, after: int) -> int | None:
        """Make the gate of the settled recipes behind id `after`, a batch of them; None when there are no more."""
        with self._ground.change() as change:
            found = recipes.settled_recipes(change.tx, after=after, limit=BATCH)
            for recipe in found:
                self._rewrite(change, recipe)
        return found[-1].id if found else None

    def _rewrite(self, change: Change, recipe: Recipe) -> None:
        # inside the transaction: what was committed is in the image, and nothing is committed meanwhile
        try:
            self._ground.gate.rewrite(recipe.id, image_of(change, self._ground, recipe))
        except OSError as error:
            # one gate that cannot be written must not keep the others from being mended
            log.warning("the gate of recipe %d cannot be made: %s", recipe.id, error)


def first_image(ground: Ground, job: Job, system: System) -> set[str]:
    """Return the gate files of a recipe that is given to a system now: what `image_of` comes to, for a fraction."""
    image = _standing(ground, job)
    if system.address is not None:
        image.add(gate.address_name(system.address))
    return image


def _standing(ground: Ground, job: Job) -> set[str]:
    """Return the gate files that a recipe has all the time."""
    private = {gate.PRIVATE} if job.visibility is Visibility.PRIVATE else set()
    return private | ({gate.OPEN} if ground.config.open_gate else set())


def image_of(change: Change, ground: Ground, recipe: Recipe) -> set[str]:
    """Return the names of the gate files that a recipe with a system should have."""
    image = {f"key-{digest}" for digest in access.load_keys(change.tx, recipe.id)}
    image |= {gate.task_name(task.id) for task in recipe.tasks if task.closes is not None and task.closes <= change.now}
    if recipe.closes is not None and recipe.closes <= change.now:
        image.add(gate.CLOSED)
    image |= _standing(ground, jobs.load_job_row(change.tx, recipe.job))
    image |= declared.seals(change.tx, recipe, change.now)
    if results.has_message(change.tx, recipe.id, str(TooManyLogs()), str(TooManyBytes())):
        image.add(gate.FULL)
    # whoever has the address later has nothing to do with this recipe
    system = None if recipe.settled or recipe.system is None else systems.load_system(change.tx, recipe.system)
    if system is not None and system.address is not None and system.last_recipe == recipe.id:
        image.add(gate.address_name(system.address))
    return image
