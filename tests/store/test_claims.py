"""No recipe runs twice, none is lost: many processes on one database."""

import subprocess
import sys
from collections import Counter

import pytest

from wsgi_app.config import Config
from wsgi_app.core.gateway import open_gateway
from wsgi_app.model import Caller, System
from wsgi_app.states import RecipeStatus, SystemHealth
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet, NewTask

SYSTEMS = 6
JOBS = 30
RECIPES = 10

#: one system's life: claim, run, end, until there is nothing more to claim
WORKER = """
import sys
from pathlib import Path
from wsgi_app.config import Config
from wsgi_app.core.gateway import open_gateway
from wsgi_app.model import Caller
from wsgi_app.states import TaskStatus

config = Config(data=Path(sys.argv[1]))
gateway = open_gateway(config)
admin = Caller("Bearer " + config.admin_token.read_text().strip(), "127.0.0.1")
while claimed := gateway.systems.claim(admin, sys.argv[2], wait=0):
    recipe = claimed.recipe
    key = Caller("Bearer " + claimed.key.secret, "127.0.0.1")
    for status in (TaskStatus.RUNNING, TaskStatus.COMPLETED):
        gateway.tasks.update(key, recipe.id, recipe.tasks[0].id, status=status)
    print(recipe.id)
gateway.close()
"""


@pytest.mark.timeout(180)
def test_six_processes(config: Config) -> None:
    """Six systems in six processes run 300 recipes, each exactly once."""
    gateway = open_gateway(config)
    gateway.access.issue_admin_token()
    admin = Caller(f"Bearer {config.admin_token.read_text().strip()}", "")
    for number in range(SYSTEMS):
        system = System(f"s{number}", None, (), None, SystemHealth.GOOD, None, None, None, None)
        gateway.systems.add(admin, system)
    expected: list[int] = []
    sets = tuple(NewRecipeSet((NewRecipe((NewTask("t"),)),)) for _ in range(RECIPES))
    for _ in range(JOBS):
        job = gateway.jobs.submit(admin, lambda: NewJob(sets))
        expected += [recipe.id for group in job.recipe_sets for recipe in group.recipes]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(config.data), f"s{number}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(SYSTEMS)
    ]
    ran: list[int] = []
    for worker in workers:
        said, complaint = worker.communicate(timeout=170)
        assert worker.returncode == 0, complaint
        ran += map(int, said.split())
    assert [recipe for recipe, count in Counter(ran).items() if count > 1] == []
    assert sorted(ran) == expected
    started = Counter(
        event.data["id"]
        for after in range(0, gateway.events.latest(), 1000)
        for event in gateway.events.page(admin, after=after, limit=1000, topics=["recipe"])
        if event.id <= after + 1000 and event.data["status"] == RecipeStatus.RUNNING
    )
    assert started == Counter(expected)
    assert all(job.status is RecipeStatus.COMPLETED for job in gateway.jobs.page(admin))
    gateway.close()
