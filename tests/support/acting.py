"""A harness's part, played by the test: one recipe, call by call."""

import json
from typing import Any
from urllib.parse import urlencode

from lab import Lab

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Acting:
    """Runs a recipe of a job on its system."""

    def __init__(self, lab: Lab, *tasks: str, system: str, max_seconds: int | None = None, **job: Any) -> None:
        """Submit a job of one recipe with tasks of these names for a system, which is added when it is not there."""
        self.lab = lab
        self.system = system
        lab.call("POST", "/systems/", json.dumps({"name": system}).encode(), {"Content-Type": "application/json"})
        recipe: dict[str, Any] = {"system": system, "tasks": [{"name": name} for name in tasks]}
        if max_seconds is not None:
            recipe["max_seconds"] = max_seconds
        self._took(lab.post("/jobs/", {"recipe_sets": [{"recipes": [recipe]}], **job}))

    def _took(self, job: Any) -> None:
        self.job: int = job["id"]
        (recipe,) = job["recipe_sets"][0]["recipes"]
        self.recipe: int = recipe["id"]
        self.tasks: list[int] = [task["id"] for task in recipe["tasks"]]

    def claim(self) -> "Acting":
        """Take the recipe."""
        claimed = self.lab.claim(self.system)
        assert claimed["id"] == self.recipe
        self.key: str = claimed["key"]
        return self

    def status(self, task: int, status: str, **form: str) -> None:
        """Say how far the task at this place has come."""
        self._form(f"tasks/{self.tasks[task]}/status", 204, status=status, **form)

    def result(self, task: int, result: str, path: str, **form: str) -> None:
        """Report a result of the task at this place."""
        self._form(f"tasks/{self.tasks[task]}/results/", 201, result=result, path=path, **form)

    def log(self, task: int, name: str, text: bytes) -> None:
        """Write a log of the task at this place, whole."""
        place = f"/recipes/{self.recipe}/tasks/{self.tasks[task]}/logs/{name}"
        answer = self.lab.call("PUT", place, text, key=self.key)
        assert answer.status in (201, 204), answer

    def run(self, task: int, *results: tuple[str, str], end: str = "Completed") -> None:
        """Run the task at this place with these results and paths."""
        self.status(task, "Running")
        for result, path in results:
            self.result(task, result, path)
        self.status(task, end)

    def _form(self, place: str, expected: int, /, **form: str) -> None:
        answer = self.lab.call("POST", f"/recipes/{self.recipe}/{place}", urlencode(form).encode(), FORM)
        assert answer.status == expected, answer
