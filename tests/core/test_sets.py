"""Sets of a job cancelled and submitted again; documents kept; any number for a job."""

import json
from typing import Any

import pytest
from attrs import evolve
from campaigning import Campaigner, a_test, plan

from wsgi_app.core.selection import Place, Reference
from wsgi_app.documents import jobjson
from wsgi_app.errors import Conflict, Denied, Invalid, NoSuchJob, NoSuchRecipe, Unauthenticated
from wsgi_app.model import Caller, Job, Requires
from wsgi_app.states import RecipeStatus, ResultValue, TaskStatus, Visibility
from wsgi_app.submitted import Document, NewJob, NewRecipe, NewRecipeSet, NewTask


def statuses(bench: Any, job: int) -> list[list[str]]:
    """Return the statuses of the recipes of each set."""
    found = bench.gateway.jobs.get(bench.admin, job)
    return [[recipe.status.value for recipe in group.recipes] for group in found.recipe_sets]


def document(bench: Any, number: int, caller: Caller | None = None) -> Document:
    """Return what the job of anything came in as."""
    found: Document = bench.gateway.selections.submitted(caller or bench.admin, Reference("any", number)).document
    return found


def user(bench: Any, name: str) -> Caller:
    """Return a user with a token."""
    scopes = ("read", "submit")
    return Caller(f"Bearer {bench.gateway.tokens.create(bench.admin, name='t', user=name, scopes=scopes).secret}", "")


@pytest.fixture
def job(bench: Any, one: NewRecipe) -> Job:
    """A set of two recipes, of which one runs, and one behind it."""
    recipes = (one, evolve(one, system="b"))
    kept = Document("text/plain", "as it was")
    found: Job = bench.submit(NewRecipeSet(recipes), NewRecipeSet((one,), stage=1), document=kept, secrets=("pst",))
    bench.claim("a")
    bench.claim("b")
    first = found.recipe_sets[0].recipes[0]
    bench.gateway.tasks.update(bench.admin, first.id, first.tasks[0].id, status=TaskStatus.RUNNING)
    return found


def test_cancel_a_set(bench: Any, job: Job) -> None:
    """A recipe's whole set ends, and the others of its job do not; once more is no matter."""
    second = job.recipe_sets[0].recipes[1]
    for _ in range(2):
        bench.gateway.jobs.cancel_sets(bench.admin, Reference("recipe", second.id))
        assert statuses(bench, job.id) == [["Cancelled", "Cancelled"], ["Queued"]]
    events = bench.gateway.events.page(bench.admin)
    bench.gateway.jobs.cancel_sets(bench.admin, Reference("recipe", second.id))
    assert bench.gateway.events.page(bench.admin) == events
    other = job.recipe_sets[1].recipes[0]
    assert bench.gateway.jobs.cancel_many(bench.admin, [Reference("any", other.id), Place(second.id, 0)]) == [
        True,
        False,
    ]
    assert statuses(bench, job.id) == [["Cancelled", "Cancelled"], ["Cancelled"]]


def test_who_may_cancel(bench: Any, job: Job, one: NewRecipe) -> None:
    """Another user's is refused, as is what is not there; of many the others are cancelled."""
    ann = user(bench, "ann")
    (own,) = bench.gateway.jobs.submit(ann, lambda: NewJob((NewRecipeSet((one,)),))).recipe_sets[0].recipes
    mine, other, nothing = (Reference("any", number) for number in (own.id, job.recipe_sets[0].recipes[0].id, 9999))
    jobs = bench.gateway.jobs
    for caller, which, error in (
        (ann, other, Denied),
        (ann, nothing, NoSuchRecipe),
        (Caller(None, ""), mine, Unauthenticated),
    ):
        with pytest.raises(error):
            jobs.cancel_sets(caller, which)
    with pytest.raises(Unauthenticated):
        jobs.cancel_many(Caller(None, ""), [nothing, mine])
    assert bench.recipe(own.id).status is RecipeStatus.QUEUED
    assert jobs.cancel_many(ann, [other, mine, nothing]) == [False, True, False]
    assert bench.recipe(other.number).status is RecipeStatus.RUNNING
    assert bench.recipe(own.id).status is RecipeStatus.CANCELLED


def test_cancel_a_campaign(bench: Any) -> None:
    """A campaign is stopped by any recipe of it, also by one that is over."""
    lab = Campaigner(bench.gateway, bench.admin)
    job = lab.submit(plan(a_test("one", ["a"]), a_test("two", ["a"])))
    lab.play("a")
    first = lab.job(job).recipe_sets[0].recipes[0]
    assert first.status.finished
    bench.gateway.jobs.cancel_sets(bench.admin, Reference("recipe", first.id))
    assert lab.job(job).status is RecipeStatus.CANCELLED
    assert [group.status for group in lab.job(job).recipe_sets] == [RecipeStatus.COMPLETED, RecipeStatus.CANCELLED]


