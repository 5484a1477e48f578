"""What is told of jobs as campaigns: their histories, and which are how far."""

from typing import Any

import pytest
from attrs import evolve
from campaigning import Campaigner, a_test, by_targets, plan
from sqlalchemy import Engine, event

from wsgi_app.campaign import Phase
from wsgi_app.core.campaign.history import MOST_RESULTS
from wsgi_app.core.campaign.scripts import LONGEST_OUTPUT
from wsgi_app.errors import Denied, NoSuchJob, Unauthenticated
from wsgi_app.model import Caller, LogAddress
from wsgi_app.states import RecipeStatus, ResultValue, TaskStatus, Visibility
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet, NewTask

NOBODY = Caller(None, "127.0.0.1")


@pytest.fixture
def lab(bench: Any) -> Campaigner:
    """Two systems, a and b, and a clock that stands still."""
    return Campaigner(bench.gateway, bench.admin)


def test_a_campaign_in_the_midst(bench: Any, lab: Campaigner) -> None:
    """Every enabled test and step is there, reached or not; targets in order, each with its tasks by label."""
    lab.failures["b", "step1"] = ""
    job = lab.submit(plan(a_test("one", ["a", "b"]), a_test("two", ["a"]), a_test("three", steps=1), runs=2))
    lab.play("a", "b")
    bench.clock.now += 5
    recipe = lab.begin("a")
    history = lab.history(job)
    assert history.job.id == job
    assert (history.end, history.error, history.reports) == (None, None, ())
    [run] = history.runs
    one, two, three = run.tests
    assert [[step.label for step in test.steps] for test in run.tests] == [["step1", "step2"]] * 2 + [["step1"]]
    assert (three.attempts, three.last) == ((), None)
    assert one.last is not None
    first, second = one.last.targets
    assert (first.target.id, first.outcome.error) == ("a", None)
    assert [task.status for task in first.tasks.values()] == [TaskStatus.COMPLETED] * 2
    assert (second.target.id, second.outcome.step, second.outcome.error) == ("b", "step1", "exit status 3")
    assert [task.status for task in second.tasks.values()] == [TaskStatus.COMPLETED, TaskStatus.ABORTED]
    assert two.last is not None
    assert two.last.attempt.ended is None
    [running] = two.last.targets
    assert running.recipe.id == recipe
    assert (running.tasks["step1"].started, running.outcome.error, running.outcome.lost) == (1_000_005.0, None, False)


def test_every_attempt_is_told(lab: Campaigner) -> None:
    """Those that got no targets, too; the last is the one that counts."""
    job = lab.submit(plan(a_test(targets=["gone"], retries=2)))
    [run] = lab.history(job).runs
    [test] = run.tests
    assert [past.attempt.position.attempt for past in test.attempts] == [0, 1, 2]
    assert test.last is test.attempts[2]
    assert all(past.targets == () and past.attempt.error for past in test.attempts)


def test_what_harnesses_reported_and_wrote(bench: Any, lab: Campaigner) -> None:
    """Results by task, some hundred of each; the logs that hold output, whose beginnings are read when asked for."""
    job = lab.submit(plan(a_test(steps=1)))
    recipe = lab.begin("a")
    [task] = lab.gateway.recipes.get(lab.admin, recipe).recipe.tasks
    harness = Caller(f"Bearer {lab.gateway.recipes.issue_key(lab.admin, recipe).secret}", "127.0.0.1")
    for number in range(MOST_RESULTS + 1):
        lab.gateway.results.report(harness, recipe, task.id, result=ResultValue.PASS, message=str(number))
    worst = lab.gateway.results.report(harness, recipe, task.id, result=ResultValue.FAIL, message="broken")
    lab.gateway.results.report(harness, recipe, task.id, result=ResultValue.FAIL, message="broken again")
    for name in ("stderr.log", "stdout.log", "other.log"):
        bench.put(harness, recipe, name, task.id)
    path = bench.config.logs / str(recipe) / f"tasks/{task.id}/logs/stdout.log"
    path.write_bytes(b"o" * (LONGEST_OUTPUT + 1))
    lab.gateway.tasks.update(harness, recipe, task.id, status=TaskStatus.COMPLETED)
    history = lab.history(job)
    assert [result.message for result in history.results[task.id]] == [str(number) for number in range(MOST_RESULTS)]
    last = history.runs[0].tests[0].last
    assert last is not None
    assert last.targets[0].outcome.error == worst.message
    logs = history.outputs[task.id]
    assert logs == tuple(LogAddress(recipe, task.id, None, name) for name in ("stdout.log", "stderr.log"))
    assert lab.gateway.campaigns.output(logs[0]) == b"o" * LONGEST_OUTPUT
    assert lab.gateway.campaigns.output(logs[1]) == b"x"
    path.unlink()
    assert lab.gateway.campaigns.output(logs[0]) == b""


def test_a_harness_may_call_a_task_what_it_likes(lab: Campaigner) -> None:
    """Its step keeps its label."""
    lab.failures["a", "renamed"] = "broken"
    job = lab.submit(plan(a_test(steps=1)))
    recipe = lab.begin("a")
    [task] = lab.gateway.recipes.get(lab.admin, recipe).recipe.tasks
    lab.gateway.tasks.update(lab.admin, recipe, task.id, name="renamed")
    lab.run(recipe, "a")
    last = lab.history(job).runs[0].tests[0].last
    assert last is not None
    assert last.targets[0].outcome.step == "step1"
    assert last.targets[0].tasks["step1"].name == "renamed"


