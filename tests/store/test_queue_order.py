"""Which sets are looked at for whom, in portions and in order, whoever else waits."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

import pytest
from corelab import CoreLab, core_lab

from wsgi_app.core.matching import fits
from wsgi_app.model import Requires, System
from wsgi_app.states import SystemHealth
from wsgi_app.store import queue
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet, NewTask

TYPES = (None, "board", "server")
SYSTEMS = tuple(
    System(f"s{place}", kind, (), None, SystemHealth.GOOD, None, None, None, None) for place, kind in enumerate(TYPES)
)


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CoreLab]:
    """More sets than are loaded at a time, of jobs with several and of two stages, for systems by name and by type."""
    chance = Random(9)  # noqa: S311 - no secret
    with core_lab(Path(tmp_path_factory.mktemp("queue"))) as lab:
        for system in SYSTEMS:
            lab.gateway.systems.add(lab.admin, system)

        def recipe() -> NewRecipe:
            name = chance.choice((None, None, *(system.name for system in SYSTEMS)))
            kind = None if name else chance.choice(TYPES)
            return NewRecipe((NewTask("one", command=("true",)),), system=name, requires=Requires(kind, ()))

        for _ in range(2 * queue.AT_ONCE):
            sets = tuple(
                NewRecipeSet(tuple(recipe() for _ in range(chance.randint(1, 2))), stage=place)
                for place in range(chance.randint(1, 2))
            )
            priority = chance.choice((0, 50, 100))
            lab.gateway.jobs.submit(lab.admin, partial(NewJob, sets, priority=priority))
        yield lab


@pytest.mark.parametrize("free", [SYSTEMS[:1], SYSTEMS[1:2], SYSTEMS[2:], SYSTEMS, ()])
def test_for_these_systems(waiting: CoreLab, free: tuple[System, ...]) -> None:
    """With free systems named, all sets with a recipe that fits one are there, in the same order, and those named."""
    with waiting.gateway._ground.read() as tx:
        every = list(queue.assignable(tx))
        some = list(queue.assignable(tx, free))
        wanted = [group for group in every if any(fits(recipe, system) for recipe in group for system in free)]
        assert some == wanted
        assert queue.any_for(tx, free) == bool(wanted)
        named = {group[0].recipe_set for group in every[::7]}
        both = list(queue.assignable(tx, free, also=named))
        assert both == [group for group in every if group in wanted or group[0].recipe_set in named]


def test_the_order(waiting: CoreLab) -> None:
    """By priority, then age; a set of a later stage is not among them."""
    with waiting.gateway._ground.read() as tx:
        groups = list(queue.assignable(tx))
    jobs = [waiting.gateway.jobs.get(waiting.admin, group[0].job) for group in groups]
    places = [(-job.priority, group[0].recipe_set) for job, group in zip(jobs, groups, strict=True)]
    assert len(places) == 2 * queue.AT_ONCE
    assert places == sorted(places)
    assert [group[0].recipe_set for group in groups] == [job.recipe_sets[0].id for job in jobs]