def test_submit_a_set_again(bench: Any, job: Job) -> None:
    """A job of that set alone, with all that the job was submitted with; the same call makes one."""
    second = job.recipe_sets[0].recipes[1]
    made = bench.gateway.jobs.resubmit(bench.admin, Reference("recipe", second.id), idempotency_key="k")
    assert (
        bench.gateway.jobs.resubmit(
            bench.admin, Reference("recipe", job.recipe_sets[0].recipes[0].id), idempotency_key="k"
        )
        == made
    )
    assert (made.retry_of, [recipe.system for recipe in made.recipe_sets[0].recipes]) == (job.id, ["a", "b"])
    assert len(made.recipe_sets) == 1
    assert document(bench, made.id) == Document("text/plain", "as it was")
    with pytest.raises(Conflict):
        bench.gateway.jobs.resubmit(
            bench.admin, Reference("recipe", job.recipe_sets[1].recipes[0].id), idempotency_key="k"
        )
    third = bench.gateway.jobs.resubmit(bench.admin, Reference("recipe", job.recipe_sets[1].recipes[0].id))
    assert [[recipe.system for recipe in group.recipes] for group in third.recipe_sets] == [["a"]]
    again = bench.gateway.jobs.resubmit(bench.admin, Reference("recipe", third.recipe_sets[0].recipes[0].id))
    assert again.retry_of == third.id
    with pytest.raises(NoSuchRecipe):
        bench.gateway.jobs.resubmit(bench.admin, Reference("recipe", job.id))


def test_submit_a_campaign_again(bench: Any) -> None:
    """A campaign is done again as a whole."""
    lab = Campaigner(bench.gateway, bench.admin)
    job = lab.submit(plan(a_test("one", ["a"]), a_test("two", ["a"])))
    lab.play("a")
    made = bench.gateway.jobs.resubmit(bench.admin, Reference("recipe", lab.job(job).recipe_sets[1].recipes[0].id))
    assert (made.campaign, made.retry_of) == (True, job)


def test_documents(bench: Any, job: Job, one: NewRecipe) -> None:
    """A job's document is as it came, for whoever may read the job; copies keep it, and secrets."""
    recipe = job.recipe_sets[1].recipes[0]
    for number in (job.id, job.recipe_sets[0].id, recipe.id, recipe.tasks[0].id):
        assert document(bench, number).text == "as it was"
    copy = bench.gateway.jobs.retry(bench.admin, job.id)
    assert document(bench, copy.id).text == "as it was"
    with pytest.raises(NoSuchRecipe):
        document(bench, 9999)
    private = bench.submit(NewRecipeSet((one,)), visibility=Visibility.PRIVATE)
    with pytest.raises(Denied):
        document(bench, private.id, user(bench, "ann"))


def test_without_a_document(bench: Any) -> None:
    """A job that came without a document, as all did once, has one that asks for the same."""
    new = NewJob(
        (
            NewRecipeSet(
                (
                    NewRecipe(
                        (NewTask("ä", "r", {"A": "1"}, ("x", "y z")), NewTask("s", script="echo\n")),
                        requires=Requires("arm", ("t",)),
                        max_seconds=5,
                    ),
                    NewRecipe((NewTask("f", fetch="http://x.example/a.tar"), NewTask("n")), system="a"),
                )
            ),
            NewRecipeSet((NewRecipe((NewTask("n"),), role="R", stop_on_fail=True),), stage=3),
        ),
        name="older",
        visibility=Visibility.PRIVATE,
        priority=7,
        metadata={"k": {"n": [1, None]}},
    )
    made = bench.gateway.jobs.submit(bench.admin, lambda: new)
    found = document(bench, made.id)
    assert found.kind == "application/json"
    assert jobjson.parse_job(found.text.encode()) == new
    campaign = Campaigner(bench.gateway, bench.admin).submit(plan(a_test("one", ["a"])))
    told = json.loads(document(bench, campaign).text)
    assert [test["name"] for test in told["campaign"]["tests"]] == ["one"]


def test_any_number_means_its_job(bench: Any, job: Job) -> None:
    """To read a job, the number of anything of it will do; to cancel or retry it, its own."""
    first = job.recipe_sets[0].recipes[0]
    result = bench.gateway.results.report(bench.admin, first.id, first.tasks[0].id, result=ResultValue.PASS)
    jobs, results = bench.gateway.jobs, bench.gateway.results
    for number in range(1, result.id + 1):
        assert jobs.get(bench.admin, number).id == job.id
        assert jobs.wait(bench.admin, number, seconds=0).id == job.id
        assert jobs.summary(bench.admin, number).job.id == job.id
        assert results.of_job(bench.admin, number) == [result]
        if number != job.id:
            for refused in (jobs.cancel, jobs.retry):
                with pytest.raises(NoSuchJob):
                    refused(bench.admin, number)
    for read in (jobs.get, jobs.summary, results.of_job):
        with pytest.raises(NoSuchJob):
            read(bench.admin, result.id + 1)
    with pytest.raises(NoSuchJob):
        jobs.wait(bench.admin, result.id + 1, seconds=5)


def test_notes_that_are_none(bench: Any, one: NewRecipe) -> None:
    """Metadata that no database or answer could hold is refused, with its place."""
    deep: dict[str, Any] = {}
    for _ in range(25):
        deep = {"d": deep}
    for notes, field in (
        ({"a": {"b": float("inf")}}, "metadata.a.b"),
        ({"a": [1, "\0"]}, "metadata.a[1]"),
        ({"\ud800": 1}, "metadata"),
        ({"a": 2**64}, "metadata.a"),
        ({"a": "x" * 70_000}, "metadata"),
        (deep, "metadata"),
        ({"a": object()}, "metadata.a"),
        ({1: "a"}, "metadata"),
    ):
        with pytest.raises(Invalid) as refused:
            bench.submit(NewRecipeSet((one,)), metadata=notes)
        assert refused.value.field == field
    assert bench.gateway.jobs.page(bench.admin) == []
