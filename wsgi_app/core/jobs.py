"""Jobs: submitted, repeated, listed, waited for, cancelled."""

from collections.abc import Callable, Collection, Sequence

from attrs import evolve
from sqlalchemy import Connection

from wsgi_app.core import commands, submission
from wsgi_app.core.access import Access
from wsgi_app.core.advice import Advice, advise
from wsgi_app.core.campaign import course
from wsgi_app.core.change import Change, Ground
from wsgi_app.core.dispatch import dispatch
from wsgi_app.core.ending import end_recipes
from wsgi_app.core.notifier import Subject
from wsgi_app.core.selection import Place, Reference, Selection, select_in
from wsgi_app.core.storing import loaded, require_systems, store_job
from wsgi_app.core.summary import Summary, summarise
from wsgi_app.errors import Denied, JobFinished, JobRunning, NoSuchJob, NotFound, Unauthenticated
from wsgi_app.model import Caller, Job, Recipe
from wsgi_app.states import RecipeStatus, TaskStatus
from wsgi_app.store import jobs, listing, recipes
from wsgi_app.submitted import NewJob

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
            return store_job(change, self._ground, caller, new, owner, idempotency_key)

    def validate(self, caller: Caller, read: Callable[[], NewJob]) -> NewJob:
        """Return the job that `submit` would store, and store nothing. Raises as that does."""
        with self._ground.read() as tx:
            self._submitter(caller, tx)
        new = read()
        submission.check(new)
        commands.check(new, self._ground.config)
        with self._ground.read() as tx:
            require_systems(tx, new)
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
            asked = f"retry {job}"
            return store_job(change, self._ground, caller, new, owner, idempotency_key, retry_of=job, asked=asked)

    def resubmit(self, caller: Caller, which: Reference | Place, *, idempotency_key: str | None = None) -> Job:
        """Submit once more what somebody names: the sets of it, as a job of their own; a campaign whole.

        As `retry` does. Raises `NoSuchRecipe`.
        """
        with self._ground.change() as change:
            owner = self._submitter(caller, change.tx)
            found = select_in(change.tx, self._access, caller, which)
            job = found.job.id
            new = jobs.load_submitted(change.tx, job)
            asked = f"retry {job}"
            sets = {part.recipe.recipe_set for part in found.parts}
            if not found.whole and len(sets) < len(new.recipe_sets):
                (group,) = sets
                place = jobs.place_of_set(change.tx, job, group)
                new = evolve(new, recipe_sets=(evolve(new.recipe_sets[place], stage=0),))
                asked = f"retry set {group}"
            return store_job(change, self._ground, caller, new, owner, idempotency_key, retry_of=job, asked=asked)

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
            actor = self._access.reader(tx, caller)
            visible = jobs.visible_to(None if actor is None else actor.user, admin=actor is not None and actor.admin)
            where = [*visible, *jobs.job_filter(states=states, owner=owner)]
            if mine:
                # one that may only submit is somebody, too: of his jobs he sees what is public
                me = self._access.actor(tx, caller)
                if me is None:
                    raise Unauthenticated("whose jobs are yours, a token says")
                where += jobs.job_filter(owner=me.user)
            return jobs.load_jobs(tx, where=where, after=after, limit=limit)

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

    def cancel_sets(self, caller: Caller, which: Reference | Place) -> None:
        """Cancel what is unfinished of the sets of the recipes that somebody names; a campaign whole, as `cancel` does.

        Raises `NoSuchRecipe`; `Unauthenticated` or `Denied` for another user's.
        """
        with self._ground.change() as change:
            self._end(change, [self._cancellable(caller, change.tx, which)])

    def cancel_many(self, caller: Caller, wanted: Sequence[Reference | Place]) -> list[bool]:
        """Do what `cancel_sets` does of each that it does not refuse, and return of each whether that is so.

        Raises `Unauthenticated`.
        """
        with self._ground.change() as change:
            found: list[Selection | None] = []
            for which in wanted:
                try:
                    found.append(self._cancellable(caller, change.tx, which))
                except (Denied, NotFound):
                    found.append(None)
            self._end(change, [one for one in found if one is not None])
            return [one is not None for one in found]

    def _cancellable(self, caller: Caller, tx: Connection, which: Reference | Place) -> Selection:
        """Return the recipes that somebody names and may cancel."""
        found = select_in(tx, self._access, caller, which)
        self._require_owner(caller, tx, found.job)
        return found

    def _end(self, change: Change, selections: Collection[Selection]) -> None:
        """Cancel the sets of these recipes, and their campaigns."""
        stopped = sorted({one.job.id for one in selections if one.job.campaign})
        for job in stopped:
            course.stop(change, self._ground, job)
        unfinished = [recipe for job in stopped for recipe in recipes.unfinished_of(change.tx, job)]
        sets = {part.recipe.recipe_set for one in selections for part in one.parts if not one.job.campaign}
        for group in sorted(sets):
            unfinished += [one for one in recipes.load_set(change.tx, group) if not one.status.finished]
        if unfinished:
            end_recipes(change, unfinished, TaskStatus.CANCELLED, None, grace=_last_words)
        if unfinished or stopped:
            dispatch(change, self._ground)

    def _get(self, tx: Connection, caller: Caller, job: int, newest: int, before: int | None) -> Job:
        number = _meant(tx, job)
        self._access.require_reader(tx, caller, jobs.load_job_row(tx, number))
        return loaded(jobs.load_job(tx, number, newest=newest, before=before))

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


def _last_words(recipe: Recipe) -> float:
    """How long the harness or installer of a cancelled recipe may go on writing; seconds."""
    return CANCEL_GRACE if recipe.started is not None or recipe.install_started is not None else 0
