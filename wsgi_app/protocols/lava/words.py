"""LAVA's words for what we have: numbers, states, healths, kinds of errors; and what they are asked for by.

Source: readers-lava.md sections 3 and 6.1. A job there is a recipe here.
"""

from collections.abc import Iterable, Sequence

from wsgi_app.conditions import AllOf, AnyOf, Condition, Where
from wsgi_app.core.listing import Listed
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

#: the one word for state and health that LAVA had in its first years
_LEGACY = {COMPLETE: "Complete", INCOMPLETE: "Incomplete", CANCELED: "Canceled"}

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


def state(found: Sequence[Listed]) -> str:
    """Return how far a job has come, or of several together the least; Finished when all are."""
    return min((_state(listed) for listed in found), key=JOB_STATES.index)


def health(found: Sequence[Listed]) -> str:
    """Return what has become of a job, of several the worst; Unknown while one is not Finished."""
    seen = {_health(listed.recipe) for listed in found}
    return UNKNOWN if UNKNOWN in seen else max(seen, key=JOB_HEALTHS.index)


def legacy_status(listed: Listed) -> str:
    """Return the one word that stands for state and health in LAVA's older calls."""
    now = _state(listed)
    if now == FINISHED:
        return _LEGACY[_health(listed.recipe)]
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


def error_type(recipe: Recipe) -> str | None:
    """Return why a job is Incomplete, in a word; None when it is not."""
    if _health(recipe) != INCOMPLETE:
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


def _state(listed: Listed) -> str:
    recipe = listed.recipe
    if recipe.settled:
        return FINISHED
    if recipe.cancelling or recipe.status is RecipeStatus.CANCELLED:
        return CANCELING
    if recipe.status is RecipeStatus.QUEUED:
        return SCHEDULING if listed.peers_placed else SUBMITTED
    return SCHEDULED if recipe.status in (RecipeStatus.SCHEDULED, RecipeStatus.WAITING) else RUNNING


def job_health(job: Job) -> str:
    """Return what has become of a whole job of ours."""
    return _ENDS[job.status] if job.settled else UNKNOWN


def _health(recipe: Recipe) -> str:
    return _ENDS[recipe.status] if recipe.settled else UNKNOWN
