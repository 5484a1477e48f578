"""Jobs, as they are submitted and listed."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from attrs import evolve
from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select, update

from wsgi_app.model import Job, Recipe, RecipeSet
from wsgi_app.states import RecipeStatus, ResultValue, TaskStatus, Verdict, Visibility
from wsgi_app.store import campaigns, ids, notifications
from wsgi_app.store.reciperows import requires_of
from wsgi_app.store.recipes import load_recipes
from wsgi_app.store.schema import job_documents, job_secrets, jobs, recipe_sets, recipes, tasks
from wsgi_app.submitted import Document, NewJob, NewRecipe, NewRecipeSet, NewTask

#: most recipe sets of a campaign that are loaded with its job: some never end
MOST_SETS = 1000


def insert_job(
    tx: Connection, new: NewJob, *, owner: str, visibility: Visibility, now: float, retry_of: int | None = None
) -> int:
    """Store a submitted job with all below it and return its id; ids ascend in document order."""
    supply = iter(ids.take(tx, 1 + count_ids(new.recipe_sets)))
    job = next(supply)
    tx.execute(
        insert(jobs).values(
            id=job,
            name=new.name,
            owner=owner,
            visibility=visibility,
            priority=new.priority,
            status=RecipeStatus.QUEUED,
            cancelling=False,
            settled=False,
            result=ResultValue.NEW,
            submitted=now,
            retry_of=retry_of,
            warnings=list(new.warnings),
            campaign=new.campaign is not None,
            metadata=new.metadata,
        )
    )
    if new.document is not None:
        tx.execute(insert(job_documents).values(job=job, kind=new.document.kind, text=new.document.text))
    if new.secrets:
        tx.execute(insert(job_secrets).values(job=job, secrets=list(new.secrets)))
    if new.notify is not None:
        notifications.insert_notify(tx, job, new.notify)
    insert_sets(tx, job, new.recipe_sets, supply)
    return job


def insert_sets(tx: Connection, job: int, groups: Sequence[NewRecipeSet], supply: Iterator[int] | None = None) -> None:
    """Store further recipe sets of a job; ids come from `supply`, in document order."""
    supply = supply or iter(ids.take(tx, count_ids(groups)))
    set_rows: list[dict[str, Any]] = []
    recipe_rows: list[dict[str, Any]] = []
    task_rows: list[dict[str, Any]] = []
    for group in groups:
        set_rows.append({"id": next(supply), "job": job, "stage": group.stage, "status": RecipeStatus.QUEUED})
        for recipe in group.recipes:
            recipe_rows.append(
                {
                    "id": next(supply),
                    "job": job,
                    "recipe_set": set_rows[-1]["id"],
                    "wanted_system": recipe.system,
                    "requires": {"type": recipe.requires.type, "tags": list(recipe.requires.tags)},
                    "role": recipe.role,
                    "status": RecipeStatus.QUEUED,
                    "cancelling": False,
                    "settled": False,
                    "late": False,
                    "result": ResultValue.NEW,
                    "max_seconds": recipe.max_seconds,
                    "stop_on_fail": recipe.stop_on_fail,
                }
            )
            task_rows.extend(
                {
                    "id": next(supply),
                    "recipe": recipe_rows[-1]["id"],
                    "name": task.name,
                    "role": task.role,
                    "params": task.params,
                    "command": None if task.command is None else list(task.command),
                    "script": task.script,
                    "fetch": task.fetch,
                    "later": task.later,
                    "live": task.live,
                    "status": TaskStatus.WAITING,
                    "result": ResultValue.NEW,
                }
                for task in recipe.tasks
            )
    for table, rows in ((recipe_sets, set_rows), (recipes, recipe_rows), (tasks, task_rows)):
        if rows:
            tx.execute(insert(table), rows)


def count_ids(groups: Iterable[NewRecipeSet]) -> int:
    """Return how many ids these sets take, with all below them."""
    return sum(1 + sum(1 + len(recipe.tasks) for recipe in group.recipes) for group in groups)


def load_job(tx: Connection, job: int, *, newest: int = MOST_SETS, before: int | None = None) -> Job | None:
    """Return a job with its sets, recipes and tasks, or None.

    A campaign's with the `newest` of its sets; of those below the id `before`, if that is given.
    """
    row = tx.execute(select(jobs).where(jobs.c.id == job)).one_or_none()
    if row is None:
        return None
    query = select(recipe_sets).where(recipe_sets.c.job == job).order_by(recipe_sets.c.id.desc())
    if row.campaign:
        query = query.limit(newest) if before is None else query.where(recipe_sets.c.id < before).limit(newest)
    groups = tx.execute(query).all()[::-1]
    first, last = (groups[0].id, groups[-1].id) if groups else (0, 0)
    by_set: dict[int, list[Recipe]] = defaultdict(list)
    for recipe in load_recipes(tx, and_(recipes.c.job == job, recipes.c.recipe_set.between(first, last))):
        by_set[recipe.recipe_set].append(recipe)
    attempts = campaigns.set_attempts(tx, job, first, last) if row.campaign else {}
    found = job_of(
        row,
        tuple(
            RecipeSet(
                group.id, group.stage, RecipeStatus(group.status), tuple(by_set[group.id]), attempts.get(group.id)
            )
            for group in groups
        ),
    )
    if not row.campaign:
        return found
    # each set has a stage of its own there
    earlier = groups[0].stage if groups else 0
    return evolve(found, earlier_sets=earlier, upcoming=campaigns.upcoming_attempt(tx, job))


def exists(tx: Connection, job: int) -> bool:
    """Return whether there is such a job."""
    return tx.execute(select(jobs.c.id).where(jobs.c.id == job)).first() is not None


def load_job_row(tx: Connection, job: int) -> Job:
    """Return a job that exists, without what is below it."""
    return job_of(tx.execute(select(jobs).where(jobs.c.id == job)).one())


def load_jobs(tx: Connection, *, where: Sequence[ColumnElement[bool]], after: int, limit: int) -> list[Job]:
    """Return jobs (without what is below them), newest first, those before id `after` when it is not 0."""
    query = select(jobs).where(*where).order_by(jobs.c.id.desc()).limit(limit)
    if after:
        query = query.where(jobs.c.id < after)
    return [job_of(row) for row in tx.execute(query)]


def visible_to(user: str | None, *, admin: bool) -> list[ColumnElement[bool]]:
    """The condition under which a user (None: anonymous) may see a job."""
    if admin:
        return []
    return [or_(jobs.c.visibility == Visibility.PUBLIC, jobs.c.owner == (user or ""))]


def job_filter(*, states: Collection[RecipeStatus] = (), owner: str | None = None) -> list[ColumnElement[bool]]:
    """Conditions for listing jobs."""
    found: list[ColumnElement[bool]] = []
    if states:
        found.append(jobs.c.status.in_(states))
    if owner is not None:
        found.append(jobs.c.owner == owner)
    return found


def load_document(tx: Connection, job: int) -> Document | None:
    """Return what a job was read from; None: it is older than these are kept."""
    row = tx.execute(select(job_documents).where(job_documents.c.job == job)).one_or_none()
    return None if row is None else Document(row.kind, row.text)


def document_sizes(tx: Connection, numbers: Collection[int]) -> dict[int, int]:
    """Return how many characters the documents of these jobs have, of those that have one."""
    query = select(job_documents.c.job, func.length(job_documents.c.text)).where(job_documents.c.job.in_(numbers))
    return {row[0]: row[1] for row in tx.execute(query)}


def load_documents(tx: Connection, numbers: Collection[int]) -> dict[int, Document]:
    """Return what these jobs were read from, of those that have it."""
    rows = tx.execute(select(job_documents).where(job_documents.c.job.in_(numbers)))
    return {row.job: Document(row.kind, row.text) for row in rows}


def place_of_set(tx: Connection, job: int, recipe_set: int) -> int:
    """Return which of a job's sets it is, from 0."""
    before = select(func.count()).where(recipe_sets.c.job == job, recipe_sets.c.id < recipe_set)
    return tx.execute(before).scalar_one()


