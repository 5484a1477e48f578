"""Campaigns among many: several processes let them go on, and what is past costs nothing."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from campaigning import NOOP, Campaigner, a_test, by_targets, plan
from sqlalchemy import Engine, event, insert
from waiting import until

from wsgi_app.campaign import Phase
from wsgi_app.config import Config
from wsgi_app.core.gateway import open_gateway
from wsgi_app.model import Caller, System
from wsgi_app.states import RecipeStatus, ResultValue, SystemHealth, Verdict
from wsgi_app.store import schema
from wsgi_app.store.db import Database

#: lets campaigns go on until one of them is settled
ADVANCE = """
import json, sys
from pathlib import Path
from wsgi_app.config import Config
from wsgi_app.core.gateway import open_gateway
from wsgi_app.model import Caller
data, job, token = json.loads(sys.argv[1])
gateway = open_gateway(Config(data=Path(data)))
while not gateway.jobs.wait(Caller(token, "127.0.0.1"), job, seconds=0).settled:
    gateway.campaigns.advance()
gateway.close()
"""
RUNS = 6


@pytest.fixture
def lab(bench: Any) -> Campaigner:
    """Two systems, a and b, and a clock that stands still."""
    return Campaigner(bench.gateway, bench.admin)


def test_two_processes_make_no_attempt_twice(config: Config) -> None:
    """Both look for what is due all the time; each attempt has one set, each run its reports."""
    gateway = open_gateway(config)
    gateway.access.issue_admin_token()
    admin = Caller(f"Bearer {config.admin_token.read_text().strip()}", "127.0.0.1")
    lab = Campaigner(gateway, admin, {("a", "step1"): "no"})
    gateway.systems.add(admin, System("a", None, (), None, SystemHealth.GOOD, None, None, None, None))
    job = lab.submit(plan(a_test(retries=1), a_test(disabled=True), runs=RUNS, final_reporters=[NOOP]))
    others = [
        subprocess.Popen([sys.executable, "-c", ADVANCE, json.dumps([str(config.data), job, admin.authorization])])
        for _ in range(2)
    ]
    for _ in range(2 * RUNS):
        until(lambda: lab.claim("a"), "the next attempt's recipe", 30)
        lab.play("a")
    assert [other.wait(60) for other in others] == [0, 0]
    assert lab.positions(job) == [(run, 1, attempt) for run in range(1, RUNS + 1) for attempt in (0, 1)]
    sets = [attempt.recipe_set for attempt in lab.attempts(job)]
    assert len(set(sets)) == 2 * RUNS
    assert [report.run for report in lab.reports(job)] == list(range(RUNS + 1))
    assert lab.job(job).verdict is Verdict.FAIL
    gateway.close()


@contextmanager
def work() -> Iterator[list[int]]:
    """Count what SQLite does meanwhile, in hundreds of its machine's instructions; on connections made meanwhile."""
    done = [0]

    def count() -> int:
        done[0] += 1
        return 0

    def connected(connection: Any, _record: Any) -> None:
        connection.set_progress_handler(count, 100)

    event.listen(Engine, "connect", connected)
    try:
        yield done
    finally:
        event.remove(Engine, "connect", connected)


def one_run(bench: Any, job: int) -> int:
    """Let a campaign make one run to its end and begin the next; return what that cost."""
    with work() as done:
        gateway = open_gateway(bench.config, bench.clock)
        lab = Campaigner(gateway, bench.admin)
        before = done[0]
        held = lab.claim("a")
        assert held is not None
        lab.run(held, "a")
        gateway.recipes.settle(held)
        bench.clock.now += 1
        lab.round()
        cost = done[0] - before
        assert lab.claim("a") not in (None, held)
        gateway.close()
    return cost


def test_a_step_costs_the_same_whatever_came_before(bench: Any, lab: Campaigner) -> None:
    """With 10 runs behind it, and with 2,000."""
    job = lab.submit(plan(runs=0, run_reporters=[by_targets("=100%")]))
    for _ in range(10):
        lab.play("a")
        bench.clock.now += 1
        lab.round()
    few = min(one_run(bench, job) for _ in range(3))
    history(bench, job, 2000)
    many = min(one_run(bench, job) for _ in range(3))
    assert many <= 1.2 * few