def test_a_job_that_is_no_campaign(bench: Any, lab: Campaigner, one: NewRecipe) -> None:
    """One run; a test for each recipe set, a target for each recipe, a step for each task by place and name."""
    other = NewRecipe((NewTask("first"), NewTask("third")), system="b")
    bench.clock.now += 7
    job = bench.submit(NewRecipeSet((one, other)), NewRecipeSet((one,), stage=1), name="native").id
    bench.clock.now += 7
    lab.failures["b", "third"] = "broken"
    lab.play("a", "b")
    history = lab.history(job)
    assert (history.plan, history.reports, history.end, history.error) == (None, (), None, None)
    [run] = history.runs
    assert (run.number, run.started) == (1, 1_000_014.0)
    assert [test.name for test in run.tests] == ["recipe set 1", "recipe set 2"]
    first, second = run.tests
    assert [(step.label, step.name, step.step) for step in first.steps] == [
        ("1 first", "first", None),
        ("2 second", "second", None),
        ("2 third", "third", None),
    ]
    assert first.last is not None
    assert (first.last.attempt.begun, first.last.attempt.ended) == (1_000_014.0, 1_000_014.0)
    assert [past.target.id for past in first.last.targets] == ["a", "b"]
    assert [past.outcome.error for past in first.last.targets] == [None, "broken"]
    assert list(first.last.targets[1].tasks) == ["1 first", "2 third"]
    assert second.last is not None
    assert (second.last.attempt.begun, second.last.attempt.ended) == (1_000_007.0, None)
    lab.gateway.recipes.abort(lab.admin, second.last.targets[0].recipe.id, "enough")
    lab.settle(job)
    assert lab.history(job).error is None
    assert lab.job(job).status is RecipeStatus.COMPLETED


def test_an_aborted_job_says_why(bench: Any, lab: Campaigner, one: NewRecipe) -> None:
    """As a campaign that failed does."""
    job = bench.submit(NewRecipeSet((one,))).id
    lab.gateway.recipes.abort(lab.admin, lab.job(job).recipe_sets[0].recipes[0].id, "enough")
    lab.settle(job)
    assert "enough" in (lab.history(job).error or "")
    assert lab.gateway.campaigns.numbers(lab.admin, phases=[Phase.FAILED]) == [job]


def test_who_may_know(bench: Any, lab: Campaigner) -> None:
    """Private jobs are their owners'; of others there is nothing to know."""
    job = lab.gateway.jobs.submit(lab.admin, lambda: NewJob((), campaign=plan(), visibility=Visibility.PRIVATE)).id
    stranger = Caller(f"Bearer {token(lab, 'eve')}", "127.0.0.1")
    with pytest.raises(Unauthenticated):
        lab.gateway.campaigns.history(NOBODY, job)
    with pytest.raises(Denied):
        lab.gateway.campaigns.history(stranger, job)
    with pytest.raises(NoSuchJob):
        lab.gateway.campaigns.history(lab.admin, job + 1000)
    assert lab.gateway.campaigns.numbers(NOBODY) == lab.gateway.campaigns.numbers(stranger) == []
    assert lab.gateway.campaigns.numbers(lab.admin) == [job]


def token(lab: Campaigner, user: str) -> str:
    """A token of a user."""
    return lab.gateway.tokens.create(lab.admin, name="t", user=user, scopes=("read", "submit")).secret


def test_numbers_by_phase_and_tag(bench: Any, lab: Campaigner, one: NewRecipe) -> None:
    """States add up, tags narrow down; ascending, and jobs that are no campaigns are among them."""
    empty = a_test(targets=[])
    completed = lab.submit(plan(empty, tags=("x", "y")))
    started = lab.submit(plan(tags=("x",)))
    lab.begin("a")
    failed = lab.submit(plan(a_test(targets=["b"]), tags=("y", "_z")))
    lab.claim("b")
    lab.gateway.recipes.abort(lab.admin, lab.job(failed).recipe_sets[0].recipes[0].id, "enough")
    lab.settle(failed)
    cancelled = lab.submit(plan(empty, runs=0, tags=("x", "y")))
    lab.gateway.jobs.cancel(lab.admin, cancelled)
    native = bench.submit(NewRecipeSet((evolve(one, system="b"),))).id
    lab.begin("b")
    cancelling = native
    lab.gateway.jobs.cancel(lab.admin, native)

    def numbers(*phases: Phase, tags: tuple[str, ...] = ()) -> list[int]:
        return lab.gateway.campaigns.numbers(lab.admin, phases=phases, tags=tags)

    assert numbers() == [completed, started, failed, cancelled, native]
    one_each = [[started], [cancelling], [completed], [failed], [cancelled]]
    assert [numbers(phase) for phase in Phase] == one_each
    assert numbers(Phase.STARTED, Phase.FAILED, Phase.STARTED) == [started, failed]
    assert numbers(tags=("x",)) == [completed, started, cancelled]
    assert numbers(tags=("x", "y")) == [completed, cancelled]
    assert numbers(Phase.FAILED, tags=("_z",)) == [failed]
    assert numbers(Phase.STARTED, tags=("y",)) == []
    assert numbers(tags=("nope",)) == []


def test_a_history_is_loaded_by_as_many_queries_whatever_its_size(bench: Any, lab: Campaigner) -> None:
    """Of a campaign with one run, and of one with fifty."""
    small = lab.submit(plan(a_test(targets=["gone"])))
    large = lab.submit(plan(a_test(targets=["gone"], retries=3), runs=50, run_reporters=[by_targets("=0%")]))
    for _ in range(50):
        bench.clock.now += 1
        lab.round()
    asked: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        lab.history(small)
        few = len(asked)
        history = lab.history(large)
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert len(history.runs) == 50
    assert len(asked) == 2 * few
