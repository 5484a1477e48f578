"""Recipes for restraint, on a real Tackroom, and what became of them."""

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from lab import Answer, Lab
from waiting import until

_NUMBERS = itertools.count(1)
JSON = "application/json"


@frozen
class Site:
    """A Tackroom below its prefix, which ends with a slash."""

    lab: Lab
    prefix: str = "/"

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, key: str = ""
    ) -> Answer:
        """Make one call below the prefix, as admin unless there is a key."""
        return self.lab.call(method, self.prefix + path.removeprefix("/"), body, headers, key)

    def post(self, path: str, value: object) -> Any:
        """POST a JSON value as admin and return the answer's."""
        answer = self.call("POST", path, json.dumps(value).encode(), {"Content-Type": JSON})
        assert answer.status in (200, 201), answer
        return answer.json

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            return self.call("GET", "/readyz").status == 200
        except OSError:
            return False

    def submit(
        self, tasks: int | Sequence[Mapping[str, object]] = 2, *, address: str | None = None, **fields: object
    ) -> "Given":
        """Submit a job of one recipe for a system of its own (so many tasks, or these), and have it assigned.

        More fields are the recipe's, but for `visibility`.
        """
        system = f"host{next(_NUMBERS)}.example"
        self.post("/systems/", {"name": system, **({} if address is None else {"address": address})})
        visibility = fields.pop("visibility", "public")
        work = [{"name": f"/local/t{number + 1}"} for number in range(tasks)] if isinstance(tasks, int) else tasks
        recipe = {"system": system, "tasks": work, **fields}
        job = self.post("/jobs/", {"visibility": visibility, "recipe_sets": [{"recipes": [recipe]}]})
        made = job["recipe_sets"][0]["recipes"][0]
        key = self.post(f"/recipes/{made['id']}/key", {})["key"]
        return Given(self, job["id"], made["id"], tuple(task["id"] for task in made["tasks"]), key)

    def submit_descriptor(self, steps: Sequence[Mapping[str, object]]) -> "Given":
        """Submit a ConTest job of one test with these steps, on a system of its own, and take its recipe."""
        system = f"host{next(_NUMBERS)}.example"
        self.post("/systems/", {"name": system})
        test = {
            "TargetManagerName": "TargetList",
            "TargetManagerAcquireParameters": {"Targets": [{"ID": system, "FQDN": system}]},
            "TargetManagerReleaseParameters": {},
            "TestFetcherName": "literal",
            "TestFetcherFetchParameters": {"TestName": "test", "Steps": steps},
        }
        value = {
            "JobName": "job",
            "Version": "1.0",
            "Runs": 1,
            "RunInterval": "0s",
            "Tags": [],
            "TestDescriptors": [test],
            "Reporting": {"RunReporters": [{"Name": "noop"}]},
        }
        headers = {"Content-Type": "application/vnd.contest.job+json"}
        answer = self.call("POST", "/jobs/", json.dumps(value).encode(), headers)
        assert answer.status == 201, answer
        job = self.call("GET", f"/jobs/{answer.json['id']}").json
        made = job["recipe_sets"][0]["recipes"][0]
        key = self.post(f"/recipes/{made['id']}/key", {})["key"]
        return Given(self, job["id"], made["id"], tuple(task["id"] for task in made["tasks"]), key)


@frozen
class Given:
    """A recipe that restraint is to run."""

    site: Site
    job: int
    id: int
    tasks: tuple[int, ...]
    key: str

    def base(self, *, slash: bool = True, key: bool = True) -> str:
        """The controller's URL as restraint is told it: with the key as userinfo, and Beaker's slash at the end."""
        userinfo = f"{self.id}:{self.key}@" if key else ""
        return f"http://{userinfo}127.0.0.1:{self.site.lab.port}{self.site.prefix.rstrip('/')}{'/' if slash else ''}"

    def call(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Any:
        """Make one call below /recipes/R/ as admin."""
        return self.site.call(method, f"/recipes/{self.id}/{path}", body, headers)

    def read(self) -> Any:
        """The recipe as JSON."""
        return self.call("GET", "", headers={"Accept": JSON}).json

    def statuses(self) -> list[str]:
        """The statuses of its tasks."""
        return [task["status"] for task in self.read()["tasks"]]

    def results(self) -> list[Any]:
        """What was reported, in order."""
        return list(self.call("GET", "results").json["results"])

    def abort(self) -> None:
        """Abort the recipe from outside."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert self.call("POST", "status", b"status=Aborted&message=enough", form).status == 204

    def settled(self) -> Any:
        """Return the job once it is settled."""

        def ask() -> Any:
            job = self.site.call("GET", f"/jobs/{self.job}").json
            return job if job["settled"] else None

        return until(ask, "the job", 30)

    def logs(self) -> dict[str, Any]:
        """What is known of each log, by its path."""
        return {log["path"]: log for log in self.call("GET", "log-index").json["logs"]}

    def on_disk(self, path: str) -> Path:
        """Where a path below /recipes/R/ lies."""
        return self.site.lab.data / "logs" / "recipes" / str(self.id) / path

    def require_log(self, path: str, content: bytes) -> None:
        """Fail unless a settled log has this content, on disk, over HTTP, and by its digest."""
        assert self.on_disk(path).read_bytes() == content
        assert self.call("GET", path.replace(" ", "%20")).body == content
        log = self.logs()[path]
        assert (log["state"], log["size"]) == ("finished", len(content))
        assert log["sha256"] == hashlib.sha256(content).hexdigest()


def words(size: int, name: str) -> bytes:
    """Return so many bytes of lines that say nothing to any parser."""
    line = f"{name}: nothing to see here\n".encode()
    return (line * (size // len(line) + 1))[:size]
