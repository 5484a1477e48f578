"""What the indexer is told of recipes that are not settled: what has changed, and nothing is left out."""

import hashlib
import random
import time
from collections.abc import Callable
from functools import partial

import pytest
from attrs import evolve
from corelab import CoreLab

from wsgi_app.core import unsettled
from wsgi_app.core.unsettled import Survey, Unsettled
from wsgi_app.model import LogIndex, Recipe
from wsgi_app.states import TaskStatus

BODY = b"ok 1 - a\n"


def look(lab: CoreLab, after: int | None, also: frozenset[int], quiet: float) -> Survey:
    """Ask core, as it is at a moment."""
    with lab.gateway.logs._ground.read() as tx:
        return unsettled.survey(tx, quiet, after, also)


def by_recipe(states: list[Unsettled]) -> dict[int, Unsettled]:
    """Return the states by recipe, without what passes with time, and what only the indexer itself does: seals."""
    return {
        state.recipe: evolve(
            state,
            closes_in=None,
            awaited={path: evolve(one, sealed=False) for path, one in state.awaited.items()},
        )
        for state in states
    }


def deeds(lab: CoreLab, recipe: Recipe, chance: random.Random) -> list[Callable[[], object]]:
    """What may happen to a recipe."""
    task = chance.choice(recipe.tasks)
    path = f"tasks/{task.id}/logs/{chance.choice('ab')}.log"
    digest = hashlib.sha256(BODY).hexdigest()
    found = LogIndex(size=len(BODY), sha256=digest, lines=1, offsets=b"", format="tap", results=(), marks=())
    grow = partial(lab.gateway.logs.grew, {(recipe.id, path): len(BODY)})
    log = lab.logs(recipe).get(path)
    possible: list[Callable[[], object]] = [grow]
    if not recipe.status.finished:
        run = partial(lab.gateway.tasks.update, lab.admin, recipe.id, task.id)
        if not task.status.finished:
            status = TaskStatus.COMPLETED if task.status is TaskStatus.RUNNING else TaskStatus.RUNNING
            possible.append(partial(run, status=status))
            if log is None or log.sha256 is None:
                possible.append(partial(lab.declare, recipe, path, len(BODY), None))
            if log is not None:
                possible.append(partial(lab.gateway.logs.looked, recipe.id, path, len(BODY), digest))
    else:
        possible.append(partial(lab.gateway.recipes.settle, recipe.id, late=chance.random() < 0.5))
    if log is not None:
        possible.append(partial(lab.gateway.logs.indexed, recipe.id, path, found))
    return possible


@pytest.mark.parametrize("seed", range(4))
def test_what_changed_is_all_that_changed(lab: CoreLab, seed: int) -> None:
    """Whatever happens to recipes and logs, who takes what has changed knows what who asks for everything is told."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    numbers: list[int] = []
    known: dict[int, Unsettled] = {}
    latest: int | None = None
    closing: frozenset[int] = frozenset()
    for _ in range(60):
        if not numbers or chance.random() < 0.1:
            numbers.append(lab.start(tasks=2).id)
        recipe = lab.recipe(chance.choice(numbers))
        chance.choice(deeds(lab, recipe, chance))()
        quiet = time.time() - 0.02
        part, whole = (look(lab, after, closing, quiet) for after in (latest, None))
        latest = part.newest
        for number in known.keys() if part.asked is None else part.asked:
            known.pop(number, None)
        known.update(by_recipe(part.states))
        closing = (closing - (part.asked or frozenset())) | {
            state.recipe for state in part.states if state.closes_in is not None
        }
        assert known == by_recipe(whole.states)
    assert known, "all were settled: nothing was compared"


def test_what_changed_is_a_fraction(lab: CoreLab) -> None:
    """Of ten recipes of which one has changed, one is looked at; where nothing has, none."""
    recipes = [lab.start() for _ in range(10)]
    latest = lab.gateway.logs.survey().newest
    assert lab.gateway.logs.survey(latest).asked == frozenset()
    lab.finish(recipes[3])
    survey = lab.gateway.logs.survey(latest)
    assert survey.asked == frozenset({recipes[3].id})
    assert [state.recipe for state in survey.states] == [recipes[3].id]


def test_another_database_is_asked_for_everything(lab: CoreLab) -> None:
    """An event that is still to come was told by another database, such as one that was restored: begin anew."""
    recipe = lab.start()
    survey = lab.gateway.logs.survey(lab.gateway.logs.survey().newest + 1000)
    assert survey.asked is None
    assert [state.recipe for state in survey.states] == [recipe.id]
