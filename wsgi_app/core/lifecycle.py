"""How a change of one thing changes what it is part of: result to task, task to recipe, recipe to set and job."""

from collections.abc import Collection
from typing import Any

from attrs import asdict, frozen

from wsgi_app.campaign import CampaignEnd
from wsgi_app.core import gate, verdicts
from wsgi_app.core.campaign import turns
from wsgi_app.core.change import Change, Holding
from wsgi_app.errors import NoSuchRecipe, NoSuchTask, RecipeFinished, RecipeNotAssigned
from wsgi_app.model import Job, Recipe, Result, System, Task
from wsgi_app.states import (
    Cause,
    RecipeStatus,
    ResultValue,
    SystemState,
    TaskStatus,
    group_status,
    recipe_status,
    worst,
)
from wsgi_app.store import campaigns, ids, jobs, queue, recipes, results, systems


def recipe_of(change: Change, recipe: int) -> Recipe:
    """Return a recipe as it is now, or raise `NoSuchRecipe`."""
    found = recipes.load_recipe(change.tx, recipe)
    if found is None:
        raise NoSuchRecipe
    return found


def recipe_with(change: Change, recipe: int, *, task: int | None) -> Recipe:
    """Return a recipe as it is now, of its tasks that one alone, if it is one of them; or raise `NoSuchRecipe`.

    A recipe may have thousands of tasks, and a harness speaks of one.
    """
    found = recipes.load_recipe_with(change.tx, recipe, task)
    if found is None:
        raise NoSuchRecipe
    return found


def require_live(recipe: Recipe) -> None:
    """Raise `RecipeFinished` or `RecipeNotAssigned` unless the recipe has a system and is not finished."""
    if recipe.status.finished:
        raise RecipeFinished
    if recipe.assigned is None:
        raise RecipeNotAssigned


def go_on(change: Change, recipe: Recipe) -> None:
    """Note that a recipe does something else than to wait in sync for its peers."""
    if recipe.waits:
        recipes.stop_waiting(change.tx, recipe.id)


def task_of(recipe: Recipe, task: int) -> Task:
    """Return a task of a recipe, or raise `NoSuchTask`."""
    for candidate in recipe.tasks:
        if candidate.id == task:
            return candidate
    raise NoSuchTask


def add_result(change: Change, recipe: Recipe, task: int | None, **values: Any) -> Result:
    """Give a recipe one more result, reported by its harness or by us, and let it count.

    `recipe` is as it is now, with that task at least.
    """
    fields: dict[str, Any] = {"path": None, "score": None, "message": None, "log": None, "line": None}
    fields.update(values)
    result = Result(
        id=ids.take(change.tx, 1)[0], recipe=recipe.id, task=task, source="harness", time=change.now, **fields
    )
    results.insert_result(change.tx, result)
    change.result_event(recipe.job, result)
    worsen(change, recipe, task, result.result)
    return result


def worsen(change: Change, recipe: Recipe, task_id: int | None, value: ResultValue) -> None:
    """Let one more result of a recipe, or of a task of it, count: it can only make theirs worse."""
    task = None if task_id is None else task_of(recipe, task_id)
    if task is not None and worst((task.result, value)) is not task.result:
        recipes.update_task(change.tx, task.id, result=value)
        change.task_event(recipe, task, result=value)
    if worst((recipe.result, value)) is not recipe.result:
        recipes.update_recipe(change.tx, recipe.id, result=value)
        change.recipe_event(recipe, result=value)
        refresh_job(change, recipe.job)


def count_results(change: Change, recipe_id: int) -> None:
    """Bring the results of tasks, recipe and job in line with what was reported and found, from the start.

    A new result can only make them worse, which `add_result` does by itself; this is for when results have gone.
    """
    recipe = recipe_of(change, recipe_id)
    found = results.worst_by_task(change.tx, recipe.id)
    for task in recipe.tasks:
        value = worst(found.get(task.id, ()))
        if value is not task.result:
            recipes.update_task(change.tx, task.id, result=value)
            change.task_event(recipe, task, result=value)
    value = worst(value for values in found.values() for value in values)
    if value is not recipe.result:
        recipes.update_recipe(change.tx, recipe.id, result=value)
        change.recipe_event(recipe, result=value)
        refresh_job(change, recipe.job)


