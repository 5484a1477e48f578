"""LAVA's words for what we have: numbers, states, healths, kinds of errors; and what they are asked for by.

Source: readers-lava.md sections 3 and 6.1. A job there is a recipe here.
"""

from collections.abc import Iterable

from wsgi_app.conditions import AllOf, AnyOf, Condition, Where
from wsgi_app.core.selection import Listed, Selection
from wsgi_app.model import Job, Recipe
from wsgi_app.states import Cause, LabHealth, RecipeStatus, SystemHealth, Visibility

SUBMITTED = "Submitted"
SCHEDULING = "Scheduling"
SCHEDULED = "Scheduled"
RUNNING = "Running"
CANCELING = "Canceling"
FINISHED = "Finished"
#: in the order in which a job goes through them
JOB_STATES = (SUBMITTED, SCHEDULING, SCHEDULED, RUNNING, CANCELING, FINISHED)

UNKNOWN = "Unknown"
COMPLETE = "Complete"
INCOMPLETE = "Incomplete"
CANCELED = "Canceled"
#: the best first
JOB_HEALTHS = (UNKNOWN, COMPLETE, CANCELED, INCOMPLETE)

_ENDS = {
    RecipeStatus.COMPLETED: COMPLETE,
    RecipeStatus.ABORTED: INCOMPLETE,
    RecipeStatus.CANCELLED: CANCELED,
}

#: why a job is Incomplete: who has to look at it
ERROR_TYPES: dict[Cause, str] = {
    Cause.WATCHDOG: "LAVATimeout",
    Cause.PEER: "MultinodeTimeout",
    Cause.INSTALL: "Infrastructure",
    Cause.UNTAKEN: "Infrastructure",
    Cause.TASK: "Test",
    Cause.HARNESS: "Test",
    Cause.ADMIN: "Infrastructure",
    Cause.LAB: "Infrastructure",
}

#: how well a system is; LAVA's Looping, a device that runs health checks without end, is none of ours
DEVICE_HEALTHS: dict[SystemHealth, str] = {
    SystemHealth.GOOD: "Good",
    SystemHealth.UNKNOWN: "Unknown",
    SystemHealth.BAD: "Bad",
    SystemHealth.MAINTENANCE: "Maintenance",
    SystemHealth.RETIRED: "Retired",
}

WORKER_HEALTHS: dict[LabHealth, str] = {
    LabHealth.ACTIVE: "Active",
    LabHealth.MAINTENANCE: "Maintenance",
    LabHealth.RETIRED: "Retired",
}

_SETTLED = Condition("settled", "exact", True)
_UNSETTLED = Condition("settled", "exact", False)
_STOPPED = AnyOf((Condition("cancelling", "exact", True), Condition("status", "exact", RecipeStatus.CANCELLED)))
_GOES_ON = (
    _UNSETTLED,
    Condition("cancelling", "exact", False),
)


def number(listed: Listed) -> int | str:
    """Return the id of a job: the recipe's, or `P.n`, which says which of its set it is, where that has several."""
    return listed.recipe.id if listed.size == 1 else f"{listed.first}.{listed.place}"


def numbers(job: Job) -> list[int | str]:
    """Return the ids of all that a submitted job consists of; its own while a campaign has made nothing yet."""
    found: list[int | str] = []
    for group in job.recipe_sets:
        if len(group.recipes) == 1:
            found.append(group.recipes[0].id)
        else:
            found += [f"{group.recipes[0].id}.{place}" for place in range(len(group.recipes))]
    return found or [job.id]


def called(found: Selection, asked: int | str) -> int | str:
    """Return the id under which recipes are shown: one's own; of several, and of a campaign, what was asked for."""
    alone = len(found.parts) == 1 and not (found.whole and found.job.campaign)
    return number(found.parts[0]) if alone else asked


def state(found: Selection) -> str:
    """Return how far a job has come, of several together the least; Finished when all are, and no more will come."""
    if not found.settled:
        # those that are Finished wait for others, or for what a campaign does next
        going = [state_of(listed) for listed in found.parts if not listed.recipe.settled]
        return min(going, key=JOB_STATES.index, default=RUNNING if found.parts else SUBMITTED)
    return FINISHED


