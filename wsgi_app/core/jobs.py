"""Jobs: submitted, listed, waited for, cancelled."""

import hashlib
from collections.abc import Callable, Collection

from sqlalchemy import Connection

from wsgi_app.core import lifecycle, systems
from wsgi_app.core.access import Access
from wsgi_app.core.change import Ground
from wsgi_app.core.notifier import Subject
from wsgi_app.errors import Conflict, Denied, Invalid, NoSuchJob
from wsgi_app.model import Caller, Job, NewJob, NewRecipe, NewTask
from wsgi_app.states import TaskStatus
from wsgi_app.store import jobs
from wsgi_app.store import systems as store_systems

#: who submits without a token, where that is allowed
ANONYMOUS = "anonymous"
#: most recipes and tasks of one job
MOST_RECIPES = 2000
MOST_TASKS = 20000


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
        if idempotency_key is not None and len(idempotency_key) > 255:
            raise Invalid("an Idempotency-Key has at most 255 characters", field="Idempotency-Key")
        new = read()
        _check(new)
        config = self._ground.config
        with self._ground.change() as change:
            owner = self._submitter(caller, change.tx)
            request = hashlib.sha256(repr(new).encode()).hexdigest()
            if idempotency_key is not None:
                earlier = jobs.find_submission(change.tx, owner, idempotency_key, since=change.now - 86400)
                if earlier is not None and earlier.request != request:
                    raise Conflict("this Idempotency-Key was used for another job", field="Idempotency-Key")
                if earlier is not None:
                    return _loaded(jobs.load_job(change.tx, earlier.job))
            for number, name in _wanted_systems(new):
                if store_systems.load_system(change.tx, name) is None:
                    raise Invalid(f"there is no system {name!r}", field=f"{number}.system")
            job = jobs.insert_job(
                change.tx, new, owner=owner, visibility=new.visibility or config.visibility, now=change.now
            )
            if idempotency_key is not None:
                jobs.note_submission(change.tx, owner, idempotency_key, request=request, job=job, now=change.now)
            submitted = _loaded(jobs.load_job(change.tx, job))
            change.job_event(job, submitted.status, submitted.result, settled=False)
            for group in submitted.recipe_sets:
                for recipe in group.recipes:
                    change.recipe_event(recipe)
            systems.assign(change, self._ground)
            return _loaded(jobs.load_job(change.tx, job))

    def get(self, caller: Caller, job: int) -> Job:
        """Return a job with all below it. Raises `NoSuchJob`; `Unauthenticated` or `Denied` when it is private."""
        with self._ground.read() as tx:
            found = jobs.load_job(tx, job)
            if found is None:
                raise NoSuchJob
            self._access.require_reader(tx, caller, found)
            return found

    def page(
        self,
        caller: Caller,
        *,
        states: Collection[str] = (),
        owner: str | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> list[Job]:
        """Return the jobs that the caller may see, newest first, without what is below them."""
        with self._ground.read() as tx:
            actor = self._access.actor(tx, caller)
            visible = jobs.visible_to(None if actor is None else actor.user, admin=actor is not None and actor.admin)
            where = [*visible, *jobs.job_filter(states=states, owner=owner)]
            return jobs.load_jobs(tx, where=where, after=after, limit=limit)

    def wait(self, caller: Caller, job: int, *, seconds: float) -> Job:
        """Return the job as soon as it is settled, or as it is after so many seconds."""

        def settled() -> Job | None:
            found = self.get(caller, job)
            return found if found.settled else None

        return self._ground.notifier.wait(Subject("job", job), settled, seconds) or self.get(caller, job)

    def cancel(self, caller: Caller, job: int) -> None:
        """Cancel what is unfinished of a job (its owner and admins); nothing when all is."""
        with self._ground.change() as change:
            found = jobs.load_job(change.tx, job)
            if found is None:
                raise NoSuchJob
            actor = self._access.require(change.tx, caller, "submit")
            if actor.user != found.owner and not actor.admin:
                raise Denied("this is another user's job")
            for group in found.recipe_sets:
                for recipe in group.recipes:
                    if not recipe.status.finished:
                        lifecycle.end_tasks(change, recipe, TaskStatus.CANCELLED, None)

    def _submitter(self, caller: Caller, tx: Connection) -> str:
        if self._ground.config.anonymous_submit and not caller.authorization:
            return ANONYMOUS
        return self._access.require(tx, caller, "submit").user


def _loaded(job: Job | None) -> Job:
    if job is None:
        raise NoSuchJob
    return job


def _wanted_systems(new: NewJob) -> list[tuple[str, str]]:
    return [
        (f"recipe_sets[{place}].recipes[{number}]", recipe.system)
        for place, group in enumerate(new.recipe_sets)
        for number, recipe in enumerate(group.recipes)
        if recipe.system is not None
    ]


def _check(new: NewJob) -> None:
    if not 0 <= new.priority <= 100:
        raise Invalid("priority is 0 to 100", field="priority")
    if not new.recipe_sets:
        raise Invalid("a job needs a recipe set", field="recipe_sets")
    for place, group in enumerate(new.recipe_sets):
        if not group.recipes:
            raise Invalid("a recipe set needs a recipe", field=f"recipe_sets[{place}].recipes")
        if group.stage < 0:
            raise Invalid("stages count from 0", field=f"recipe_sets[{place}].stage")
        for number, recipe in enumerate(group.recipes):
            _check_recipe(recipe, f"recipe_sets[{place}].recipes[{number}]")
    recipes = [recipe for group in new.recipe_sets for recipe in group.recipes]
    if len(recipes) > MOST_RECIPES:
        raise Invalid(f"a job has at most {MOST_RECIPES} recipes", field="recipe_sets")
    if sum(len(recipe.tasks) for recipe in recipes) > MOST_TASKS:
        raise Invalid(f"a job has at most {MOST_TASKS} tasks", field="recipe_sets")


def _check_recipe(recipe: NewRecipe, where: str) -> None:
    if not recipe.tasks:
        raise Invalid("a recipe needs a task", field=f"{where}.tasks")
    if recipe.max_seconds is not None and recipe.max_seconds < 1:
        raise Invalid("max_seconds must be at least 1", field=f"{where}.max_seconds")
    for number, task in enumerate(recipe.tasks):
        _check_task(task, f"{where}.tasks[{number}]")


def _check_task(task: NewTask, where: str) -> None:
    if not task.name:
        raise Invalid("a task needs a name", field=f"{where}.name")
    if sum(given is not None for given in (task.command, task.script, task.fetch)) > 1:
        raise Invalid("a task has one of command, script and fetch", field=where)
    if task.command is not None and not task.command:
        raise Invalid("a command needs at least one word", field=f"{where}.command")