def end_task(change: Change, recipe: Recipe, task: Task, status: TaskStatus, *, closes: float) -> None:
    """End a task; its logs close at `closes`. The recipe is not looked at: see `refresh`."""
    recipes.update_task(change.tx, task.id, status=status, finished=change.now, closes=closes)
    change.task_event(recipe, task, status=status)
    if closes <= change.now:
        change.gate(recipe.id, gate.task_name(task.id))


def refresh(change: Change, recipe_id: int) -> None:
    """Bring the status of recipe, set and job in line with the tasks, and finish the recipe when they have."""
    recipe = recipe_of(change, recipe_id)
    status = recipe_status(task.status for task in recipe.tasks)
    if status is None or status is recipe.status:
        return
    values: dict[str, object] = {"status": status}
    if status.finished:
        values.update(finished=change.now, watchdog=None, closes=change.now)
        values["cause"] = cause_of(recipe, status, Cause.HARNESS)
        release(change, recipe)
        change.gate(recipe.id, gate.CLOSED)
    elif recipe.started is None:
        values["started"] = change.now
    recipes.update_recipe(change.tx, recipe.id, **values)
    change.recipe_event(recipe, status=status)
    if status is RecipeStatus.RUNNING:
        _tell_begun(change, recipe)
    if status.finished:
        # the others may have waited for nothing but its system
        start_set(change, recipe.recipe_set)
    refresh_set(change, recipe.recipe_set)
    refresh_job(change, recipe.job)


#: what a peer that has ended, or does not come, leads to
_LEADS_TO = (Cause.WATCHDOG, Cause.TASK, Cause.HARNESS)


def cause_of(recipe: Recipe, status: RecipeStatus, cause: Cause | None) -> Cause | None:
    """Return why a recipe that ends so was aborted, None when it was not; a peer that it waited for in vain is why."""
    if status is not RecipeStatus.ABORTED:
        return None
    return Cause.PEER if recipe.cause is Cause.PEER and cause in _LEADS_TO else cause


def release(change: Change, recipe: Recipe) -> None:
    """Free the recipe's system, if it has one; it is there again when it claims."""
    if recipe.assigned is None or recipe.system is None:
        return
    # one that was never handed out may still be waited for: its system has not stopped asking
    scheduled = recipe.status is RecipeStatus.SCHEDULED
    systems.release(change.tx, recipe.id, claim_ends=None if scheduled else change.now)
    freed = systems.load_system(change.tx, recipe.system)
    if freed is not None:
        was = {"recipe": recipe.id}
        change.system_event(freed.name, SystemState.OFFLINE, freed.health, was=was, recipe=None)


def start_set(change: Change, recipe_set: int, *, told: Collection[int] = ()) -> bool:
    """Let the recipes of a set start, once all that are not finished were taken; return whether any did.

    A system that is only reserved has not taken its recipe. Those `told` have told their systems.
    """
    starting = queue.startable(change.tx, recipe_set)
    if starting:
        recipes.start_scheduled(change.tx, recipe_set)
    turns.make_ready(change, starting)
    for peer in starting:
        change.recipe_event(peer, status=RecipeStatus.WAITING)
        # its system may be waiting for the set to be whole
        if peer.id not in told:
            tell_running(change, systems.load_system(change.tx, peer.system or ""), peer.id)
    return bool(starting)


def tell_running(change: Change, system: System | None, recipe: int) -> None:
    """Record that a system may run the recipe that it holds; None: it was removed since, and nobody waits for it."""
    if system is not None:
        change.system_event(system.name, SystemState.RUNNING, system.health, recipe=recipe)


