"""Who plays in the tests of security: users with tokens, recipes with keys, systems with keys, and strangers."""

import base64
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import define, field, frozen
from lab import Answer, Lab

JSON = {"Content-Type": "application/json"}


@frozen
class Running:
    """A recipe that its harness runs: one task, which has a result and a log."""

    job: int
    recipe: int
    task: int
    result: int
    system: str
    key: str

    @property
    def url(self) -> str:
        """Its URL, with a slash at the end."""
        return f"/recipes/{self.recipe}/"

    @property
    def bearer(self) -> dict[str, str]:
        """What its harness sends."""
        return {"Authorization": f"Bearer {self.key}"}

    @property
    def basic(self) -> dict[str, str]:
        """What a stock restraint sends."""
        return {"Authorization": basic(str(self.recipe), self.key)}


@define
class Cast:
    """Makes them in one lab; names are its own, so that tests do not meet."""

    lab: Lab
    _count: int = field(default=0)

    def name(self, what: str) -> str:
        """Return a fresh name."""
        self._count += 1
        return f"{what}-{self._count}-{time.monotonic_ns() % 1_000_000}"

    def token(self, user: str, *scopes: str, seconds: float | None = None) -> dict[str, str]:
        """Return the header of a fresh token; `seconds`: how long it is valid."""
        value: dict[str, Any] = {"name": "test", "user": user, "scopes": list(scopes)}
        if seconds is not None:
            value["expires"] = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
        return {"Authorization": "Bearer " + self.lab.post("/tokens/", value)["token"]}

    def system(self, address: str | None = None) -> str:
        """Add a system and return its name."""
        name = self.name("system")
        self.lab.post("/systems/", {"name": name, "address": address})
        return name

    def system_key(self, name: str) -> dict[str, str]:
        """Return the header of a fresh key of a system."""
        return {"Authorization": "Bearer " + self.lab.post(f"/systems/{name}/key", {})["key"]}

    def running(
        self, owner: Mapping[str, str] | None = None, *, visibility: str = "public", address: str | None = None
    ) -> Running:
        """Submit a job of the owner (default: the admin), claim it, start its task, report a result and a log."""
        system = self.system(address)
        job = self.ask("POST", "/jobs/", job_of(system, visibility), {**JSON, **(owner or self.admin)}).json["id"]
        recipe = self.lab.claim(system)
        task = recipe["tasks"][0]["id"]
        key = {"Authorization": f"Bearer {recipe['key']}"}
        base = f"/recipes/{recipe['id']}"
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        self.ask("POST", f"{base}/tasks/{task}/status", b"status=Running", {**form, **key})
        made = self.ask("POST", f"{base}/tasks/{task}/results/", b"result=Pass&path=/secret-path", {**form, **key})
        self.ask("PUT", f"{base}/logs/private.log", b"secret words\n", key)
        return Running(job, recipe["id"], task, int(made.headers["Location"]), system, recipe["key"])

    @property
    def admin(self) -> dict[str, str]:
        """What the admin sends."""
        return {"Authorization": f"Bearer {self.lab.token}"}

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Make a call that must succeed, with exactly these credentials."""
        answer = self.lab.call(method, path, body, {"Authorization": "", **(headers or {})})
        assert 200 <= answer.status < 300, (method, path, answer)
        return answer


def job_of(system: str, visibility: str = "public") -> bytes:
    """Return a job of one recipe with one task."""
    recipe = {"system": system, "tasks": [{"name": "one", "command": ["true"]}]}
    return json.dumps(
        {"name": "secret-name", "visibility": visibility, "recipe_sets": [{"recipes": [recipe]}]}
    ).encode()


def basic(user: str, secret: str) -> str:
    """Return an Authorization value."""
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()
