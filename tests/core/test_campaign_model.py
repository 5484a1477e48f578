"""Campaigns of all shapes against the loop that the reference gives: jobs-contest.md section 4.3."""

from collections.abc import Iterator
from typing import Any

from campaigning import Campaigner, a_test, by_targets, plan
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wsgi_app.campaign import Campaign, Position, TargetList
from wsgi_app.states import RecipeStatus

#: the targets of a test: one system, two, none, or one that is not there
TARGETS = st.sampled_from([["a"], ["b", "a"], [], ["gone"]])
TESTS = st.builds(
    lambda targets, disabled, retries: a_test("T", targets, 1, disabled=disabled, retries=retries),
    TARGETS,
    st.booleans(),
    st.integers(0, 2),
)
PLANS = st.builds(
    lambda tests, runs: plan(*tests, runs=runs, run_reporters=[by_targets("=100%")]),
    st.lists(TESTS, min_size=1, max_size=3),
    st.integers(1, 2),
)
#: of each attempt with targets, in order: how many of them fail
LUCK = st.lists(st.integers(0, 2), max_size=12)


def expected(campaign: Campaign, luck: Iterator[int]) -> tuple[list[tuple[Position, int]], list[bool]]:
    """Return the attempts that are to be made, each with how many fail in it, and what the run reporter says."""
    attempts, verdicts = [], []
    for run in range(1, campaign.runs + 1):
        good = True
        for number, test in enumerate(campaign.tests, 1):
            if test.disabled:
                continue
            assert isinstance(test.targets, TargetList)
            names = [target.id for target in test.targets.targets]
            for attempt in range(test.retries + 1):
                failed = 1 if "gone" in names else min(next(luck, 0), len(names)) if names else 0
                attempts.append((Position(run, number, attempt), failed))
                if not failed:
                    break
            good = good and bool(names) and not failed
        verdicts.append(good)
    return attempts, verdicts


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(campaign=PLANS, luck=LUCK)
def test_the_course_is_that_of_the_reference(bench: Any, campaign: Campaign, luck: list[int]) -> None:
    """The same attempts in the same order, with the same outcomes, reports and end."""
    lab = Campaigner(bench.gateway, bench.admin)
    job = lab.submit(campaign)
    fates = iter(luck)
    while not lab.job(job).settled:
        held = [name for name in "ab" if lab.gateway.systems.get(name).recipe is not None]
        failing = held[: min(next(fates, 0), len(held))]
        lab.failures.clear()
        lab.failures.update({(name, "step1"): "bad luck" for name in failing})
        lab.play(*held)
    attempts, verdicts = expected(campaign, iter(luck))
    assert [(one.position, one.failed) for one in lab.attempts(job)] == attempts
    assert [(report.run, report.success) for report in lab.reports(job)] == list(enumerate(verdicts, 1))
    assert lab.job(job).status is RecipeStatus.COMPLETED