def tell_given(change: Change, system: System, recipe: int) -> None:
    """Record that a system was given a recipe."""
    holds = Holding(recipe, begun=False)
    was = {"recipe": None}
    change.system_event(system.name, SystemState.RUNNING, system.health, was=was, holds=holds, recipe=recipe)


def _tell_begun(change: Change, recipe: Recipe) -> None:
    """Record that the first task of a recipe runs on its system."""
    system = systems.load_system(change.tx, recipe.system or "")
    if system is not None:
        holds = Holding(recipe.id, begun=True)
        change.system_event(system.name, SystemState.RUNNING, system.health, was={"begun": False}, holds=holds)


def refresh_set(change: Change, recipe_set: int) -> None:
    """Bring a set's status in line with its recipes."""
    statuses = (state.status for state in recipes.recipe_states(change.tx, recipe_set=recipe_set))
    recipes.update_set(change.tx, recipe_set, status=group_status(statuses))


def settle(change: Change, recipe_id: int, *, late: bool) -> bool:
    """Settle a finished recipe, and its job with the last of them. Returns False when it was settled before."""
    recipe = recipe_of(change, recipe_id)
    if recipe.settled or not recipe.status.finished:
        return False
    recipes.update_recipe(change.tx, recipe.id, settled=True, late=late, cancelling=False)
    if recipe.assigned is not None:
        # the timer looks after the gate of unsettled recipes only
        change.gate(recipe.id, gate.CLOSED, *(gate.task_name(task.id) for task in recipe.tasks))
        # whoever has its system's address from now on has nothing to do with this recipe
        change.revoke_addresses(recipe.id)
    change.recipe_event(recipe, settled=True, late=late)
    refresh_job(change, recipe.job)
    return True


def refresh_job(change: Change, job_id: int) -> None:
    """Bring a job's status, result, end and verdict in line with its recipes, or with how far its campaign is."""
    job = jobs.load_job_row(change.tx, job_id)
    state = _campaign_state(change, job) if job.campaign else _state(change, job)
    if state == _State(job.status, job.result, job.settled, job.cancelling):
        return
    values = asdict(state)
    if job.started is None and state.status not in (
        RecipeStatus.QUEUED,
        RecipeStatus.SCHEDULED,
        RecipeStatus.WAITING,
    ):
        values["started"] = change.now
    if state.status.finished and job.finished is None:
        values["finished"] = change.now
    if state.settled:
        values["verdict"], values["reason"] = verdicts.judge(change.tx, job, state.result)
    jobs.update_job(change.tx, job.id, **values)
    change.job_event(job.id, state.status, state.result, settled=state.settled)


@frozen
class _State:
    """What of a job follows from what is below it."""

    status: RecipeStatus
    result: ResultValue
    settled: bool
    cancelling: bool


def _state(change: Change, job: Job) -> _State:
    states = recipes.recipe_states(change.tx, job.id)
    return _State(
        group_status(state.status for state in states),
        worst(state.result for state in states),
        all(state.settled for state in states),
        any(state.cancelling for state in states),
    )


#: what a job's status is when its campaign has ended
_ENDS = {
    CampaignEnd.COMPLETED: RecipeStatus.COMPLETED,
    CampaignEnd.FAILED: RecipeStatus.ABORTED,
    CampaignEnd.CANCELLED: RecipeStatus.CANCELLED,
}


def _campaign_state(change: Change, job: Job) -> _State:
    """Return the state of a campaign's job, and wake the campaign when the set that it waits for is settled.

    Only that set is looked at: what was before it counts in the result already.
    """
    progress = campaigns.load_progress(change.tx, job.id)
    states = [] if progress.recipe_set is None else recipes.recipe_states(change.tx, recipe_set=progress.recipe_set)
    at_rest = all(state.settled for state in states)
    if states and at_rest and progress.end is None and progress.due is None:
        campaigns.update_campaign(change.tx, job.id, due=change.now)
    return _State(
        RecipeStatus.RUNNING if progress.end is None else _ENDS[progress.end],
        worst((job.result, *(state.result for state in states))),
        progress.end is not None and at_rest,
        any(state.cancelling for state in states),
    )
