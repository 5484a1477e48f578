"""LAVA's REST API over an application in this process, and a harness's part, played by the test."""

import itertools
from typing import Any

from attrs import define, field
from webtest import TestApp, TestResponse

from wsgi_app.app import Application
from wsgi_app.core.access import digest, fresh_secret
from wsgi_app.store import access
from wsgi_app.store.db import Database

API = "/api/v0.2/"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

#: a job of LAVA's for any system of a type
DEFINITION = """\
# as it was typed: ünïcode
job_name: {name}
device_type: {type}
visibility: public
timeouts: {{job: {{minutes: 5}}}}
metadata: {{branch: main, build: {{number: 7}}}}
actions:
- test:
    timeout: {{minutes: 2}}
    definitions:
    - name: smoke
      from: inline
      path: smoke.yaml
      repository:
        metadata: {{format: Lava-Test Test Definition 1.0, name: smoke}}
        run: {{steps: [lava-test-case hello --result pass]}}
"""


@define
class Rest:
    """The API as one user calls it, and a harness's part."""

    web: TestApp
    application: Application
    admin: dict[str, str]
    _numbers: "itertools.count[int]" = field(factory=lambda: itertools.count(1))

    def get(self, path: str, status: int = 200, token: dict[str, str] | None = None) -> TestResponse:
        """GET a path of the API (with a slash before it: of the site) as admin, or with other headers."""
        place = path if path.startswith("/") else API + path
        return self.web.get(place, headers=self.admin if token is None else token, status=status)

    def post(
        self, path: str, value: object = None, status: int = 200, token: dict[str, str] | None = None
    ) -> TestResponse:
        """POST a JSON value, or nothing, to a path of the API."""
        headers = self.admin if token is None else token
        if value is None:
            return self.web.post(API + path, headers=headers, status=status)
        return self.web.post_json(API + path, value, headers=headers, status=status)

    def rows(self, path: str, token: dict[str, str] | None = None) -> list[Any]:
        """Return the rows of a list's first page."""
        found: list[Any] = self.get(path, token=token).json["results"]
        return found

    def ids(self, path: str) -> list[Any]:
        """Return the ids of a list's first page."""
        return [row["id"] for row in self.rows(path)]

    def system(self, name: str, **values: object) -> str:
        """Add a system."""
        self.web.post_json("/systems/", {"name": name, **values}, headers=self.admin, status=201)
        return name

    def job(self, *tasks: str, token: dict[str, str] | None = None, size: int = 1, **job: Any) -> Any:
        """Submit a job of one set with tasks of these names, each of its recipes for a new system; return it."""
        recipes = []
        for _ in range(size):
            system = self.system(f"machine-{next(self._numbers)}", type="board")
            recipes.append({"system": system, "tasks": [{"name": name} for name in tasks or ("t",)]})
        value = {"recipe_sets": [{"recipes": recipes}], **job}
        return self.web.post_json("/jobs/", value, headers=token or self.admin, status=201).json

    def recipe(self, *tasks: str, **job: Any) -> int:
        """Submit a job of one recipe and return the recipe's id."""
        number: int = self.job(*tasks, **job)["recipe_sets"][0]["recipes"][0]["id"]
        return number

    def system_of(self, recipe: int) -> str:
        """Return the system of a recipe."""
        accept = {**self.admin, "Accept": "application/json"}
        found: str = self.web.get(f"/recipes/{recipe}/", headers=accept).json["system"]
        return found

    def run(self, recipe: int, *results: tuple[str, str], end: str = "Completed", on: str = "", **form: str) -> None:
        """Run the first task of a recipe with these results and paths (`on` a system), and settle the recipe."""
        found = self.web.get(f"/recipes/{recipe}/", headers={**self.admin, "Accept": "application/json"}).json
        self.web.post(f"/systems/{on or found['system']}/claim", headers=self.admin, status=200)
        place = f"/recipes/{recipe}/tasks/{found['tasks'][0]['id']}/"
        self.web.post(place + "status", {"status": "Running"}, headers=self.admin, status=204)
        for result, path in results:
            self.web.post(place + "results/", {"result": result, "path": path, **form}, headers=self.admin, status=201)
        self.web.post(place + "status", {"status": end}, headers=self.admin, status=204)
        self.application.gateway.recipes.settle(recipe, late=False)

    def user(self, name: str, *scopes: str) -> dict[str, str]:
        """Make a token of a user and return its headers, as LAVA's clients send it."""
        secret = fresh_secret()
        database = Database(self.application.gateway.config.database)
        with database.write() as tx:
            access.insert_token(tx, user=name, name="test", digest=digest(secret), scopes=scopes, now=0.0, expires=None)
        database.close()
        return {"Authorization": f"Token {secret}"}
