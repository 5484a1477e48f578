"""Whatever is done to jobs and systems, in whatever order: LAVA's readers are told what there is, as LAVA does it."""

import itertools
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from attrs import define, field
from corelab import CoreLab, core_lab
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toldlab import Ears

from wsgi_app.errors import TackroomError
from wsgi_app.model import Recipe, System
from wsgi_app.protocols.lava.events import Messages
from wsgi_app.states import LabHealth, RecipeStatus, ResultValue, SystemHealth, TaskStatus, Visibility
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet, NewTask

NUMBERS = itertools.count()
SYSTEMS = 3

#: what is done, each with numbers that say to what: those that fit nothing are refused, and change nothing
STEP = st.tuples(
    st.sampled_from(
        [
            *("submit", "submit", "claim", "claim", "claim", "run", "run", "complete", "finish", "abort_task"),
            *(
                "report",
                "abort",
                "cancel",
                "settle",
                "settle",
                "health",
                "tag",
                "lab",
                "assign",
                "assign",
                "remove",
                "retry",
            ),
        ]
    ),
    st.integers(0, 5),
    st.integers(0, 5),
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CoreLab]:
    """A core that all examples have together."""
    with core_lab(tmp_path_factory.mktemp("messages")) as made:
        yield made


@define
class Example:
    """Three systems, and what is submitted for them."""

    lab: CoreLab
    systems: list[str] = field(factory=list)
    jobs: list[int] = field(factory=list)
    recipes: list[int] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        """Add the systems."""
        for _ in range(SYSTEMS):
            self.systems.append(f"m{next(NUMBERS)}")
            self._add(self.systems[-1])

    def do(self, step: tuple[str, int, int]) -> None:
        """Do one thing; what is refused changes nothing."""
        what, which, how = step
        with suppress(TackroomError, IndexError):
            getattr(self, f"_{what}")(which, how)

    def _add(self, name: str) -> None:
        gateway = self.lab.gateway
        gateway.systems.add(self.lab.admin, System(name, None, (), None, SystemHealth.GOOD, None, None, None, None))

    def _submit(self, which: int, how: int) -> None:
        sets = [
            NewRecipeSet(
                tuple(
                    NewRecipe((NewTask("one"), NewTask("two")), system=self.systems[(which + place) % SYSTEMS])
                    for place in range(how % 3 + 1)
                )
            )
        ]
        visibility = Visibility.PRIVATE if which == 5 else Visibility.PUBLIC
        self._keep(self.lab.gateway.jobs.submit(self.lab.admin, lambda: NewJob(tuple(sets), visibility=visibility)))

    def _retry(self, which: int, how: int) -> None:
        self._keep(self.lab.gateway.jobs.retry(self.lab.admin, self.jobs[which]))

    def _keep(self, job: Any) -> None:
        self.jobs.append(job.id)
        self.recipes += [recipe.id for group in job.recipe_sets for recipe in group.recipes]

    def _claim(self, which: int, how: int) -> None:
        self.lab.gateway.systems.claim(self.lab.admin, self.systems[which % SYSTEMS], wait=0)

    def _assign(self, which: int, how: int) -> None:
        queued = [number for number in self.recipes if self.lab.recipe(number).status is RecipeStatus.QUEUED]
        self.lab.gateway.recipes.issue_key(self.lab.admin, queued[which % max(1, len(queued))])

    def _run(self, which: int, how: int) -> None:
        self._tell(which, how, TaskStatus.RUNNING)

    def _complete(self, which: int, how: int) -> None:
        self._tell(which, how, TaskStatus.COMPLETED)

    def _abort_task(self, which: int, how: int) -> None:
        self._tell(which, how, TaskStatus.ABORTED)

    def _tell(self, which: int, how: int, status: TaskStatus) -> None:
        recipe = self._live(which)
        self.lab.gateway.tasks.update(self.lab.admin, recipe.id, recipe.tasks[how % 2].id, status=status)

    def _finish(self, which: int, how: int) -> None:
        self.lab.finish(self._live(which))

    def _live(self, which: int) -> Recipe:
        """Return one of those that have a system and are not settled. Raises IndexError when there is none."""
        found = [recipe for recipe in map(self.lab.recipe, self.recipes) if recipe.assigned and not recipe.settled]
        return found[which % max(1, len(found))]

    def _report(self, which: int, how: int) -> None:
        recipe, value = self._live(which), list(ResultValue)[how % 5]
        self.lab.gateway.results.report(self.lab.admin, recipe.id, recipe.tasks[0].id, result=value)

    def _abort(self, which: int, how: int) -> None:
        self.lab.gateway.recipes.abort(self.lab.admin, self._live(which).id, "enough")

    def _cancel(self, which: int, how: int) -> None:
        self.lab.gateway.jobs.cancel(self.lab.admin, self.jobs[which])

    def _settle(self, which: int, how: int) -> None:
        self.lab.gateway.recipes.settle(self._live(which).id, late=how > 3)

    def _health(self, which: int, how: int) -> None:
        health = list(SystemHealth)[how % 5] if which > 2 else SystemHealth.GOOD
        self.lab.gateway.systems.change(self.lab.admin, self.systems[which % SYSTEMS], health=health)

    def _tag(self, which: int, how: int) -> None:
        self.lab.gateway.systems.tag(self.lab.admin, self.systems[which % SYSTEMS], add=f"t{how}")

    def _lab(self, which: int, how: int) -> None:
        values = {"health": list(LabHealth)[how % 2]} if how < 4 else {"description": str(which)}
        self.lab.gateway.lab.change(self.lab.admin, **values)

    def _remove(self, which: int, how: int) -> None:
        name = self.systems[which % SYSTEMS]
        self.lab.gateway.systems.remove(self.lab.admin, name)
        self.systems[which % SYSTEMS] = f"m{next(NUMBERS)}"
        self._add(self.systems[which % SYSTEMS])

    def end(self) -> None:
        """Leave nothing that others would have to look at."""
        self.lab.gateway.lab.change(self.lab.admin, health=LabHealth.ACTIVE)
        for job in self.jobs:
            with suppress(TackroomError):
                self.lab.gateway.jobs.cancel(self.lab.admin, job)
        for recipe in self.recipes:
            self.lab.gateway.recipes.settle(recipe)


