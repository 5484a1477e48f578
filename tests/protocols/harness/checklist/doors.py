"""Recipes behind either door: the application in this process under WebTest's lint, or a Tackroom behind httpd."""

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from attrs import frozen
from lab import Answer, Lab
from webtest import TestApp

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

_NUMBERS = itertools.count(1)


class Door(Protocol):
    """One way to make calls."""

    def call(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Make one call; `target` goes out as it is, slashes and all."""
        ...

    @property
    def admin(self) -> str:
        """The admin token."""
        ...

    @property
    def files(self) -> Path:
        """The root of the log tree."""
        ...


@frozen
class WebDoor:
    """The application in this process."""

    web: TestApp
    admin: str
    files: Path

    def call(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Make one call. WebTest would take `//recipes` for a host, so the target goes as a server hands it on."""
        got = self.web.request(
            "/x", method=method, body=body or b"", headers=dict(headers), environ={"RAW_URI": target}, status="*"
        )
        return Answer(got.status_int, dict(got.headers), got.body)


@frozen
class HttpdDoor:
    """A whole Tackroom."""

    lab: Lab

    def call(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Make one call on a connection of its own."""
        got = self.lab.call(method, target, body, headers)
        return Answer(got.status, got.headers, got.body)

    @property
    def admin(self) -> str:
        """The admin token."""
        return self.lab.token

    @property
    def files(self) -> Path:
        """The root of the log tree."""
        return self.lab.data / "logs" / "recipes"


@frozen
class Recipe:
    """What a harness knows: its recipe, its tasks, its key."""

    door: Door
    job: int
    id: int
    tasks: tuple[int, ...]
    system: str
    #: empty: it has none
    key: str

    def raw(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one call with the key on this very target, and require this status."""
        token = self.key or self.door.admin
        answer = self.door.call(method, target, body, {"Authorization": f"Bearer {token}", **(headers or {})})
        assert status is None or answer.status == status, (method, target, answer)
        return answer

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one call below /recipes/R/."""
        return self.raw(method, f"/recipes/{self.id}/{path}", body, status, headers)

    def form(self, path: str, body: str, status: int | None = None, method: str = "POST") -> Answer:
        """Send a form."""
        return self.call(method, path, body.encode(), status, {"Content-Type": FORM})

    def patch(self, task: int, value: Mapping[str, Any], status: int | None = None) -> Answer:
        """PATCH a task with JSON."""
        return self.call("PATCH", f"tasks/{task}/", json.dumps(value).encode(), status, {"Content-Type": JSON})

    def say(self, task: int, status: str, expect: int = 204) -> Answer:
        """POST a task's status."""
        return self.form(f"tasks/{task}/status", f"status={status}", expect)

    def finish(self) -> None:
        """Run every task and end it."""
        for task in self.tasks:
            self.say(task, "Running")
            self.say(task, "Completed")

    def result(self, task: int, form: str = "result=Pass") -> int:
        """Report a result and return its id."""
        return int(self.form(f"tasks/{task}/results/", form, 201).headers["Location"])

    def left(self) -> Any:
        """What GET watchdog says."""
        return self.call("GET", "watchdog", status=200).json["seconds"]

    def read(self) -> Any:
        """The recipe as JSON."""
        return self.call("GET", "", status=200, headers={"Accept": JSON}).json

    def statuses(self) -> list[str]:
        """The statuses of its tasks."""
        return [task["status"] for task in self.read()["tasks"]]

    def results(self) -> list[Any]:
        """All results of the recipe."""
        return list(self.call("GET", "results", status=200).json["results"])

    def logs(self) -> list[str]:
        """The paths of the logs that are registered."""
        return [log["path"] for log in self.call("GET", "log-index", status=200).json["logs"]]

    def whole_job(self) -> Any:
        """The job as JSON."""
        return self.raw("GET", f"/jobs/{self.job}", status=200, headers=admin_headers(self.door)).json

    def on_disk(self, path: str) -> Path:
        """Where a path below /recipes/R/ lies."""
        return self.door.files / str(self.id) / path


def admin_headers(door: Door) -> dict[str, str]:
    """Headers of user admin."""
    return {"Authorization": f"Bearer {door.admin}"}


def post(door: Door, target: str, value: object, kind: str = JSON) -> Answer:
    """POST as admin."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return door.call("POST", target, body, {**admin_headers(door), "Content-Type": kind})


def add_system(door: Door) -> str:
    """Add a system and return its name, which no other has."""
    name = f"host{next(_NUMBERS)}.example"
    assert post(door, "/systems/", {"name": name}).status == 201
    return name


def submit(door: Door, *sets: Sequence[Mapping[str, Any]], keys: bool = True) -> list[Recipe]:
    """Submit a job of recipe sets; each recipe runs on a system of its own, and has its key unless told otherwise.

    A recipe is two tasks, and whatever else is given.
    """
    value = {
        "recipe_sets": [
            {
                "recipes": [
                    {"system": add_system(door), "tasks": [{"name": "one"}, {"name": "two"}], **recipe}
                    for recipe in group
                ]
            }
            for group in sets
        ]
    }
    answer = post(door, "/jobs/", value)
    assert answer.status == 201, answer
    return recipes_of(door, answer.json, keys=keys)


def recipes_of(door: Door, job: Any, *, keys: bool) -> list[Recipe]:
    """Return the recipes of a job as it was submitted; with keys they get their systems."""
    made = []
    for value in (recipe for group in job["recipe_sets"] for recipe in group["recipes"]):
        key = ""
        if keys:
            issued = post(door, f"/recipes/{value['id']}/key", b"")
            assert issued.status == 201, issued
            key = issued.json["key"]
        tasks = tuple(task["id"] for task in value["tasks"])
        made.append(Recipe(door, job["id"], value["id"], tasks, value["system"], key))
    return made
