"""A campaign that cannot go on, through nobody's fault or a hand in the database: it fails, and nobody else does."""

from collections.abc import Callable
from typing import Any

import pytest
from campaigning import NOOP, Campaigner, a_test, plan
from sqlalchemy import Connection, Engine, delete, event, select, update

from wsgi_app.campaign import CampaignEnd
from wsgi_app.core.gateway import open_gateway
from wsgi_app.errors import DiskFull
from wsgi_app.states import RecipeStatus, Verdict
from wsgi_app.store import schema, times
from wsgi_app.store.db import Database
from wsgi_app.submitted import NewRecipe, NewRecipeSet

C = schema.campaigns


@pytest.fixture
def lab(bench: Any) -> Campaigner:
    """Two systems, a and b, and a clock that stands still."""
    return Campaigner(bench.gateway, bench.admin)


def spoil(bench: Any, change: Callable[[Connection], Any]) -> None:
    """Let a hand change the database."""
    database = Database(bench.config.database)
    with database.write() as tx:
        change(tx)
    database.close()


def a_plan(tx: Connection, job: int) -> None:
    """Its plan is no plan."""
    tx.execute(update(C).where(C.c.job == job).values(plan={"tests": 7}))


def no_json(tx: Connection, job: int) -> None:
    """Its plan is not even JSON."""
    tx.exec_driver_sql("update campaigns set plan = '{' where job = ?", (job,))


def a_test_that_is_not(tx: Connection, job: int) -> None:
    """It is at a test that its plan does not have."""
    tx.execute(update(C).where(C.c.job == job).values(test=9))


def a_run_again(tx: Connection, job: int) -> None:
    """It is to begin a run that has begun."""
    tx.execute(update(C).where(C.c.job == job).values(run=1, test=0))


def no_attempt(tx: Connection, job: int) -> None:
    """It waits for a set, and nobody knows of which attempt."""
    tx.execute(delete(schema.campaign_attempts).where(schema.campaign_attempts.c.job == job))
    mine = select(schema.recipe_sets.c.id).where(schema.recipe_sets.c.job == job).scalar_subquery()
    tx.execute(update(C).where(C.c.job == job).values(recipe_set=mine))


@pytest.mark.parametrize("hand", [a_plan, no_json, a_test_that_is_not, a_run_again, no_attempt])
def test_a_spoiled_campaign_fails_alone(bench: Any, lab: Campaigner, one: NewRecipe, hand: Any) -> None:
    """The next call of anybody ends it, with the reason, and is answered; other campaigns go on."""
    lab.failures["a", "step1"] = "no"
    bad = lab.submit(plan(a_test(retries=5, retry_interval=10.0)))
    lab.play("a")
    good = lab.submit(plan(a_test(targets=["b"]), runs=2, run_interval=10.0))
    lab.play("b")
    spoil(bench, lambda tx: hand(tx, bad))
    bench.clock.now += 10
    number = bench.submit(NewRecipeSet((one,))).recipe_sets[0].recipes[0].id
    row = next(row for row in lab.gateway.jobs.page(lab.admin) if row.id == bad)
    assert (row.status, row.settled, row.verdict) == (RecipeStatus.ABORTED, True, Verdict.INFRASTRUCTURE)
    assert (row.reason or "").startswith("it could not go on ")
    assert ": it is broken: " in (row.reason or "")
    assert bad not in lab.gateway.campaigns.numbers(lab.admin, phases=[])[2:]
    assert lab.claim("a") == number
    lab.play("b")
    assert lab.job(good).verdict is Verdict.PASS


