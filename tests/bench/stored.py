"""What a ConTest job costs with 10, 1,000 and 100,000 jobs stored.

The application in this process, without a server around it: each round makes a job, asks for it, lists what runs, lets
a harness work through it, and stops another; compared are the medians.
"""

import json
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from attrs import define, field
from growth import Growth
from scale import Scale
from sqlalchemy import insert
from webtest import TestApp

from wsgi_app.app import create_app
from wsgi_app.config import Config
from wsgi_app.store import ids, schema

STORED = (10, 1_000, 100_000)
ROUNDS = 25
#: 100,000 stored jobs may make a call so much dearer
BAR = 1.25
FORM = "application/x-www-form-urlencoded"


@define
class Stand:
    """An application over a database with so many settled jobs."""

    stored: int
    place: Path = field(factory=lambda: Path(tempfile.mkdtemp(prefix="tackroom-bench-")))
    took: dict[str, list[float]] = field(factory=lambda: defaultdict(list))
    app: Any = None
    web: Any = None
    headers: dict[str, str] = field(factory=dict)

    def open(self) -> None:
        """Make it."""
        config = Config(data=self.place / "data")
        self.app = create_app(config)
        self.app.gateway.access.issue_admin_token()
        self.headers = {"Authorization": f"Bearer {config.admin_token.read_text().strip()}"}
        self.web = TestApp(self.app, lint=False, extra_environ={"REMOTE_ADDR": "127.0.0.1"})
        self.web.post_json("/systems/", {"name": "T1"}, headers=self.headers)
        self.contest("start", jobDesc=json.dumps(descriptor()))
        self.work()
        self.fill()

    def fill(self) -> None:
        """Store copies of the job that has been run."""
        with self.app.gateway._ground.db.write() as tx:
            tables = (
                schema.jobs,
                schema.job_tags,
                schema.recipe_sets,
                schema.recipes,
                schema.tasks,
                schema.results,
                schema.campaigns,
                schema.campaign_runs,
                schema.campaign_attempts,
                schema.campaign_reports,
            )
            rows = {table: [dict(row._mapping) for row in tx.execute(table.select())] for table in tables}
            # numbers of one sequence, in any column that holds one
            numbers = sorted({row["id"] for table in tables for row in rows[table] if "id" in row})
            first = ids.take(tx, len(numbers) * self.stored)[0]
            copies: dict[Any, list[dict[str, Any]]] = defaultdict(list)
            for copy in range(self.stored):
                renamed = {number: first + copy * len(numbers) + place for place, number in enumerate(numbers)}
                for table in tables:
                    copies[table] += [renumbered(table, row, renamed) for row in rows[table]]
            for table in tables:
                tx.execute(insert(table), copies[table])

    def contest(self, verb: str, **fields: object) -> Any:
        """Make one call of the jobs protocol."""
        body = urlencode({"requestor": "admin", **fields})
        answer = json.loads(self.web.post(f"/contest/{verb}", body, headers=self.headers, content_type=FORM).body)
        assert answer["Error"] is None, answer
        return answer["Data"]

    def work(self) -> None:
        """Run what T1 is given, as its harness would."""
        recipe = self.web.post("/systems/T1/claim?wait=0", headers=self.headers).json
        key = {"Authorization": f"Bearer {recipe['key']}"}
        for task in recipe["tasks"]:
            base = f"/recipes/{recipe['id']}/tasks/{task['id']}"
            self.web.post(f"{base}/status", {"status": "Running"}, headers=key)
            self.web.post(f"{base}/results/", {"result": "Pass", "path": "exit_code"}, headers=key)
            self.web.post(f"{base}/status", {"status": "Completed"}, headers=key)
        # the indexer's part, with nothing to index
        self.app.gateway.recipes.settle(recipe["id"])

    def round(self) -> None:
        """Measure each call once."""
        text = json.dumps(descriptor())
        job = self.measure("start", lambda: self.contest("start", jobDesc=text))["JobID"]
        assert self.measure("list of what runs", lambda: self.contest("list", states="JobStateStarted"))["JobIDs"] == [
            job
        ]
        self.measure("list by a rare tag", lambda: self.contest("list", tags="rare"))
        self.measure("status while it runs", lambda: self.contest("status", jobID=job))
        self.measure("a harness's work", self.work)
        found = self.measure("status of what has ended", lambda: self.contest("status", jobID=job))
        assert found["Status"]["State"] == "JobStateCompleted", found
        other = self.measure("retry", lambda: self.contest("retry", jobID=job))["NewJobID"]
        self.measure("stop", lambda: self.contest("stop", jobID=other))
        self.app.gateway.campaigns.advance()

    def measure(self, what: str, call: Callable[[], Any]) -> Any:
        """Make a call, and note how long it took."""
        begun = time.perf_counter()
        found = call()
        self.took[what].append((time.perf_counter() - begun) * 1000)
        return found

    def close(self) -> None:
        """Take it away."""
        if self.app is not None:
            self.app.gateway.close()
        shutil.rmtree(self.place)


def descriptor() -> dict[str, Any]:
    """Return a job of one test with two steps on T1."""
    step = {"name": "cmd", "parameters": {"executable": ["true"]}}
    test = {
        "TargetManagerName": "TargetList",
        "TargetManagerAcquireParameters": {"Targets": [{"ID": "T1"}]},
        "TargetManagerReleaseParameters": {},
        "TestFetcherName": "literal",
        "TestFetcherFetchParameters": {"TestName": "t", "Steps": [{**step, "label": "a"}, {**step, "label": "b"}]},
    }
    reporter = {"Name": "TargetSuccess", "Parameters": {"SuccessExpression": "=100%"}}
    return {
        "JobName": "bench",
        "Version": "1.0",
        "Runs": 1,
        "Tags": ["bench"],
        "TestDescriptors": [test],
        "Reporting": {"RunReporters": [reporter]},
    }


def renumbered(table: Any, row: dict[str, Any], renamed: dict[int, int]) -> dict[str, Any]:
    """Return a copy of a row with other numbers."""
    named = {"id", "job", "recipe_set", "recipe", "task"} - ({"task"} if table.name == "campaigns" else set())
    return {column: renamed.get(value, value) if column in named else value for column, value in row.items()}


def measure(scale: Scale) -> Iterator[Growth]:
    """Measure round by round, side by side: what disturbs the machine disturbs all of them."""
    sizes = scale.of(STORED, (10, 100))
    stands = [Stand(number) for number in sizes]
    try:
        for stand in stands:
            stand.open()
        for _ in range(scale.of(ROUNDS, 3)):
            for stand in stands:
                stand.round()
    finally:
        for stand in stands:
            stand.close()
    for what in stands[0].took:
        medians = tuple(statistics.median(stand.took[what]) for stand in stands)
        yield Growth(f"ConTest: {what}", "ms", sizes, medians, BAR, sized="jobs stored")