def state_of(listed: Listed) -> str:
    """Return how far one job has come."""
    recipe = listed.recipe
    if recipe.cancelling and not recipe.settled:
        return CANCELING
    return state_at(recipe.status, settled=recipe.settled, peers_placed=listed.peers_placed)


def state_at(status: RecipeStatus, *, settled: bool, peers_placed: bool) -> str:
    """Return how far a job has come whose recipe is (or was) so."""
    if settled:
        return FINISHED
    if status is RecipeStatus.CANCELLED:
        return CANCELING
    if status is RecipeStatus.QUEUED:
        return SCHEDULING if peers_placed else SUBMITTED
    return SCHEDULED if status in (RecipeStatus.SCHEDULED, RecipeStatus.WAITING) else RUNNING


def health(found: Selection) -> str:
    """Return what has become of a job, of several the worst; Unknown while it is not Finished."""
    if not found.settled:
        return UNKNOWN
    seen = [health_of(listed.recipe) for listed in found.parts] or [_ENDS[found.job.status]]
    return max(seen, key=JOB_HEALTHS.index)


def health_of(recipe: Recipe) -> str:
    """Return what has become of one job."""
    return health_at(recipe.status, settled=recipe.settled)


def health_at(status: RecipeStatus, *, settled: bool) -> str:
    """Return what has become of a job whose recipe is (or was) so."""
    return _ENDS[status] if settled else UNKNOWN


def legacy_status(listed: Listed) -> str:
    """Return the one word that stands for state and health in LAVA's older calls."""
    now = state_of(listed)
    if now == FINISHED:
        return health_of(listed.recipe)
    return now if now in (RUNNING, CANCELING) else SUBMITTED


def in_state(word: str) -> Where:
    """Return what is true of the jobs in a state."""
    queued = Condition("status", "exact", RecipeStatus.QUEUED)
    has_system = Condition("status", "in", (RecipeStatus.SCHEDULED, RecipeStatus.WAITING))
    begun = Condition("status", "in", (RecipeStatus.RUNNING, RecipeStatus.COMPLETED, RecipeStatus.ABORTED))
    found: dict[str, Where] = {
        SUBMITTED: AllOf((*_GOES_ON, queued, Condition("peers_placed", "exact", False))),
        SCHEDULING: AllOf((*_GOES_ON, queued, Condition("peers_placed", "exact", True))),
        SCHEDULED: AllOf((*_GOES_ON, has_system)),
        RUNNING: AllOf((*_GOES_ON, begun)),
        CANCELING: AllOf((_UNSETTLED, _STOPPED)),
        FINISHED: _SETTLED,
    }
    return found[word]


def in_health(word: str) -> Where:
    """Return what is true of the jobs of a health."""
    for status, end in _ENDS.items():
        if end == word:
            return AllOf((_SETTLED, Condition("status", "exact", status)))
    return _UNSETTLED


def failed(found: Selection) -> Recipe | None:
    """Return the first recipe that could not run to its end, None when there is none."""
    return next((listed.recipe for listed in found.parts if error_type(listed.recipe) is not None), None)


def error_type(recipe: Recipe) -> str | None:
    """Return why a job is Incomplete, in a word; None when it is not."""
    if health_of(recipe) != INCOMPLETE:
        return None
    # of what was aborted before causes were stored
    return "Infrastructure" if recipe.cause is None else ERROR_TYPES[recipe.cause]


def error_message(recipe: Recipe) -> str | None:
    """Return why a job is Incomplete, in a sentence; None when it is not."""
    return None if error_type(recipe) is None else recipe.reason or "it was aborted"


def visibility(job: Job) -> str:
    """Return who may see a job."""
    return "Public" if job.visibility is Visibility.PUBLIC else "Personal"


def common(values: Iterable[str | None]) -> str | None:
    """Return the one value that all have, None where they differ."""
    seen = set(values)
    return seen.pop() if len(seen) == 1 else None
