"""A recipe, and the harness that holds its key."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import frozen
from emptydata import lay_out
from webtest import TestApp, TestResponse

from wsgi_app.app import Application, create_app
from wsgi_app.config import Config


@frozen
class Harness:
    """What a harness knows: its recipe, its tasks, its key; every call goes below /recipes/R/."""

    web: TestApp
    job: int
    recipe: int
    tasks: tuple[int, ...]
    key: str

    @property
    def bearer(self) -> dict[str, str]:
        """The key as our own harness sends it."""
        return {"Authorization": f"Bearer {self.key}"}

    @property
    def basic(self) -> dict[str, str]:
        """The key as a stock restraint sends it."""
        return {"Authorization": "Basic " + base64.b64encode(f"{self.recipe}:{self.key}".encode()).decode()}

    def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        status: Any = "*",
        headers: dict[str, str] | None = None,
        environ: dict[str, str] | None = None,
    ) -> TestResponse:
        """Make one call with the key, or with these headers."""
        return self.web.request(
            f"/recipes/{self.recipe}/{path}",
            method=method,
            body=body,
            headers={**self.bearer, **(headers or {})},
            status=status,
            environ=environ,
        )

    def form(self, path: str, body: str, status: Any = "*", method: str = "POST") -> TestResponse:
        """Send a form."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.call(method, path, body.encode(), status, headers)

    def patch(self, task: int, value: dict[str, Any], status: Any = "*") -> TestResponse:
        """PATCH a task with JSON."""
        url = f"/recipes/{self.recipe}/tasks/{task}/"
        return self.web.patch_json(url, value, headers=self.bearer, status=status)

    def say(self, task: int, status: str, expect: Any = 204) -> TestResponse:
        """POST a task's status."""
        return self.form(f"tasks/{task}/status", f"status={status}", expect)

    def finish(self) -> None:
        """Run every task and end it."""
        for task in self.tasks:
            self.say(task, "Running")
            self.say(task, "Completed")

    def result(self, task: int, result: str = "Pass") -> int:
        """Report a result and return its id."""
        return int(self.form(f"tasks/{task}/results/", f"result={result}", 201).headers["Location"])

    def read(self) -> Any:
        """The recipe as JSON."""
        return self.call("GET", "", status=200, headers={"Accept": "application/json"}).json

    def results(self) -> list[dict[str, Any]]:
        """All results of the recipe."""
        found: list[dict[str, Any]] = self.call("GET", "results", status=200).json["results"]
        return found


@pytest.fixture
def make_harness(web: TestApp, admin: dict[str, str]) -> Callable[..., Harness]:
    """Submit a job of one recipe (so many `tasks`, or these; more recipe fields by name) and take its key."""

    def make(tasks: int | list[dict[str, Any]] = 2, visibility: str = "public", **recipe: Any) -> Harness:
        system = f"host{recipe.pop('number', 1)}.example"
        web.post_json("/systems/", {"name": system}, headers=admin, status="*")
        work = [{"name": f"task-{number}"} for number in range(tasks)] if isinstance(tasks, int) else tasks
        body = {"system": system, "tasks": work, **recipe}
        value = {"name": "a job", "visibility": visibility, "recipe_sets": [{"recipes": [body]}]}
        job = web.post_json("/jobs/", value, headers=admin, status=201).json
        made = job["recipe_sets"][0]["recipes"][0]
        key = web.post(f"/recipes/{made['id']}/key", headers=admin, status=201).json["key"]
        return Harness(web, job["id"], made["id"], tuple(task["id"] for task in made["tasks"]), key)

    return make


@pytest.fixture
def harness(make_harness: Callable[..., Harness]) -> Harness:
    """The harness of a recipe with two tasks."""
    return make_harness()


@pytest.fixture
def make_web() -> Iterator[Callable[[Config], tuple[TestApp, dict[str, str]]]]:
    """Make applications with other settings; each comes with its admin's headers."""
    made: list[Application] = []

    def make(config: Config) -> tuple[TestApp, dict[str, str]]:
        lay_out(config)
        made.append(create_app(config))
        made[-1].gateway.access.issue_admin_token()
        web = TestApp(made[-1], extra_environ={"REMOTE_ADDR": "127.0.0.1"})
        return web, {"Authorization": "Bearer " + config.admin_token.read_text().strip()}

    yield make
    for application in made:
        application.gateway.close()
