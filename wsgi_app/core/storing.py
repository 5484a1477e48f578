"""A job that was checked becomes a stored one, and gets the systems that are free."""

from attrs import evolve
from sqlalchemy import Connection

from wsgi_app.campaign import Campaign
from wsgi_app.core import commands, submission
from wsgi_app.core.advice import require_fitting
from wsgi_app.core.change import Change, Ground
from wsgi_app.core.dispatch import dispatch
from wsgi_app.core.idempotency import Once
from wsgi_app.errors import Invalid, NoSuchJob
from wsgi_app.model import Caller, Job
from wsgi_app.states import RecipeStatus
from wsgi_app.store import campaigns, jobs, systems
from wsgi_app.submitted import NewJob


def store_job(
    change: Change,
    ground: Ground,
    caller: Caller,
    new: NewJob,
    owner: str,
    idempotency_key: str | None,
    *,
    retry_of: int | None = None,
    asked: str | None = None,
) -> Job:
    """Store a job, once for each idempotency key: `asked` says what the call is, where that is not the job itself.

    Raises `Conflict` when the key was for something else; `Invalid`, `NothingFits`, `NoCommands`.
    """
    # one stranger's key is not another's
    scope = f"user {owner}" if caller.authorization else f"address {caller.address}"
    # of a retry it does not matter what it copies: the same call is the same retry
    once = Once.of(scope, idempotency_key, asked or new)
    earlier = once.made(change)
    if earlier is not None:
        return loaded(jobs.load_job(change.tx, earlier))
    commands.check(new, ground.config)
    require_systems(change.tx, new)
    visibility = new.visibility or ground.config.visibility
    job = jobs.insert_job(change.tx, new, owner=owner, visibility=visibility, now=change.now, retry_of=retry_of)
    once.note(change, job)
    if new.campaign is not None:
        plan = new.campaign
        _begin(change, job, plan if plan.requestor else evolve(plan, requestor=owner))
    submitted = loaded(jobs.load_job(change.tx, job))
    change.job_event(job, submitted.status, submitted.result, settled=False)
    for group in submitted.recipe_sets:
        for recipe in group.recipes:
            change.new_recipe_event(recipe)
    dispatch(change, ground)
    return loaded(jobs.load_job(change.tx, job))


def require_systems(tx: Connection, new: NewJob) -> None:
    """Raise `Invalid` for the first system that a job names and that is not there; `NothingFits` as it asks to."""
    if new.fitting:
        require_fitting(tx, new)
    for wanted in submission.wanted_systems(new):
        if systems.load_system(tx, wanted.system) is None:
            where = f"{wanted.place}: " if wanted.place else ""
            raise Invalid(f"{where}there is no system {wanted.system!r}", field=wanted.field)


def loaded(job: Job | None) -> Job:
    """Return a job that must be there. Raises `NoSuchJob`."""
    if job is None:
        raise NoSuchJob
    return job


def _begin(change: Change, job: int, plan: Campaign) -> None:
    """Store a campaign; it waits for nothing, so that its job runs from now on."""
    campaigns.insert_campaign(change.tx, job, plan, now=change.now)
    jobs.update_job(change.tx, job, started=change.now, status=RecipeStatus.RUNNING)