@pytest.mark.parametrize("ends", ["settled", "cancelled", "expired", "restored"])
def test_a_plan_that_is_spoiled_while_a_set_runs(bench: Any, lab: Campaigner, ends: str) -> None:
    """Its harness's next step fails, its end is told, and whoever stops it can."""
    job = lab.submit(plan(runs=0, final_reporters=[NOOP]))
    recipe = lab.begin("a")
    spoil(bench, lambda tx: a_plan(tx, job))
    if ends == "settled":
        lab.run(recipe, "a")
    elif ends == "cancelled":
        lab.gateway.jobs.cancel(lab.admin, job)
    elif ends == "expired":
        bench.clock.now += 4000
        lab.round()
    else:
        lab.gateway.restored.begin("yesterday")
    lab.gateway.recipes.settle(recipe)
    lab.round()
    [row] = lab.gateway.jobs.page(lab.admin)
    assert row.settled
    assert row.status is (RecipeStatus.CANCELLED if ends == "cancelled" else RecipeStatus.ABORTED)
    assert lab.gateway.systems.get("a").recipe is None


def test_a_campaign_that_breaks_in_the_middle_leaves_nothing(bench: Any, lab: Campaigner) -> None:
    """What its step has done before is undone: no set, no reservation, no event of either."""
    job = lab.submit(plan(runs=2, run_interval=10.0))
    lab.play("a")
    # its second attempt is on record already: to store it fails, when the set is made
    rows = schema.campaign_attempts
    spoil(bench, lambda tx: tx.execute(rows.insert().values(job=job, run=2, test=1, attempt=0, begun=1.0, targets=[])))
    before = lab.gateway.events.latest()
    bench.clock.now += 10
    lab.claim("b")
    assert lab.history(job).end is CampaignEnd.FAILED
    assert lab.gateway.systems.get("a").recipe is None
    assert len(lab.job(job).recipe_sets) == 1
    told = lab.gateway.events.page(lab.admin, after=before, limit=100)
    assert {event.topic for event in told} == {"system", "job"}
    assert lab.history(job).error == "it is broken: the database contradicts itself"


def test_a_full_database_is_nobodys_fault(bench: Any, lab: Campaigner) -> None:
    """The call that meets it fails and changes nothing; the campaign goes on, once, when there is room again."""
    job = lab.submit(plan(a_test(steps=2), a_test("long", steps=300), run_interval=10.0))
    recipe = lab.begin("a")
    lab.run(recipe, "a")
    lab.gateway.close()

    def narrow(connection: Any, _record: Any) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(Engine, "connect", narrow)
    try:
        full = open_gateway(bench.config, bench.clock)
        for _ in range(3):
            with pytest.raises(DiskFull):
                full.recipes.settle(recipe)
        assert not full.recipes.get(bench.admin, recipe).recipe.settled
        full.close()
    finally:
        event.remove(Engine, "connect", narrow)
    bench.gateway = open_gateway(bench.config, bench.clock)
    again = Campaigner(bench.gateway, bench.admin)
    assert again.history(job).end is None
    assert again.gateway.recipes.settle(recipe)
    assert again.positions(job) == [(1, 1, 0), (1, 2, 0)]
    assert len(again.job(job).recipe_sets) == 2


@pytest.mark.parametrize("seconds", [-3600.0, 3600.0])
def test_the_clock_is_set_while_a_campaign_waits(bench: Any, lab: Campaigner, seconds: float) -> None:
    """An interval and an acquire timeout take as long as they were to, whatever the clock shows meanwhile."""
    lab.failures["a", "step1"] = "no"
    tried = lab.submit(plan(a_test(retries=1, retry_interval=60.0)))
    lab.play("a")
    asked = lab.submit(plan(a_test(targets=["b"]), acquire_timeout=100.0))
    bench.clock.now += 20.0 + seconds
    spoil(bench, lambda tx: times.move(tx, seconds, now=bench.clock.now))
    lab.round()
    bench.clock.now += 39.0
    lab.round()
    assert len(lab.attempts(tried)) == 1
    bench.clock.now += 1.0
    lab.round()
    assert len(lab.attempts(tried)) == 2
    bench.clock.now += 39.0
    lab.round()
    assert lab.history(asked).end is None
    bench.clock.now += 1.0
    lab.round()
    assert lab.history(asked).end is CampaignEnd.FAILED