class Stage:
    """A core, and who hears all of it."""

    # what is shown of an example that fails has no place for all that a core is
    def __init__(self, lab: CoreLab) -> None:
        self.lab, self.ears = lab, Ears(lab)


@pytest.fixture(scope="module")
def stage(lab: CoreLab) -> Stage:
    """One for all examples."""
    return Stage(lab)


@given(steps=st.lists(STEP, min_size=20, max_size=50))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_46_every_change_is_told_once(stage: Stage, steps: list[tuple[str, int, int]]) -> None:
    """After each step, state and health that were told last are what the calls answer, and none was told twice."""
    example = Example(stage.lab)
    for step in steps:
        example.do(step)
        stage.ears.check()
    example.end()
    stage.ears.check()


def test_messages_do_not_hang_on_who_reads(stage: Stage) -> None:
    """Who reads the same events later, from anywhere, gets the same messages by the same names."""
    lab, ears = stage.lab, stage.ears
    example = Example(lab)
    for step in [("submit", 0, 1), ("claim", 0, 0), ("claim", 1, 0), ("run", 0, 0), ("health", 0, 2), ("cancel", 0, 0)]:
        example.do(step)
    before = ears.reached
    heard = ears.hear()
    assert len(heard) > 8
    told = lab.gateway.feed.after(before, 1000)
    for begin in range(len(told)):
        again = Messages(lab.gateway, lab.config).of(told[begin:])
        expected = [message for message in heard if message.event_id >= told[begin].event.id]
        assert [message.uuid for message in again] == [message.uuid for message in expected]
        assert [(m.data["state"], m.data["health"]) for m in again] == [
            (m.data["state"], m.data["health"]) for m in expected
        ]
    example.end()
