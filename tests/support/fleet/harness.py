"""A harness that does to its controller what restraint does, and some of what others do; it keeps a ledger."""

import hashlib
import json
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from attrs import define, field
from fleet.content import content
from fleet.ledger import Ledger, Meeting, Reported, Run, WrittenLog
from fleet.line import Line, Reply, basic, bearer
from lab import Lab

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
#: seconds that a claim and a sync ask to be held
CLAIM_SECONDS = 5
SYNC_SECONDS = 20
#: what results say
VALUES = ("PASS", "PASS", "PASS", "SKIP", "WARN", "FAIL")
#: a job of this name is left by its harness, so that the watchdog ends it
ABANDONED = "abandoned"


class Refused(Exception):
    """A call that is right was answered 4xx."""


@define
class Harness:
    """Runs one recipe after the other on a system, until it is told to stop."""

    lab: Lab
    ledger: Ledger
    system: str
    #: the system's own key
    key: str
    seed: str
    _number: int = field(init=False, default=0)

    def run(self, stop: Callable[[], bool]) -> None:
        """Claim and run recipes; when it is told to stop, only after the one that it has. Raises what went wrong."""
        line = Line(self.lab, self.ledger.tally, bearer(self.key))
        try:
            while not stop():
                path = f"/systems/{self.system}/claim?wait={CLAIM_SECONDS}"
                reply = line.call("claim", "POST", path, wait=CLAIM_SECONDS)
                if reply.status == 200:
                    self._number += 1
                    Execution.begin(self, json.loads(reply.body), self._number).execute()
                elif reply.status != 204:
                    raise Refused(f"{path}: {reply}")
        finally:
            line.close()


