"""What is due moves with a step of the system's clock, once, whoever notices it."""

import time
from collections.abc import Callable

import pytest
from attrs import asdict, evolve

from wsgi_app.clock import Mark, Reading, SteadyClock, boot_id
from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway, open_gateway
from wsgi_app.model import Caller, System
from wsgi_app.states import SystemHealth
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet, NewTask

HOUR = 3600.0


@pytest.fixture
def gateway(config: Config) -> Gateway:
    """A core that goes by the system's clock."""
    made = open_gateway(config)
    made.access.issue_admin_token()
    return made


@pytest.fixture
def remaining(config: Config, gateway: Gateway) -> Callable[[], int]:
    """The seconds left to a recipe whose watchdog is 10,000 s away."""
    admin = Caller(f"Bearer {config.admin_token.read_text().strip()}", "127.0.0.1")
    gateway.systems.add(admin, System("demo", None, (), None, SystemHealth.GOOD, None, None, None, None))
    new = NewRecipe((NewTask("task", command=("true",)),), system="demo")
    recipe = gateway.jobs.submit(admin, lambda: NewJob((NewRecipeSet((new,)),))).recipe_sets[0].recipes[0].id
    gateway.recipes.issue_key(admin, recipe)
    gateway.watchdogs.set(admin, recipe, 10_000)

    def left() -> int:
        found = gateway.watchdogs.remaining(admin, recipe)
        assert found is not None
        return found

    return left


def mark(config: Config) -> Mark:
    """Return how the clock stood when all times fitted it."""
    found = Mark.load(config.clock_mark)
    assert found is not None
    return found


@pytest.mark.parametrize("seconds", [HOUR, -HOUR, 3.0])
def test_a_step_moves_what_is_due_once(
    config: Config, gateway: Gateway, remaining: Callable[[], int], seconds: float
) -> None:
    """Before and after, seconds are what they were; the second who notices has nothing to do."""
    before = mark(config)
    # as if the clock had been elsewhere when that was written: now it is stepped to where it is
    gateway.steps.follow()
    evolve(before, epoch=before.epoch - seconds).store(config.clock_mark)
    late = open_gateway(config)
    assert late.steps.follow() == 0.0
    assert mark(config).step == pytest.approx(seconds, abs=0.1)
    assert remaining() == pytest.approx(10_000 + seconds, abs=5)
    assert gateway.steps.follow() == 0.0
    late.close()


@pytest.mark.parametrize("committed", [True, False])
def test_who_dies_over_a_step_leaves_it_to_the_next(
    config: Config, gateway: Gateway, remaining: Callable[[], int], committed: bool
) -> None:
    """The file was written; whether the move was committed, the database knows."""
    now = mark(config)
    before = evolve(now, epoch=now.epoch - HOUR)
    evolve(now, steps=0 if committed else 1, step=HOUR, undo=asdict(before)).store(config.clock_mark)
    moved = 0.0 if committed else HOUR
    steady = SteadyClock(config.clock_mark)
    assert steady.within(lambda: 0) == pytest.approx(time.time() - moved, abs=1)
    assert gateway.steps.follow() == pytest.approx(moved, abs=1)
    assert remaining() == pytest.approx(10_000 + moved, abs=5)
    assert mark(config).undo is None
    assert gateway.steps.follow() == 0.0


def test_until_a_step_is_dealt_with_time_goes_on_as_before(config: Config, gateway: Gateway) -> None:
    """In every process, whether it began before the step or after it; afterwards it is the system's again."""
    before = mark(config)
    evolve(before, epoch=before.epoch - HOUR).store(config.clock_mark)
    steady = SteadyClock(config.clock_mark)
    assert steady() == pytest.approx(time.time() - HOUR, abs=1)
    assert gateway.steps.follow() == pytest.approx(HOUR, abs=1)
    assert steady() == pytest.approx(time.time(), abs=1)


def test_a_clock_that_is_put_back_to_where_somebody_knew_it(config: Config, gateway: Gateway) -> None:
    """A process that slept over a step goes by the mark, not by what it knew, when the next step is not dealt with."""
    steady = SteadyClock(config.clock_mark)
    assert steady() == pytest.approx(time.time(), abs=1)
    # the clock was put back, all times moved with it, and then it was put ahead again
    before = mark(config)
    evolve(before, epoch=before.epoch - HOUR, steps=before.steps + 1).store(config.clock_mark)
    assert steady() == pytest.approx(time.time() - HOUR, abs=1)
    gateway.close()


def test_what_is_read_from_before_a_step_has_the_time_of_then(config: Config, gateway: Gateway) -> None:
    """A snapshot that is open while a step is dealt with shows old times, and is told the old time."""
    now = mark(config)
    evolve(now, epoch=now.epoch - HOUR).store(config.clock_mark)
    steady = SteadyClock(config.clock_mark)
    dealt_with = now.steps
    assert gateway.steps.follow() == pytest.approx(HOUR, abs=1)
    assert steady.within(lambda: dealt_with) == pytest.approx(time.time() - HOUR, abs=1)
    assert steady.within(lambda: dealt_with + 1) == pytest.approx(time.time(), abs=1)
    assert steady.within(lambda: dealt_with) == pytest.approx(time.time() - HOUR, abs=1)
    assert steady() == pytest.approx(time.time(), abs=1)
    gateway.close()


def test_slewing_and_leap_seconds_are_no_steps(config: Config, gateway: Gateway, remaining: Callable[[], int]) -> None:
    """The mark follows, and nothing moves."""
    before = mark(config)
    evolve(before, epoch=before.epoch - 1.2).store(config.clock_mark)
    assert gateway.steps.follow() == 0.0
    assert mark(config).epoch == pytest.approx(Reading.take().epoch, abs=0.2)
    assert remaining() == pytest.approx(10_000, abs=5)


@pytest.mark.parametrize(("seen", "moved"), [(HOUR, -HOUR), (-HOUR, 0.0)], ids=["back", "ahead"])
def test_over_a_reboot_time_does_not_run_backwards(
    config: Config, remaining: Callable[[], int], seen: float, moved: float
) -> None:
    """A machine without a clock of its own begins in the past: that is a step; else the time that it was off counts."""
    evolve(mark(config), boot="another boot", epoch=0.0, seen=time.time() + seen).store(config.clock_mark)
    open_gateway(config).close()
    assert mark(config).boot == boot_id()
    assert remaining() == pytest.approx(10_000 + moved, abs=5)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"boot": 1}', "\0\0"])
def test_a_mark_that_cannot_be_read_is_made_anew(
    config: Config, gateway: Gateway, remaining: Callable[[], int], text: str
) -> None:
    """A power cut may leave the file empty; then nothing is known, and nothing moves."""
    config.clock_mark.write_text(text)
    assert gateway.steps.follow() == 0.0
    assert mark(config).epoch == pytest.approx(Reading.take().epoch, abs=1)
    assert remaining() == pytest.approx(10_000, abs=5)
