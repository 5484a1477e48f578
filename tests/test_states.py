"""The rules of states, by cases and for whatever comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_app import states
from wsgi_app.states import RecipeStatus as R
from wsgi_app.states import ResultValue as V
from wsgi_app.states import TaskStatus as T
from wsgi_app.states import Verdict

RESULTS = st.lists(st.sampled_from(V))


@pytest.mark.parametrize(
    ("tasks", "status"),
    [
        ([], None),
        ([T.WAITING, T.WAITING], None),
        ([T.RUNNING, T.WAITING], R.RUNNING),
        ([T.COMPLETED, T.WAITING], R.RUNNING),
        ([T.COMPLETED, T.COMPLETED], R.COMPLETED),
        ([T.COMPLETED, T.ABORTED], R.ABORTED),
        ([T.ABORTED, T.CANCELLED], R.CANCELLED),
        ([T.ABORTED, T.RUNNING], R.RUNNING),
    ],
)
def test_recipe(tasks: list[T], status: R | None) -> None:
    """What tasks make of their recipe."""
    assert states.recipe_status(tasks) is status


@pytest.mark.parametrize(
    ("recipes", "status"),
    [
        ([R.QUEUED, R.SCHEDULED], R.QUEUED),
        ([R.SCHEDULED, R.WAITING], R.SCHEDULED),
        ([R.QUEUED, R.RUNNING], R.RUNNING),
        ([R.COMPLETED, R.QUEUED], R.RUNNING),
        ([R.COMPLETED, R.ABORTED], R.COMPLETED),
        ([R.ABORTED, R.ABORTED], R.ABORTED),
        ([R.ABORTED, R.CANCELLED, R.COMPLETED], R.CANCELLED),
    ],
)
def test_group(recipes: list[R], status: R) -> None:
    """What recipes make of their set and job."""
    assert states.group_status(recipes) is status


@pytest.mark.parametrize(
    ("recipes", "result", "verdict"),
    [
        ([R.COMPLETED], V.PASS, Verdict.PASS),
        ([R.COMPLETED], V.NEW, Verdict.PASS),
        ([R.COMPLETED], V.WARN, Verdict.PASS),
        ([R.COMPLETED], V.PANIC, Verdict.FAIL),
        ([R.ABORTED, R.COMPLETED], V.WARN, Verdict.INFRASTRUCTURE),
        ([R.ABORTED], V.FAIL, Verdict.FAIL),
        ([R.CANCELLED, R.ABORTED], V.FAIL, Verdict.CANCELLED),
    ],
)
def test_verdict(recipes: list[R], result: V, verdict: Verdict) -> None:
    """What a job comes to."""
    assert states.verdict(recipes, result) is verdict


def test_order() -> None:
    """New < None < Skip < Pass < Warn < Fail < Panic."""
    assert [value.name for value in sorted(V, key=lambda value: value.severity)] == [
        "NEW",
        "NONE",
        "SKIP",
        "PASS",
        "WARN",
        "FAIL",
        "PANIC",
    ]


@given(RESULTS, RESULTS)
def test_worst(some: list[V], others: list[V]) -> None:
    """The worst of all is the worst of the worsts, in any order, and one of them."""
    both = states.worst([*some, *others])
    assert both is states.worst([states.worst(others), states.worst(some)])
    assert both in (*some, *others, V.NEW)
    assert all(value.severity <= both.severity for value in some + others)


@given(st.lists(st.sampled_from(T)))
def test_recipe_ends_with_its_tasks(tasks: list[T]) -> None:
    """A recipe is finished exactly when it has tasks and all of them are."""
    status = states.recipe_status(tasks)
    finished = bool(tasks) and all(task.finished for task in tasks)
    assert (status is not None and status.finished) is finished


@given(st.lists(st.sampled_from(R), min_size=1))
def test_group_of_anything(recipes: list[R]) -> None:
    """A group's status is finished when all are, their own when they agree, whatever the order."""
    status = states.group_status(recipes)
    assert status is states.group_status(list(reversed(recipes)))
    assert status.finished is all(recipe.finished for recipe in recipes)
    if len(set(recipes)) == 1:
        assert status is recipes[0]
