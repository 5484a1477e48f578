"""A client of the XML-RPC endpoint of an application in this process, and the harnesses of its systems."""

import base64
import xmlrpc.client
from typing import Any

from attrs import field, frozen
from webtest import TestApp, TestResponse

from wsgi_app.app import Application


@frozen
class LavaRPC:
    """Calls as user admin, unless another user is named; None is nobody in particular."""

    web: TestApp
    application: Application
    #: users and their tokens
    tokens: dict[str | None, str]
    #: keys of recipes, by their ids
    keys: dict[int, str] = field(factory=dict)

    def headers(self, user: str | None = "admin") -> dict[str, str]:
        """Return a user's credentials as clients of LAVA send them."""
        if user is None:
            return {}
        return {"Authorization": "Basic " + base64.b64encode(f"{user}:{self.tokens[user]}".encode()).decode()}

    def post(self, body: bytes, headers: dict[str, str] | None = None, url: str = "/RPC2") -> TestResponse:
        """POST something that may be a call."""
        sent = self.headers() if headers is None else headers
        return self.web.post(url, body, headers={"Content-Type": "text/xml", **sent}, status="*")

    def call(self, name: str, *params: Any, user: str | None = "admin") -> Any:
        """Make a call and return its answer. Raises `xmlrpc.client.Fault`."""
        body = xmlrpc.client.dumps(params, name, allow_none=True).encode()
        answer = self.post(body, self.headers(user))
        assert answer.status_int == 200, answer
        assert answer.headers["Content-Type"] == "application/xml; charset=utf-8"
        return xmlrpc.client.loads(answer.body, use_builtin_types=True)[0][0]

    def refused(self, name: str, *params: Any, user: str | None = "admin") -> tuple[int, str]:
        """Make a call that is refused, and return the fault's number and words."""
        try:
            answer = self.call(name, *params, user=user)
        except xmlrpc.client.Fault as fault:
            return fault.faultCode, fault.faultString
        raise AssertionError(answer)

    def user(self, name: str, *scopes: str) -> str:
        """Make a user, and return its name."""
        wanted = {"name": "t", "user": name, "scopes": list(scopes or ("read", "submit"))}
        self.tokens[name] = self.web.post_json("/tokens/", wanted, headers=self.headers(), status=201).json["token"]
        return name

    def add(self, name: str, kind: str | None = "bench", *tags: str) -> None:
        """Add a system."""
        value = {"name": name, "type": kind, "tags": list(tags)}
        self.web.post_json("/systems/", value, headers=self.headers(), status=201)

    def claim(self, system: str) -> Any:
        """Let a system's harness ask for work; return the recipe, None while others of its set have not asked."""
        answer = self.web.post(f"/systems/{system}/claim", headers=self.headers(), status="*")
        if answer.status_int == 204:
            return None
        self.keys[answer.json["id"]] = answer.json["key"]
        return answer.json

    def say(self, recipe: Any, place: int, status: str) -> None:
        """Say how far a task is."""
        headers = self._key(recipe) | {"Content-Type": "application/x-www-form-urlencoded"}
        url = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][place]['id']}/status"
        self.web.post(url, f"status={status}", headers=headers, status=204)

    def upload(self, recipe: Any, place: int, content: bytes) -> None:
        """Upload a task's console log."""
        url = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][place]['id']}/logs/taskout.log"
        self.web.put(url, content, headers=self._key(recipe), status="*")

    def settle(self) -> None:
        """Do what timer and indexer do; logs are read by nobody."""
        gateway = self.application.gateway
        gateway.watchdogs.expire()
        for recipe in self.keys:
            gateway.recipes.settle(recipe, late=True)

    def run(self, system: str, status: str = "Completed") -> Any:
        """Let a system's harness run a recipe, and return that."""
        recipe = self.claim(system)
        for place, _ in enumerate(recipe["tasks"]):
            self.say(recipe, place, "Running")
            self.say(recipe, place, status)
            if status != "Completed":
                break
        self.settle()
        return recipe

    def _key(self, recipe: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[recipe['id']]}"}
