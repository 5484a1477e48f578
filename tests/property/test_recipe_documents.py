"""What is kept of a recipe's documents is never out of date: whatever changes them, in whichever order and process.

Two applications over one database stand for two processes, each with what it has kept; a third keeps nothing, so what
it answers was made in this moment. After each of many random calls all three must say the same of each recipe.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field, frozen
from emptydata import lay_out
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from webtest import TestApp

from wsgi_app.app import Application, create_app
from wsgi_app.config import Config
from wsgi_app.core.shelf import Shelf
from wsgi_app.indexer import index
from wsgi_app.model import Caller

#: steps of an example
STEPS = 12
SYSTEMS = ("left", "right")
TASKS = ("boot", "test", "reset")


@frozen
class Recipe:
    """One of the set, and the key of its harness."""

    id: int
    tasks: tuple[int, ...]
    key: str


@define
class Stand:
    """The applications, and a job of which two recipes are documented."""

    processes: list[Application]
    token: str
    job: int = 0
    recipes: list[Recipe] = field(factory=list)
    results: list[tuple[int, int]] = field(factory=list)
    turn: int = 0

    def begin(self) -> None:
        """Submit a job of a set of two recipes, and let both be claimed."""
        self.end()
        recipes = [
            {"system": name, "role": name, "tasks": [{"name": task, "command": ["true"]} for task in TASKS]}
            for name in SYSTEMS
        ]
        answer = self.call(
            "POST", "/jobs/", json.dumps({"recipe_sets": [{"recipes": recipes}]}), kind="application/json"
        )
        self.job, self.results = answer.json["id"], []
        made = answer.json["recipe_sets"][0]["recipes"]
        self.recipes = [Recipe(one["id"], tuple(task["id"] for task in one["tasks"]), "") for one in made]

    def end(self) -> None:
        """Cancel what was there, so that the systems are free for the next."""
        if self.job:
            self.call("POST", f"/jobs/{self.job}/cancel")
            for recipe in self.recipes:
                self.gateway.recipes.settle(recipe.id, late=True)

    @property
    def gateway(self) -> Any:
        """Core of the process whose turn it is, as indexer and timer have it."""
        return self.processes[self.turn].gateway

    def call(self, method: str, path: str, body: str = "", key: str = "", kind: str = "") -> Any:
        """Make a call by the process whose turn it is; whether it is refused is not the matter here."""
        self.turn = 1 - self.turn
        return self._ask(self.processes[self.turn], method, path, body, key, kind)

    def compare(self) -> None:
        """All processes answer the same, of each recipe, in each format."""
        for recipe in self.recipes:
            for kind in ("application/xml", "application/json"):
                *kept, fresh = (self._told(process, recipe.id, kind) for process in self.processes)
                assert kept == [fresh, fresh]

    def _told(self, process: Application, recipe: int, kind: str) -> Any:
        answer = self._ask(process, "GET", f"/recipes/{recipe}/", "", "", kind)
        assert (answer.status_int, answer.content_type) == (200, kind)
        if kind == "application/xml":
            return answer.body
        value = answer.json
        left = value.pop("watchdog")
        remaining = process.gateway.watchdogs.remaining(Caller(f"Bearer {self.token}", ""), recipe)
        assert (left is None) == (remaining is None)
        # a second may end between the two
        assert left is None or abs(left - remaining) <= 1
        return value

    def _ask(self, process: Application, method: str, path: str, body: str, key: str, kind: str) -> Any:
        headers = {"Authorization": f"Bearer {key or self.token}", **({"Accept": kind} if kind else {})}
        headers["Content-Type"] = kind or "application/x-www-form-urlencoded"
        web = TestApp(process, extra_environ={"REMOTE_ADDR": "127.0.0.1"}, lint=False)
        return web.request(path, method=method, body=body.encode(), headers=headers, status="*")


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """One database, and its applications."""
    config = Config(data=tmp_path_factory.mktemp("documents") / "data")
    lay_out(config)
    with ExitStack() as stack:
        processes = [create_app(config) for _ in range(3)]
        for process in processes:
            stack.callback(process.gateway.close)
        processes[0].gateway.access.issue_admin_token()
        # keeps nothing
        processes[2].gateway.recipes._shelf = Shelf(0)
        made = Stand(processes, config.admin_token.read_text().strip())
        for name in SYSTEMS:
            made.call("POST", "/systems/", json.dumps({"name": name}), kind="application/json")
        yield made


def _form(path: Callable[[Recipe, int], str], *bodies: str) -> Callable[[Stand, Recipe, int], None]:
    def step(stand: Stand, recipe: Recipe, pick: int) -> None:
        stand.call("POST", path(recipe, recipe.tasks[pick % 3]), bodies[pick % len(bodies)])

    return step


def _claim(stand: Stand, recipe: Recipe, pick: int) -> None:
    for name in SYSTEMS[: pick % 2 + 1]:
        stand.call("POST", f"/systems/{name}/claim?wait=0")


def _report(stand: Stand, recipe: Recipe, pick: int) -> None:
    task = recipe.tasks[pick % 3]
    body = ("result=Pass&score=7", "result=Fail&path=/a%26b&message=%3Cm%3E", "result=Warn")[pick % 3]
    answer = stand.call("POST", f"/recipes/{recipe.id}/tasks/{task}/results/", body)
    if answer.status_int == 201:
        stand.results.append((task, int(answer.headers["Location"].rpartition("/")[2])))


def _log_path(stand: Stand, recipe: Recipe, pick: int) -> str:
    below = ["", *(f"tasks/{task}/" for task in recipe.tasks)]
    below += [f"tasks/{task}/results/{result}/" for task, result in stand.results if task in recipe.tasks]
    return f"{below[pick % len(below)]}logs/{('console.log', 'a b.tap')[pick % 2]}"


def _upload(stand: Stand, recipe: Recipe, pick: int) -> None:
    body = ("1..2\nok 1 - one\nnot ok 2 - two\n", "Kernel panic - not syncing: no\n")[pick % 2]
    stand.call("PUT", f"/recipes/{recipe.id}/{_log_path(stand, recipe, pick)}", body)


def _declare(stand: Stand, recipe: Recipe, pick: int) -> None:
    path = f"/recipes/{recipe.id}/{_log_path(stand, recipe, pick)}"
    stand.call("POST", path, json.dumps({"size": 10 + pick}), kind="application/json")


def _index(stand: Stand, recipe: Recipe, pick: int) -> None:
    """As the indexer does: all logs of the recipe are read, and what is in them stored."""
    root: Path = stand.gateway.config.logs / str(recipe.id)
    for file in [path for path in root.rglob("*") if path.is_file()]:
        path = str(file.relative_to(root))
        stand.gateway.logs.grew({(recipe.id, path): file.stat().st_size})
        stand.gateway.logs.indexed(recipe.id, path, index.read(file, path, 100))


def _settle(stand: Stand, recipe: Recipe, pick: int) -> None:
    stand.gateway.recipes.settle(recipe.id, late=pick % 2 == 0)


def _expire(stand: Stand, recipe: Recipe, pick: int) -> None:
    """As the timer does, when a watchdog is past."""
    stand.call("POST", f"/recipes/{recipe.id}/watchdog", "seconds=0")
    stand.gateway.watchdogs.expire()
    stand.gateway.recipes.close_logs()


def _key(stand: Stand, recipe: Recipe, pick: int) -> None:
    stand.call("POST", f"/recipes/{recipe.id}/key?rotate={pick % 2}")


def _patch(stand: Stand, recipe: Recipe, pick: int) -> None:
    value = ({"name": f"n{pick}"}, {"version": f"{pick}"}, {"status": "Running", "name": "x"})[pick % 3]
    path = f"/recipes/{recipe.id}/tasks/{recipe.tasks[pick % 3]}/"
    stand.call("PATCH", path, json.dumps(value), kind="application/json")


def _install(stand: Stand, recipe: Recipe, pick: int) -> None:
    word = ("install_start", "install_done", "postinstall_done", "install_fail")[pick % 4]
    stand.call("POST", f"/{word}/{recipe.id}")


def _sync(stand: Stand, recipe: Recipe, pick: int) -> None:
    stand.call("PUT", f"/recipes/{recipe.id}/sync/s{pick % 2}")


def _job(stand: Stand, recipe: Recipe, pick: int) -> None:
    stand.call("POST", f"/jobs/{stand.job}/{('cancel', 'retry')[pick % 2]}")


def _by_hand(stand: Stand, recipe: Recipe, pick: int) -> None:
    """As an operator does at the database's prompt."""
    statements = (
        "UPDATE jobs SET name = name || '!' WHERE id = :job",
        "UPDATE jobs SET owner = 'ann' WHERE id = :job",
        "UPDATE recipes SET role = 'other' WHERE id = :recipe",
        "UPDATE tasks SET role = 'server' WHERE recipe = :recipe",
        "DELETE FROM results WHERE recipe = :recipe",
        "UPDATE recipes SET max_seconds = 77, reason = 'because' WHERE id = :recipe",
    )
    with stand.gateway._ground.db.write() as tx:
        statement = text(statements[pick % len(statements)])
        known = {"job": stand.job, "recipe": recipe.id}
        tx.execute(statement, {name: known[name] for name in statement.compile().params})


#: those that let others do something are there more than once
STEPS_TO_TAKE = (
    *(_claim,) * 3,
    *(_form(lambda recipe, task: f"/recipes/{recipe.id}/tasks/{task}/status", "status=Running", "status=Completed"),)
    * 3,
    *(_report,) * 3,
    *(_upload,) * 2,
    _form(lambda recipe, _: f"/recipes/{recipe.id}/watchdog", "seconds=600", "seconds=100000"),
    _form(lambda recipe, _: f"/recipes/{recipe.id}/status", "status=Aborted&message=enough"),
    *(_declare, _index, _settle, _expire, _key, _patch, _install, _sync, _job, _by_hand),
)
step = st.tuples(st.sampled_from(STEPS_TO_TAKE), st.integers(0, 1), st.integers(0, 11))


@settings(max_examples=10, deadline=None)
@given(steps=st.lists(step, min_size=STEPS, max_size=STEPS))
def test_what_is_kept_is_what_is_made_anew(stand: Stand, steps: list[tuple[Any, int, int]]) -> None:
    """Each process answers with the documents as they are, whichever process, or none of ours, has changed them."""
    stand.begin()
    stand.compare()
    for take, which, pick in steps:
        take(stand, stand.recipes[which], pick)
        stand.compare()
