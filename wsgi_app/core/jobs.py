"""Jobs: submitted, repeated, listed, waited for, cancelled."""

from collections.abc import Callable, Collection

from attrs import evolve
from sqlalchemy import Connection

from wsgi_app.campaign import Campaign
from wsgi_app.core import commands, lifecycle, submission
from wsgi_app.core.access import Access
from wsgi_app.core.advice import Advice, advise, require_fitting
from wsgi_app.core.campaign import course
from wsgi_app.core.change import Change, Ground
from wsgi_app.core.dispatch import dispatch
from wsgi_app.core.ending import end_recipes
from wsgi_app.core.idempotency import Once
from wsgi_app.core.notifier import Subject
from wsgi_app.core.rewritten import rewrite
from wsgi_app.core.summary import Summary, summarise
from wsgi_app.errors import Denied, Invalid, JobFinished, JobRunning, NoSuchJob, Unauthenticated
from wsgi_app.model import Caller, Job, Recipe
from wsgi_app.states import RecipeStatus, TaskStatus
from wsgi_app.store import campaigns, jobs, listing, recipes
from wsgi_app.store import systems as store_systems
from wsgi_app.submitted import Document, NewJob

#: who submits without a token, where that is allowed
ANONYMOUS = "anonymous"
#: seconds for which the logs of a cancelled recipe stay open
CANCEL_GRACE = 5


