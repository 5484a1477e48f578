"""Who is told of which transition. Numbers are those of readers-lava.md section 12."""

import itertools
from typing import Any

import pytest
from notifying import ABORTED, CANCELLED, COMPLETED, HOOK, begin, end, submit, told

from wsgi_app.notification import Criteria, Moment, Notify, When
from wsgi_app.states import RecipeStatus

#: at which moment, with which end, each word tells
TELLS: dict[When, set[tuple[Moment, RecipeStatus]]] = {
    When.ALL: set(itertools.product(Moment, (COMPLETED, ABORTED, CANCELLED))),
    When.RUNNING: {(Moment.RUNNING, end) for end in (COMPLETED, ABORTED, CANCELLED)},
    When.FINISHED: {(Moment.FINISHED, end) for end in (COMPLETED, ABORTED, CANCELLED)},
    When.COMPLETED: {(Moment.FINISHED, COMPLETED)},
    When.ABORTED: {(Moment.FINISHED, ABORTED)},
    When.CANCELLED: {(Moment.FINISHED, CANCELLED)},
}


@pytest.mark.parametrize("ending", [COMPLETED, ABORTED, CANCELLED])
@pytest.mark.parametrize("word", When)
def test_60_truth_table(bench: Any, word: When, ending: RecipeStatus) -> None:
    """Item 60: six words, two transitions, three ends: who is told of which."""
    wanted = {at for at, status in TELLS[word] if status is ending}
    recipe = submit(bench, Notify(Criteria(word), callbacks=(HOOK,)))
    assert told(bench) == []
    begin(bench, recipe)
    assert {at for _, at in told(bench)} == wanted & {Moment.RUNNING}
    end(bench, recipe, ending)
    assert {at for _, at in told(bench)} == wanted
    assert len(told(bench)) == len(wanted)


def test_60_never_run(bench: Any) -> None:
    """Of what is cancelled in the queue only the end is told."""
    submit(bench, None)
    bench.claim("a")
    recipe = submit(bench, Notify(Criteria(When.ALL), callbacks=(HOOK,)))
    bench.gateway.jobs.cancel(bench.admin, bench.recipe(recipe).job)
    bench.clock.now += 100
    bench.round()
    assert told(bench) == [(recipe, Moment.FINISHED)]