def history(bench: Any, job: int, runs: int) -> None:
    """Store so many more runs of a campaign, as they would be if all had gone well, before the present one."""
    database = Database(bench.config.database)
    with database.write() as tx:
        now = tx.execute(schema.campaigns.select()).one()
        base = tx.execute(schema.id_sequence.select()).scalar_one()
        moved = {"run": now.run + runs}
        for table in (schema.campaign_runs, schema.campaign_attempts):
            tx.execute(table.update().where(table.c.job == job, table.c.run == now.run).values(moved))
        tx.execute(schema.campaigns.update().values(moved))
        recipe = dict(tx.execute(schema.recipes.select().where(schema.recipes.c.settled).limit(1)).one()._mapping)
        group = {"job": job, "status": RecipeStatus.COMPLETED}
        sets, recipes, tasks, begun, attempts, reports = [], [], [], [], [], []
        task = dict(
            tx.execute(schema.tasks.select().where(schema.tasks.c.recipe == recipe["id"]).limit(1)).one()._mapping
        )
        for place in range(runs):
            run, one = now.run + place, base + 3 * place
            sets.append({**group, "id": one + 1, "stage": run})
            recipes.append({**recipe, "id": one + 2, "recipe_set": one + 1})
            tasks.append({**task, "id": one + 3, "recipe": one + 2, "result": ResultValue.PASS})
            begun.append({"job": job, "run": run, "started": 0.0})
            attempts.append({"job": job, "run": run, "test": 1, "attempt": 0, "begun": 0.0, "targets": [{"id": "a"}]})
            attempts[-1] |= {"recipe_set": one + 1, "ended": 0.0, "passed": 1}
            reports.append({"job": job, "run": run, "place": 0, "reporter": "noop", "time": 0.0, "success": True})
        for table, rows in (
            (schema.recipe_sets, sets),
            (schema.recipes, recipes),
            (schema.tasks, tasks),
            (schema.campaign_runs, begun),
            (schema.campaign_attempts, attempts),
            (schema.campaign_reports, reports),
        ):
            tx.execute(insert(table), rows)
        tx.execute(schema.id_sequence.update().values(last=base + 3 * runs + 1))
        # the set at hand is the newest, as it would be
        newest = base + 3 * runs + 1
        tx.execute(schema.recipe_sets.insert().values(id=newest, job=job, stage=now.run + runs, status="Scheduled"))
        for table in (schema.recipes, schema.campaign_attempts, schema.campaigns):
            tx.execute(table.update().where(table.c.recipe_set == now.recipe_set).values(recipe_set=newest))
    database.close()


def test_rare_phases_are_found_without_looking_at_all_jobs(bench: Any, lab: Campaigner) -> None:
    """Among 20,000 settled jobs, those that run, fail or are tagged cost what they cost alone."""
    running, failed = lab.submit(plan(a_test(targets=["a"]), tags=("rare",))), lab.submit(plan(a_test(targets=["b"])))
    lab.claim("b")
    lab.gateway.recipes.abort(lab.admin, lab.job(failed).recipe_sets[0].recipes[0].id, "enough")
    lab.settle(failed)
    asked: list[dict[str, Any]] = [{"phases": [phase]} for phase in (Phase.STARTED, Phase.FAILED, Phase.CANCELLED)]
    asked += [{"phases": [Phase.COMPLETED], "tags": ["rare"]}, {"tags": ["rare"]}]
    expected = [[running], [failed], [], [], [running]]
    costs = []
    for settled in (0, 20_000):
        database = Database(bench.config.database)
        with database.write() as tx:
            row = dict(tx.execute(schema.jobs.select().where(schema.jobs.c.id == failed)).one()._mapping)
            row |= {"status": RecipeStatus.COMPLETED, "campaign": False}
            if settled:
                tx.execute(insert(schema.jobs), [{**row, "id": 1000 + place} for place in range(settled)])
        database.close()
        with work() as done:
            gateway = open_gateway(bench.config, bench.clock)
            before = done[0]
            assert [gateway.campaigns.numbers(bench.admin, **one) for one in asked] == expected
            costs.append(done[0] - before)
            gateway.close()
    assert costs[1] <= costs[0] + 5