class Jobs:
    """What was asked of the lab."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access

    def submit(self, caller: Caller, read: Callable[[], NewJob], *, idempotency_key: str | None = None) -> Job:
        """Store a job and give its recipes the systems that are free.

        `read` decodes the job; it is called only for those who may submit, since a large document costs. With an
        idempotency key, a repeated call answers with the job that the first one made; `Conflict` when it asks for
        something else. Raises `Invalid` naming the field.
        """
        with self._ground.read() as tx:
            self._submitter(caller, tx)
        new = read()
        submission.check(new)
        with self._ground.change() as change:
            owner = self._submitter(caller, change.tx)
            return self._store(change, caller, new, owner, idempotency_key)

    def validate(self, caller: Caller, read: Callable[[], NewJob]) -> NewJob:
        """Return the job that `submit` would store, and store nothing. Raises as that does."""
        with self._ground.read() as tx:
            self._submitter(caller, tx)
        new = read()
        submission.check(new)
        commands.check(new, self._ground.config)
        with self._ground.read() as tx:
            _require_systems(tx, new)
        return new

    def advise(self, caller: Caller, read: Callable[[], NewJob]) -> Advice:
        """Return the job that `submit` would store and what would await it now, and store nothing. Raises as that."""
        new = self.validate(caller, read)
        with self._ground.read() as tx:
            return advise(tx, self._ground, new)

    def retry(
        self, caller: Caller, job: int, *, finished_only: bool = False, idempotency_key: str | None = None
    ) -> Job:
        """Submit a job once more, as it was submitted whatever came of it.

        Whoever may read it and submit may do so, and owns the copy.

        Raises `NoSuchJob`; `JobRunning` while it is not settled, if `finished_only`; `Invalid` when a system that it
        names is gone; and as `submit` does.
        """
        with self._ground.change() as change:
            if not jobs.exists(change.tx, job):
                raise NoSuchJob
            owner = self._submitter(caller, change.tx)
            found = jobs.load_job_row(change.tx, job)
            self._access.require_reader(change.tx, caller, found)
            if finished_only and not found.settled:
                raise JobRunning
            new = jobs.load_submitted(change.tx, job)
            return self._store(change, caller, new, owner, idempotency_key, retry_of=job, asked=f"retry {job}")

    def resubmit(self, caller: Caller, recipe: int, *, idempotency_key: str | None = None) -> Job:
        """Submit the recipe set of a recipe once more, as a job of its own; a campaign whole.

        As `retry` does. Raises `NoSuchRecipe`.
        """
        with self._ground.change() as change:
            found = lifecycle.recipe_of(change, recipe)
            owner = self._submitter(caller, change.tx)
            self._access.require_reader(change.tx, caller, jobs.load_job_row(change.tx, found.job))
            new = jobs.load_submitted(change.tx, found.job)
            asked = f"retry {found.job}"
            if len(new.recipe_sets) > 1:
                place = jobs.place_of_set(change.tx, found.job, found.recipe_set)
                new = evolve(new, recipe_sets=(evolve(new.recipe_sets[place], stage=0),))
                asked = f"retry set {found.recipe_set}"
            return self._store(change, caller, new, owner, idempotency_key, retry_of=found.job, asked=asked)

    def _store(
        self,
        change: Change,
        caller: Caller,
        new: NewJob,
        owner: str,
        idempotency_key: str | None,
        *,
        retry_of: int | None = None,
        asked: str | None = None,
    ) -> Job:
        """Store a job that was checked, once for each idempotency key."""
        # one stranger's key is not another's
        scope = f"user {owner}" if caller.authorization else f"address {caller.address}"
        # of a retry it does not matter what it copies: the same call is the same retry
        once = Once.of(scope, idempotency_key, asked or new)
        earlier = once.made(change)
        if earlier is not None:
            return _loaded(jobs.load_job(change.tx, earlier))
        commands.check(new, self._ground.config)
        _require_systems(change.tx, new)
        visibility = new.visibility or self._ground.config.visibility
        job = jobs.insert_job(change.tx, new, owner=owner, visibility=visibility, now=change.now, retry_of=retry_of)
        once.note(change, job)
        if new.campaign is not None:
            plan = new.campaign
            _begin(change, job, plan if plan.requestor else evolve(plan, requestor=owner))
        submitted = _loaded(jobs.load_job(change.tx, job))
        change.job_event(job, submitted.status, submitted.result, settled=False)
        for group in submitted.recipe_sets:
            for recipe in group.recipes:
                change.recipe_event(recipe)
        dispatch(change, self._ground)
        return _loaded(jobs.load_job(change.tx, job))

    def get(self, caller: Caller, job: int, *, newest: int = jobs.MOST_SETS, before: int | None = None) -> Job:
        """Return a job with all below it; of a campaign the `newest` recipe sets, at most `MOST_SETS`.

        With `before` they are the newest of those with lower ids. Raises `NoSuchJob`; `Unauthenticated` or `Denied`
        when it is private. `job`: its number, or that of anything of it.
        """
        with self._ground.read() as tx:
            return self._get(tx, caller, job, newest, before)

    def summary(self, caller: Caller, job: int, *, newest: int = jobs.MOST_SETS, before: int | None = None) -> Summary:
        """Return what harnesses and logs said of a job, side by side. As `get` does."""
        with self._ground.read() as tx:
            return summarise(tx, self._get(tx, caller, job, newest, before))

    def page(
        self,
        caller: Caller,
        *,
        states: Collection[RecipeStatus] = (),
        owner: str | None = None,
        mine: bool = False,
        after: int = 0,
        limit: int = 100,
    ) -> list[Job]:
        """Return the jobs that the caller may see, newest first, without what is below them.

        Those in `states`, of `owner` and of the caller (`mine`), if given, and before id `after` when that is not 0.
        Raises `Unauthenticated` for what is mine when nobody says who I am.
        """
        with self._ground.read() as tx:
            actor = self._access.actor(tx, caller)
            visible = jobs.visible_to(None if actor is None else actor.user, admin=actor is not None and actor.admin)
            where = [*visible, *jobs.job_filter(states=states, owner=owner)]
            if mine:
                if actor is None:
                    raise Unauthenticated("whose jobs are yours, a token says")
                where += jobs.job_filter(owner=actor.user)
            return jobs.load_jobs(tx, where=where, after=after, limit=limit)

    def document(self, caller: Caller, job: int) -> Document:
        """Return what a job was submitted as; of one older than these are kept, a document that asks for the same.

        Raises as `get` does; `job` is as there.
        """
        with self._ground.read() as tx:
            number = _meant(tx, job)
            self._access.require_reader(tx, caller, jobs.load_job_row(tx, number))
            return jobs.load_document(tx, number) or rewrite(jobs.load_submitted(tx, number))

    def wait(self, caller: Caller, job: int, *, seconds: float) -> Job:
        """Return the job as soon as it is settled, or as it is after so many seconds. `job` is as for `get`."""
        with self._ground.read() as tx:
            number = _meant(tx, job)

        def settled() -> bool | None:
            # without what is below it: each change of a large job wakes who waits for it
            with self._ground.read() as tx:
                row = jobs.load_job_row(tx, number)
                self._access.require_reader(tx, caller, row)
                return row.settled or None

        self._ground.notifier.wait([Subject("job", number)], settled, seconds)
        return self.get(caller, number)

    def cancel(self, caller: Caller, job: int, *, unfinished_only: bool = False) -> None:
        """Cancel what is unfinished of a job (its owner and admins; anyone a stranger's where strangers may submit).

        A campaign ends with it. Nothing when all is finished; if `unfinished_only`, `JobFinished` when the job is
        settled. What runs or is being installed may have something left to say: its logs stay open for `CANCEL_GRACE`
        seconds.
        """
        with self._ground.change() as change:
            if not jobs.exists(change.tx, job):
                raise NoSuchJob
            found = jobs.load_job_row(change.tx, job)
            self._require_owner(caller, change.tx, found)
            if unfinished_only and found.settled:
                raise JobFinished
            if found.campaign:
                course.stop(change, self._ground, job)
            unfinished = recipes.unfinished_of(change.tx, job)
            end_recipes(change, unfinished, TaskStatus.CANCELLED, None, grace=_last_words)
            dispatch(change, self._ground)

    def cancel_sets(self, caller: Caller, numbers: Collection[int]) -> None:
        """Cancel what is unfinished of the sets of these recipes; a campaign whole, as `cancel` does.

        All of them or none. Raises `NoSuchRecipe`; `Unauthenticated` or `Denied` for another user's.
        """
        with self._ground.change() as change:
            members = [lifecycle.recipe_of(change, number) for number in sorted(set(numbers))]
            stopped = {job for job in {one.job for one in members} if self._require_canceller(caller, change.tx, job)}
            for job in sorted(stopped):
                course.stop(change, self._ground, job)
            unfinished = [one for job in sorted(stopped) for one in recipes.unfinished_of(change.tx, job)]
            for group in sorted({one.recipe_set for one in members if one.job not in stopped}):
                unfinished += [one for one in recipes.load_set(change.tx, group) if not one.status.finished]
            if unfinished:
                end_recipes(change, unfinished, TaskStatus.CANCELLED, None, grace=_last_words)
            if unfinished or stopped:
                dispatch(change, self._ground)

    def _require_canceller(self, caller: Caller, tx: Connection, job: int) -> bool:
        """Let pass who may cancel a job, and return whether it is a campaign."""
        found = jobs.load_job_row(tx, job)
        self._require_owner(caller, tx, found)
        return found.campaign

    def _get(self, tx: Connection, caller: Caller, job: int, newest: int, before: int | None) -> Job:
        number = _meant(tx, job)
        self._access.require_reader(tx, caller, jobs.load_job_row(tx, number))
        return _loaded(jobs.load_job(tx, number, newest=newest, before=before))

    def _require_owner(self, caller: Caller, tx: Connection, job: Job) -> None:
        if self._submitter(caller, tx) == job.owner:
            return
        actor = self._access.actor(tx, caller)
        if actor is None:
            raise Unauthenticated("this is a user's job: it needs a token")
        if not actor.admin:
            raise Denied("this is another user's job")

    def _submitter(self, caller: Caller, tx: Connection) -> str:
        if self._ground.config.anonymous_submit and not caller.authorization:
            return ANONYMOUS
        return self._access.require(tx, caller, "submit").user


def _meant(tx: Connection, number: int) -> int:
    """Return the job that is meant by a number: its own, or that of anything of it. Raises `NoSuchJob`."""
    found = listing.job_of_any(tx, number)
    if found is None:
        raise NoSuchJob
    return found


def _require_systems(tx: Connection, new: NewJob) -> None:
    """Raise `Invalid` for the first system that a job names and that is not there; `NothingFits` as it asks to."""
    if new.fitting:
        require_fitting(tx, new)
    for wanted in submission.wanted_systems(new):
        if store_systems.load_system(tx, wanted.system) is None:
            where = f"{wanted.place}: " if wanted.place else ""
            raise Invalid(f"{where}there is no system {wanted.system!r}", field=wanted.field)


def _begin(change: Change, job: int, plan: Campaign) -> None:
    """Store a campaign; it waits for nothing, so that its job runs from now on."""
    campaigns.insert_campaign(change.tx, job, plan, now=change.now)
    jobs.update_job(change.tx, job, started=change.now, status=RecipeStatus.RUNNING)


def _last_words(recipe: Recipe) -> float:
    """How long the harness or installer of a cancelled recipe may go on writing; seconds."""
    return CANCEL_GRACE if recipe.started is not None or recipe.install_started is not None else 0


def _loaded(job: Job | None) -> Job:
    if job is None:
        raise NoSuchJob
    return job
