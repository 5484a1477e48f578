"""The API of ConTest over an application in this process, and the harnesses of its systems."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from attrs import field, frozen
from webtest import TestApp, TestResponse

from wsgi_app.app import Application, create_app
from wsgi_app.config import Config


@frozen
class Contest:
    """A client of the API, with a user's credentials unless a call says otherwise."""

    web: TestApp
    admin: dict[str, str]
    application: Application
    #: keys of recipes, by their ids
    keys: dict[int, str] = field(factory=dict)

    def post(self, verb: str, headers: dict[str, str] | None = None, /, **fields: str) -> TestResponse:
        """Make a call as bytes go."""
        return self.web.post(f"/contest/{verb}", fields, headers=headers or self.admin, status="*")

    def call(self, verb: str, **fields: str) -> Any:
        """Make a call as admin that is taken, and return the envelope."""
        answer = self.post(verb, requestor="admin", **fields)
        assert answer.status_int == 200, answer.body
        return json.loads(answer.body)

    def start(self, descriptor: object) -> int:
        """Start a job and return its number."""
        answer = self.call("start", jobDesc=json.dumps(descriptor))
        assert answer["Error"] is None, answer
        return int(answer["Data"]["JobID"])

    def status(self, job: int) -> Any:
        """Return a job's status."""
        answer = self.call("status", jobID=str(job))
        assert answer["Error"] is None, answer
        return answer["Data"]["Status"]

    def list(self, **fields: str) -> list[int]:
        """Return the numbers of jobs."""
        numbers: list[int] = self.call("list", **fields)["Data"]["JobIDs"]
        return numbers

    def add(self, *systems: str) -> None:
        """Add systems."""
        for name in systems:
            self.web.post_json("/systems/", {"name": name}, headers=self.admin, status=201)

    def claim(self, system: str) -> Any:
        """Let a system's harness ask for work, and return the recipe; None while others of its set have not asked."""
        answer = self.web.post(f"/systems/{system}/claim", headers=self.admin, status="*")
        if answer.status_int == 204:
            return None
        self.keys[answer.json["id"]] = answer.json["key"]
        return answer.json

    def pass_time(self) -> None:
        """Do what timer and indexer do; logs are read by nobody."""
        gateway = self.application.gateway
        gateway.watchdogs.expire()
        for recipe in self.keys:
            gateway.recipes.settle(recipe, late=True)
        gateway.campaigns.advance()

    def say(self, recipe: Any, place: int, status: str) -> None:
        """Say how far a task is."""
        self._post(recipe, f"tasks/{recipe['tasks'][place]['id']}/status", f"status={status}", 204)

    def report(self, recipe: Any, place: int, result: str, message: str = "", path: str = "x") -> None:
        """Report a result of a task."""
        form = f"result={result}&path={path}&message={message}"
        self._post(recipe, f"tasks/{recipe['tasks'][place]['id']}/results/", form, 201)

    def upload(self, recipe: Any, place: int, name: str, content: bytes) -> None:
        """Upload a log of a task."""
        url = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][place]['id']}/logs/{name}"
        self.web.put(url, content, headers=self._key(recipe), status=201)

    def run(self, system: str, *messages: str | None) -> None:
        """Let a system's harness run a recipe: each task fails with its message, or passes where that is None."""
        recipe = self.claim(system)
        for place, message in enumerate(messages):
            self.say(recipe, place, "Running")
            if message is not None:
                self.report(recipe, place, "Fail", message)
            self.say(recipe, place, "Completed")
        self.pass_time()

    def _post(self, recipe: Any, path: str, form: str, status: int) -> None:
        headers = {**self._key(recipe), "Content-Type": "application/x-www-form-urlencoded"}
        self.web.post(f"/recipes/{recipe['id']}/{path}", form, headers=headers, status=status)

    def _key(self, recipe: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[recipe['id']]}"}


@pytest.fixture
def config(config: Config) -> Config:
    """A server with a name."""
    return Config(data=config.data, server_id="lab1")


@pytest.fixture
def contest(web: TestApp, admin: dict[str, str], application: Application) -> Contest:
    """The API as an admin calls it."""
    return Contest(web, admin, application)


@contextmanager
def served(config: Config) -> Iterator[Contest]:
    """An application with these settings, with its admin."""
    application = create_app(config)
    application.gateway.access.issue_admin_token()
    web = TestApp(application, extra_environ={"REMOTE_ADDR": "127.0.0.1"})
    yield Contest(web, {"Authorization": "Bearer " + config.admin_token.read_text().strip()}, application)
    application.gateway.close()


@pytest.fixture
def make_contest() -> Iterator[Callable[[Config], Contest]]:
    """Make applications with other settings."""
    with ExitStack() as stack:
        yield lambda config: stack.enter_context(served(config))


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contest]:
    """An application that a module shares, in which nothing is ever stored."""
    with served(Config(data=tmp_path_factory.mktemp("empty") / "data", server_id="lab1")) as contest:
        yield contest
        assert contest.list() == []


@pytest.fixture
def user(contest: Contest) -> Callable[[str], dict[str, str]]:
    """Make users; each comes with the headers of a token."""

    def make(name: str, *scopes: str) -> dict[str, str]:
        wanted = {"name": "t", "user": name, "scopes": list(scopes or ("read", "submit"))}
        made = contest.web.post_json("/tokens/", wanted, headers=contest.admin, status=201).json
        return {"Authorization": f"Bearer {made['token']}"}

    return make
