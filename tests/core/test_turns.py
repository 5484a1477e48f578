"""Steps in their turn: what a task runs is made when it is about to, of what is known then."""

from collections.abc import Sequence
from typing import Any

import pytest
from attrs import frozen
from campaigning import Campaigner, plan

from wsgi_app.campaign import PlannedTest, Step, StepKind, Target, TargetList
from wsgi_app.core.gateway import Gateway
from wsgi_app.model import Recipe, Task
from wsgi_app.states import RecipeStatus, ResultValue, TaskStatus
from wsgi_app.submitted import NewRecipe, NewRecipeSet, NewTask


def echo(label: str, text: str) -> Step:
    """A step that says something."""
    return Step(StepKind.ECHO, label, {"text": (text,)})


@frozen
class Steps:
    """A test of such steps, and its recipes."""

    lab: Campaigner
    job: int

    @property
    def gateway(self) -> Gateway:
        """Core."""
        return self.lab.gateway

    def recipe(self, place: int = 0) -> Recipe:
        """The recipe of a target."""
        return self.lab.job(self.job).recipe_sets[-1].recipes[place]

    def work(self, place: int = 0) -> list[Any]:
        """What each task of a recipe runs, as far as that is known."""
        return [task.command or task.script for task in self.recipe(place).tasks]

    def do(self, task: Task, *said: tuple[ResultValue, str, str | None]) -> None:
        """Run a task at its harness's word, which reports results (result, path, message)."""
        admin = self.lab.admin
        self.gateway.tasks.update(admin, task.recipe, task.id, status=TaskStatus.RUNNING)
        for result, path, message in said:
            self.gateway.results.report(admin, task.recipe, task.id, result=result, path=path, message=message)
        self.gateway.tasks.update(admin, task.recipe, task.id, status=TaskStatus.COMPLETED)


@pytest.fixture
def begun(bench: Any) -> Any:
    """Submit a test of these steps on these targets."""

    def begin(*steps: Step, targets: Sequence[Target] = (Target("a"),)) -> Steps:
        lab = Campaigner(bench.gateway, bench.admin)
        job = lab.submit(plan(PlannedTest("T", TargetList(tuple(targets)), steps)))
        return Steps(lab, job)

    return begin


def test_a_step_is_made_when_its_turn_comes(begun: Any) -> None:
    """The first when the recipe may start, each other when the one before has ended."""
    steps = begun(echo("one", "{{ .ID }}"), echo("two", "{{ ToUpper .FQDN }}"), targets=[Target("a", "a.example")])
    assert steps.work() == [None, None]
    steps.lab.claim("a")
    assert steps.work() == [("printf", "%s\\n", "a"), None]
    steps.do(steps.recipe().tasks[0])
    assert steps.work() == [("printf", "%s\\n", "a"), ("printf", "%s\\n", "A.EXAMPLE")]
    steps.do(steps.recipe().tasks[1])
    assert steps.recipe().status is RecipeStatus.COMPLETED


def test_no_step_is_made_before_all_targets_are_there(begun: Any) -> None:
    """The harness that is there first gets nothing to run yet."""
    steps = begun(echo("one", "{{ .ID }}"), targets=[Target("a"), Target("b")])
    steps.lab.claim("a")
    assert steps.work(0) == [None]
    steps.lab.claim("b")
    assert [steps.work(place)[0][-1] for place in (0, 1)] == ["a", "b"]


def test_a_peer_that_goes_lets_the_others_begin(begun: Any) -> None:
    """A recipe that has waited for nothing but one that was aborted has its first step made."""
    steps = begun(echo("one", "{{ .ID }}"), targets=[Target("a"), Target("b")])
    steps.lab.claim("a")
    steps.gateway.recipes.abort(steps.lab.admin, steps.recipe(1).id, "gone")
    assert steps.work(0) == [("printf", "%s\\n", "a")]


def test_variables(begun: Any) -> None:
    """What a step has reported last is what later ones of the same target read."""
    reader = echo("two", 'v={{ StringVar "one.v" }} n={{ IntVar "one.n" }}')
    steps = begun(echo("one", "x"), reader, targets=[Target("a"), Target("b")])
    for system in ("a", "b"):
        steps.lab.claim(system)
    none, passed = ResultValue.NONE, ResultValue.PASS
    steps.do(
        steps.recipe(0).tasks[0],
        (none, "variable/v", "old"),
        (passed, "variable/v", "new words"),
        (none, "variable/n", "42"),
        (none, "variable/", "x"),
        (none, "elsewhere/n", "43"),
    )
    assert steps.work(0)[1] == ("printf", "%s\\n", "v=new words n=42")
    steps.do(steps.recipe(1).tasks[0])
    assert "didn" in steps.work(1)[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ .Nope }}", "can't evaluate field Nope"),
        ('{{ StringVar "one.v" }}', "step 'one' didn't emit any variables yet"),
        ("{{ \0\x1b }}", "unrecognized character in action: U+0000"),
    ],
)
def test_a_step_that_cannot_be_made_fails_and_says_why(begun: Any, text: str, words: str) -> None:
    """It is a task like any other: its script reports a Fail, and that ends the recipe."""
    steps = begun(echo("one", text), echo("two", "never"))
    steps.lab.claim("a")
    first = steps.recipe().tasks[0]
    assert first.script is not None
    assert words in first.script.replace("'\"'\"'", "'")
    assert "\0" not in first.script
    steps.do(first, (ResultValue.FAIL, "template", words))
    assert [task.status for task in steps.recipe().tasks] == [TaskStatus.COMPLETED, TaskStatus.ABORTED]
    assert steps.work()[1] is None


def test_tasks_of_other_jobs_are_left_alone(bench: Any) -> None:
    """A task that names nothing to run, for a harness that knows by itself, stays so."""
    job = bench.submit(NewRecipeSet((NewRecipe((NewTask("first"), NewTask("second")), system="a"),)))
    recipe = job.recipe_sets[0].recipes[0].id
    bench.claim("a")
    bench.run(recipe)
    assert [(task.command, task.script) for task in bench.recipe(recipe).tasks] == [(None, None)] * 2