@define
class Execution:
    """One recipe."""

    line: Line
    ledger: Ledger
    recipe: dict[str, Any]
    record: Run
    rng: random.Random

    @classmethod
    def begin(cls, harness: Harness, recipe: dict[str, Any], number: int) -> "Execution":
        """Take a claimed recipe; half of the harnesses are stock ones, whose key comes from their URL."""
        rng = random.Random(f"{harness.seed} {harness.system} {number}")  # noqa: S311 - no secret
        key, name = recipe["key"], recipe["id"]
        authorization = bearer(key) if rng.random() < 0.5 else basic(name, key)
        line = Line(harness.lab, harness.ledger.tally, authorization)
        # its submitter has named the task so
        record = Run(name, recipe["job"], harness.system, recipe["tasks"][0]["name"] == ABANDONED)
        harness.ledger.runs.append(record)
        return cls(line, harness.ledger, recipe, record, rng)

    def execute(self) -> None:
        """Run it to its end."""
        try:
            reply = self._expect(self.line.call("recipe", "GET", f"/recipes/{self.record.recipe}/"), 200)
            if reply.headers["Content-Type"] != "application/xml":
                raise Refused(f"the recipe is {reply.headers['Content-Type']}")
            tasks = self.recipe["tasks"]
            for number, task in enumerate(tasks):
                self._meet(f"before-{number}")
                self._status(task["id"], "Running")
                self._watchdog(3600)
                if self.record.abandoned:
                    self._abandon(task["id"])
                    return
                self._task(task["id"])
                self._status(task["id"], "Completed")
        finally:
            self.line.close()

    def _task(self, task: int) -> None:
        steps: list[Callable[[], None]] = [partial(self._watchdog, 1800)]
        for number in range(self.rng.randint(2, 5)):
            size = self.rng.choice((100, 4096, 30_000, 131_072))
            steps.append(partial(self._append, f"tasks/{task}/logs/taskout.log", size))
            steps.append(partial(self._result, task, number))
        steps += [
            partial(self._append, f"tasks/{task}/logs/harness.log", 2000),
            partial(self._whole, f"tasks/{task}/logs/own/report-{task}.txt"),
            partial(self._append, f"logs/recipe-{task}.log", 5000),
            partial(self._declared, f"tasks/{task}/logs/declared.bin"),
        ]
        self.rng.shuffle(steps)
        for step in steps:
            step()

    def _abandon(self, task: int) -> None:
        """Let the watchdog end it, and wait until it has: the system is free again."""
        self._append(f"tasks/{task}/logs/taskout.log", 3000)
        self._let_expire()
        end = time.monotonic() + 120
        while time.monotonic() < end:
            reply = self.line.call(
                "recipe", "GET", f"/recipes/{self.record.recipe}/", None, {"Accept": "application/json"}
            )
            if json.loads(self._expect(reply, 200).body)["status"] == "Aborted":
                self.record.statuses[task] = "Aborted"
                return
            time.sleep(0.2)
        raise Refused(f"the watchdog of recipe {self.record.recipe} does not expire")

    def _status(self, task: int, status: str) -> None:
        path = f"/recipes/{self.record.recipe}/tasks/{task}/status"
        reply = self.line.call("status", "POST", path, urlencode({"status": status}).encode(), FORM)
        # the one refusal that is right: the first answer was lost, and what it asked for is so already
        if not (status == "Completed" and reply.status == 409 and reply.attempts > 1):
            self._expect(reply, 204)
        self.record.statuses[task] = status

    def _watchdog(self, seconds: int) -> None:
        path = f"/recipes/{self.record.recipe}/watchdog"
        self._expect(self.line.call("watchdog", "POST", path, f"seconds={seconds}".encode(), FORM), 204)

    def _let_expire(self) -> None:
        """Leave the watchdog a second; it may have expired when an attempt that was not answered is sent again."""
        path = f"/recipes/{self.record.recipe}/watchdog"
        reply = self.line.call("watchdog", "POST", path, b"seconds=1", FORM)
        if not (reply.status == 409 and reply.attempts > 1):
            self._expect(reply, 204)

    def _result(self, task: int, number: int) -> None:
        value, once = self.rng.choice(VALUES), self.rng.random() < 0.5
        message = f"{self.record.recipe}-{task}-{number}"
        body = urlencode({"result": value, "path": f"/check/{number}", "score": number, "message": message})
        headers = {**FORM, "Idempotency-Key": message} if once else FORM
        path = f"/recipes/{self.record.recipe}/tasks/{task}/results/"
        reply = self._expect(self.line.call("result", "POST", path, body.encode(), headers), 201)
        made = int(reply.headers["Location"])
        self.record.results.append(Reported(task, message, value.capitalize(), made, once, reply.attempts))
        if self.rng.random() < 0.5:
            self._append(f"tasks/{task}/results/{made}/logs/resultoutputfile.log", 6000, total=True)

    def _append(self, path: str, size: int, *, total: bool = False) -> None:
        """Send the next range of a log."""
        log = self._log(path)
        end = log.size + size
        span = f"bytes {log.size}-{end - 1}/{end if total else '*'}"
        self._put(log, content(log.seed, log.size, end), {"Content-Range": span, "Content-Type": "text/plain"})
        log.size = end
        self.ledger.tally.wrote(size)

    def _whole(self, path: str) -> None:
        """Send a log whole, and perhaps another in its place."""
        log = self._log(path)
        for _ in range(self.rng.randint(1, 2)):
            size = self.rng.randint(1, 20_000)
            seed = f"{log.seed} again"
            self._put(log, content(seed, 0, size), {})
            log.seed, log.size = seed, size
            self.ledger.tally.wrote(size)

    def _declared(self, path: str) -> None:
        """Declare a log, and send it in two ranges; it may be sealed before the task ends."""
        if self.rng.random() < 0.7:
            return
        log, size = self._log(path), self.rng.randint(1000, 10_000)
        digest = hashlib.sha256(content(log.seed, 0, size)).hexdigest()
        body = json.dumps({"size": size, "sha256": digest}).encode()
        reply = self.line.call("declare", "POST", self._url(path), body, JSON)
        self._expect(reply, 200, 201)
        self._append(path, size // 2)
        self._append_last(path, size)

    def _append_last(self, path: str, size: int) -> None:
        """Send what is left of a declared log; it may be complete and sealed by an attempt that was not answered."""
        log = self._log(path)
        headers = {"Content-Range": f"bytes {log.size}-{size - 1}/{size}"}
        reply = self.line.call("put", "PUT", self._url(path), content(log.seed, log.size, size), headers)
        if not (reply.status == 409 and reply.attempts > 1):
            self._expect(reply, 201, 204)
        self.ledger.tally.wrote(size - log.size)
        log.size = size

    def _meet(self, state: str) -> None:
        """Say "I am there", and wait for the others of the set."""
        path = f"/recipes/{self.record.recipe}/sync/{state}"
        body = json.dumps({"from": self.record.recipe}).encode()
        self._expect(self.line.call("arrive", "PUT", path, body, JSON), 201, 204)
        arrived = time.monotonic()
        end = arrived + 120
        while time.monotonic() < end:
            reply = self.line.call("meet", "GET", f"{path}?timeout={SYNC_SECONDS}", wait=SYNC_SECONDS)
            if json.loads(self._expect(reply, 200).body)["reached"]:
                self.ledger.meetings.append(Meeting(self.record.job, state, arrived, time.monotonic()))
                return
        raise Refused(f"{path}: the others never came")

    def _put(self, log: WrittenLog, body: bytes, headers: dict[str, str]) -> None:
        self._expect(self.line.call("put", "PUT", self._url(log.path), body, headers), 201, 204)

    def _log(self, path: str) -> WrittenLog:
        name = f"{self.record.recipe}/{path}"
        return self.record.logs.setdefault(path, WrittenLog(self.record.recipe, path, name))

    def _url(self, path: str) -> str:
        return f"/recipes/{self.record.recipe}/{quote(path)}"

    def _expect(self, reply: Reply, *statuses: int) -> Reply:
        if reply.status not in statuses:
            raise Refused(f"recipe {self.record.recipe}: {reply}")
        return reply
