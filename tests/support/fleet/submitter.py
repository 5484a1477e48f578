"""Somebody who submits one job after the other and waits for each to be settled."""

import json
import random
import time
from collections.abc import Callable
from typing import Any

from attrs import define, field
from fleet.harness import ABANDONED, Refused
from fleet.ledger import Ledger, Submitted
from fleet.line import Line, bearer
from lab import Lab

#: seconds that waiting for a job asks to be held
WAIT_SECONDS = 15
#: seconds after which a job that is not settled is a failure
LONGEST_JOB = 240.0


@define
class Submitter:
    """Keeps one job going."""

    lab: Lab
    ledger: Ledger
    token: str
    name: str
    seed: str
    #: of the systems that may run them
    tag: str
    _number: int = field(init=False, default=0)

    def run(self, stop: Callable[[], bool]) -> None:
        """Submit and wait, until it is told to stop; then only wait for the job that is under way."""
        line = Line(self.lab, self.ledger.tally, bearer(self.token))
        try:
            while not stop():
                self._number += 1
                self._one(line, f"{self.name}-{self._number}")
        finally:
            line.close()

    def _one(self, line: Line, name: str) -> None:
        body = json.dumps(job(random.Random(f"{self.seed} {name}"), name, self.tag)).encode()  # noqa: S311 - no secret
        headers = {"Content-Type": "application/json", "Idempotency-Key": name}
        begun = time.monotonic()
        reply = line.call("submit", "POST", "/jobs/", body, headers)
        if reply.status != 201:
            raise Refused(f"job {name}: {reply}")
        submitted = Submitted(json.loads(reply.body)["id"], name)
        self.ledger.jobs.append(submitted)
        while not submitted.settled:
            path = f"/jobs/{submitted.id}/wait?timeout={WAIT_SECONDS}"
            reply = line.call("wait", "GET", path, wait=WAIT_SECONDS)
            if reply.status != 200:
                raise Refused(f"{path}: {reply}")
            submitted.seconds = time.monotonic() - begun
            submitted.settled = json.loads(reply.body)["settled"]
            if submitted.seconds > LONGEST_JOB:
                raise Refused(f"job {submitted.id} is not settled after {LONGEST_JOB} s: {reply.body!r}")


def job(rng: random.Random, name: str, tag: str) -> dict[str, Any]:
    """Return a job of one set: one, two or four recipes that meet before each task; some are left alone."""
    size = rng.choice((1, 1, 2, 4))
    abandoned = size == 1 and rng.random() < 0.2
    tasks = [{"name": ABANDONED if abandoned else f"task-{n}", "command": ["true"]} for n in range(rng.randint(1, 2))]
    visibility = rng.choice(("public", "private"))
    recipe = {"requires": {"tags": [tag]}, "tasks": tasks}
    return {"name": name, "visibility": visibility, "recipe_sets": [{"recipes": [recipe] * size}]}
