"""Live results from outside: a real Tackroom with httpd, a LAVA job, a system that writes its console bit by bit."""

import csv
import os
import re
import signal
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from attrs import define, field
from lab import Lab, running_lab
from waiting import until

JOB = """
job_name: live
visibility: public
device: {system}
timeouts: {{job: {{minutes: 10}}, action: {{minutes: 5}}, connection: {{minutes: 2}}}}
actions:
- test:
    definitions:
    - from: inline
      name: smoke
      path: inline/smoke.yaml
      repository:
        metadata: {{name: smoke, format: Lava-Test Test Definition 1.0}}
        run: {{steps: ["true"]}}
"""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BEGIN = b"<LAVA_SIGNAL_STARTRUN 0_smoke 1>\n"


def case(name: object, result: str = "pass") -> bytes:
    """Return the signal of a test case as a line."""
    return f"<LAVA_SIGNAL_TESTCASE TEST_CASE_ID={name} RESULT={result}>\n".encode()


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A Tackroom whose logs go through httpd."""
    with running_lab("apache") as made:
        yield made


@define
class System:
    """A system that runs a live task, and puts its console into the log."""

    lab: Lab
    name: str
    recipe: Any = field(init=False)
    written: int = 0

    def __attrs_post_init__(self) -> None:
        """Have a job, take its recipe, and start its task."""
        self.lab.post("/systems/", {"name": self.name})
        job = JOB.format(system=self.name).encode()
        answer = self.lab.call("POST", "/jobs/", job, {"Content-Type": "application/yaml"})
        assert answer.status == 201, answer
        self.recipe = self.lab.claim(self.name)
        self.tell("Running")

    @property
    def task(self) -> str:
        """The task's URL."""
        return f"/recipes/{self.recipe['id']}/tasks/{self.recipe['tasks'][0]['id']}"

    def tell(self, status: str) -> None:
        """Tell how the task is."""
        answer = self.lab.call("POST", f"{self.task}/status", f"status={status}".encode(), FORM, self.recipe["key"])
        assert answer.status == 204, answer

    def write(self, content: bytes) -> None:
        """Put more into the console's log."""
        span = {"Content-Range": f"bytes {self.written}-{self.written + len(content) - 1}/*"}
        self.put(content, span)
        self.written += len(content)

    def put(self, content: bytes, headers: dict[str, str]) -> None:
        """Put a range of the console's log, or all of it."""
        answer = self.lab.call("PUT", f"{self.task}/logs/taskout.log", content, headers, self.recipe["key"])
        assert answer.status in (201, 204), answer

    def results(self) -> list[dict[str, Any]]:
        """Return what logs told."""
        found: list[dict[str, Any]] = self.lab.call(
            "GET", f"/recipes/{self.recipe['id']}/results?source=log&limit=1000"
        ).json["results"]
        return found

    def has(self, *names: object) -> list[dict[str, Any]]:
        """Return its results once they are those of these cases, in this order."""
        paths = [f"/0_smoke/{name}" for name in names]

        def these() -> list[dict[str, Any]]:
            found = self.results()
            return found if [one["path"] for one in found] == paths else []

        return until(these, f"results of {names}")

    def told(self) -> list[int]:
        """Return the ids of its results of which there were events, in their order."""
        ids: list[int] = []
        page = self.lab.call("GET", "/events?topic=result&limit=1000&after=0").json["events"]
        ids += [event["data"]["id"] for event in page if event["data"]["recipe"] == self.recipe["id"]]
        return ids

    def end(self) -> dict[str, Any]:
        """End the task and return the settled job."""
        self.tell("Completed")
        found: dict[str, Any] = self.lab.settled(self.recipe["job"])
        return found


def kill(lab: Lab, meanwhile: Callable[[], None]) -> None:
    """Kill the indexer, do something, and wait for its successor."""
    (pid,) = until(lambda: lab.pids("wsgi_app.cli indexer"), "the indexer")
    os.kill(pid, signal.SIGKILL)
    meanwhile()
    until(lambda: (pids := lab.pids("wsgi_app.cli indexer")) and pids != [pid], "its successor")


def test_results_are_there_while_the_job_runs(lab: Lab) -> None:
    """Each result is listed within a moment, with one event; at the end of the job nothing about them changes."""
    system = System(lab, "slow")
    system.write(BEGIN)
    for number in range(5):
        system.write(b"noise\n" + case(number)[:20])
        system.write(case(number)[20:])
        system.has(*range(number + 1))
    job = lab.call("GET", f"/jobs/{system.recipe['job']}").json
    assert (job["status"], job["result"]) == ("Running", "Pass")
    before = system.results()
    assert [one["line"] for one in before] == [3, 5, 7, 9, 11]
    system.write(b"<LAVA_SIGNAL_ENDRUN 0_smoke 1>\n")
    assert system.end()["verdict"] == "pass"
    assert system.results() == before
    assert system.told() == [one["id"] for one in before]


def test_what_was_measured_is_told(lab: Lab) -> None:
    """A measurement is a number with units in JSON, CSV and the table; what is no number is the message."""
    system = System(lab, "measured")
    system.write(BEGIN + case("boot", "pass MEASUREMENT=12.750 UNITS=s") + case("odd", "pass MEASUREMENT=fast"))
    boot, odd = system.has("boot", "odd")
    assert (boot["measurement"], boot["units"], boot["message"]) == (12.75, "s", None)
    assert (odd["measurement"], odd["units"], odd["message"]) == (None, None, "fast")
    job = str(system.recipe["job"])
    table = lab.command("results", job, "--all", check=False).stdout
    assert re.search(r"^ *TASK +RESULT +PATH +MEASURED +MESSAGE +WHERE$", table, re.MULTILINE)
    assert re.search(r" Pass +/0_smoke/boot +12\.75 s +", table)
    rows = [*csv.DictReader(lab.command("results", job, "--format", "csv", check=False).stdout.splitlines())]
    assert [(row["measurement"], row["units"]) for row in rows] == [("12.75", "s"), ("", "")]
    system.end()


def test_kill_9_in_the_middle_doubles_and_loses_nothing(lab: Lab) -> None:
    """The indexer dies again and again while signals come: each result is there once, with the id that it had."""
    system = System(lab, "killed")
    system.write(BEGIN + case(0))
    first = system.has(0)
    for number in range(1, 3):
        kill(lab, partial(system.write, case(number)))
        system.has(*range(number + 1))
    system.write(b"<LAVA_SIGNAL_ENDRUN 0_smoke 1>\n")
    kill(lab, partial(system.tell, "Completed"))
    lab.settled(system.recipe["job"])
    found = system.has(*range(3))
    assert found[:1] == first
    assert system.told() == [one["id"] for one in found]


def test_a_replaced_log_starts_over(lab: Lab) -> None:
    """A PUT of the whole log replaces what was found; what it tells again keeps its row."""
    system = System(lab, "replaced")
    system.write(BEGIN + case("a") + case("b", "fail"))
    first, _ = system.has("a", "b")
    system.put(BEGIN + case("a"), {})
    assert system.has("a") == [first]
    system.put(BEGIN + case("a") + case("c") + b"<LAVA_SIGNAL_ENDRUN 0_smoke 1>\n", {})
    both = system.has("a", "c")
    assert system.end()["verdict"] == "pass"
    assert system.results() == both