def load_secrets(tx: Connection, job: int) -> tuple[str, ...]:
    """Return the texts that no log of a job is to show."""
    found = tx.execute(select(job_secrets.c.secrets).where(job_secrets.c.job == job)).scalar_one_or_none()
    return tuple(found or ())


def load_submitted(tx: Connection, job: int) -> NewJob:
    """Return a job as it was submitted, without what came of it."""
    found = _load_submitted(tx, job)
    notify = notifications.load_notify(tx, job)
    return evolve(found, secrets=load_secrets(tx, job), document=load_document(tx, job), notify=notify)


def _load_submitted(tx: Connection, job: int) -> NewJob:
    row = tx.execute(select(jobs).where(jobs.c.id == job)).one()
    if row.campaign:
        plan = campaigns.load_plan(tx, job)
        visibility = Visibility(row.visibility)
        return NewJob((), row.name, visibility, row.priority, tuple(row.warnings), plan, row.metadata)
    task_rows = tx.execute(select(tasks).join(recipes).where(recipes.c.job == job).order_by(tasks.c.id))
    tasks_of: dict[int, list[NewTask]] = defaultdict(list)
    for task in task_rows:
        command = None if task.command is None else tuple(task.command)
        tasks_of[task.recipe].append(
            NewTask(task.name, task.role, task.params, command, task.script, task.fetch, live=task.live)
        )
    recipes_of: dict[int, list[NewRecipe]] = defaultdict(list)
    for recipe in tx.execute(select(recipes).where(recipes.c.job == job).order_by(recipes.c.id)):
        recipes_of[recipe.recipe_set].append(
            NewRecipe(
                tuple(tasks_of[recipe.id]),
                system=recipe.wanted_system,
                requires=requires_of(recipe),
                role=recipe.role,
                max_seconds=recipe.max_seconds,
                stop_on_fail=recipe.stop_on_fail,
            )
        )
    groups = tx.execute(select(recipe_sets).where(recipe_sets.c.job == job).order_by(recipe_sets.c.id))
    return NewJob(
        tuple(NewRecipeSet(tuple(recipes_of[group.id]), group.stage) for group in groups),
        name=row.name,
        visibility=Visibility(row.visibility),
        priority=row.priority,
        warnings=tuple(row.warnings),
        metadata=row.metadata,
    )


def update_job(tx: Connection, job: int, **values: Any) -> None:
    """Change columns of a job."""
    tx.execute(update(jobs).where(jobs.c.id == job).values(**values))


def job_of(row: Row[Any], groups: tuple[RecipeSet, ...] = ()) -> Job:
    """Return a row of the table of jobs as a job with these sets."""
    return Job(
        id=row.id,
        name=row.name,
        owner=row.owner,
        visibility=Visibility(row.visibility),
        priority=row.priority,
        status=RecipeStatus(row.status),
        cancelling=row.cancelling,
        settled=row.settled,
        result=ResultValue(row.result),
        verdict=None if row.verdict is None else Verdict(row.verdict),
        reason=row.reason,
        submitted=row.submitted,
        started=row.started,
        finished=row.finished,
        retry_of=row.retry_of,
        warnings=tuple(row.warnings),
        campaign=row.campaign,
        metadata=row.metadata,
        recipe_sets=groups,
    )
