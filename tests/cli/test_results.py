"""`tackroom results`: the table and what machines read."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from acting import Acting
from attrs import frozen
from junitparser import Error, Failure, JUnitXml, Skipped
from lab import Lab, running_lab

from wsgi_app.indexer.formats.tap import FORMAT as TAP
from wsgi_app.model import ParsedResult

NASTY = '=1+1 "quoted", <b>&amp; \x1b[31m # \\ ünï\n second'


@frozen
class Ran:
    """A lab, and a job that has run in it."""

    lab: Lab
    job: int
    recipe: int
    tasks: list[int]

    def print(self, *words: str) -> str:
        """Return what `tackroom results` prints of the job."""
        return self.lab.command("results", str(self.job), *words).stdout


@pytest.fixture(scope="module")
def ran() -> Iterator[Ran]:
    """A job with every result, said by harness and log, and a task of which nobody said anything."""
    with running_lab("none") as lab:
        acting = Acting(lab, "disk", "net # 1", "silent", system="bench", name="every\x1b result").claim()
        acting.log(0, "taskout.log", b"TAP version 13\n1..3\nok 1 - read\nnot ok 2 - write\nok 3 - trim # SKIP old\n")
        acting.status(0, "Running")
        for value in ("Pass", "None", "Skip", "Warn", "Fail"):
            acting.result(0, value, f"/said/{value}", score="-7", message="=cmd()")
        acting.status(0, "Completed")
        acting.log(1, "console.log", b"[    1.000000] up\n[    2.000000] Kernel panic - not syncing: oops\n")
        acting.status(1, "Running")
        acting.result(1, "Fail", "/@at # it", message=NASTY)
        acting.status(1, "Completed")
        acting.run(2)
        lab.settled(acting.job)
        yield Ran(lab, acting.job, acting.recipe, acting.tasks)


@pytest.fixture(scope="module")
def results(ran: Ran) -> list[dict[str, object]]:
    """All results, as the API has them."""
    found: list[dict[str, object]] = ran.lab.call("GET", f"/jobs/{ran.job}/results?limit=1000").json["results"]
    assert len(found) == 10
    return found


def test_table(ran: Ran) -> None:
    """Both sides task by task, what is not Pass, the verdict with its reason."""
    lines = ran.print().splitlines()
    assert lines[0] == f"Recipe {ran.recipe} on bench: Completed, result Panic"
    assert lines[1].split() == ["TASK", "NAME", "STATUS", "RESULT", "HARNESS", "LOGS"]
    assert "1 Pass 1 Warn 1 Fail 1 Skip 1 None" in lines[3]
    assert lines[3].endswith("1 Pass 1 Fail 1 Skip")
    head = next(place for place, line in enumerate(lines) if "WHERE" in line)
    rows = lines[head + 2 : lines.index("2 Pass: --all shows them, too")]
    assert [row.split()[1] for row in rows] == ["None", "Skip", "Warn", "Fail", "Fail", "Skip", "Fail", "Panic"]
    assert rows[4].endswith(f"recipes/{ran.recipe}/tasks/{ran.tasks[0]}/logs/taskout.log:4")
    assert "\\x1b[31m" in rows[6]
    assert lines[-1].startswith("Verdict: fail: Panic in task")
    assert "every\\x1b result" in ran.lab.command("job", "show", str(ran.job)).stdout
    everything = ran.print("--all")
    assert "/said/Pass" in everything
    assert "--all" not in everything


def test_filters(ran: Ran) -> None:
    """By recipe, value and source; a recipe of another job is named."""
    fails = json.loads(ran.print("--format", "json", "--result", "Fail", "--result", "Panic", "--source", "harness"))
    assert [result["path"] for result in fails] == ["/said/Fail", "/@at # it"]
    assert json.loads(ran.print("--format", "json", "--recipe", str(ran.recipe), "--source", "log"))
    assert "/trim" in ran.print("--result", "Skip") and "/write" not in ran.print("--result", "Skip")
    done = ran.lab.command("results", str(ran.job), "--recipe", "999", check=False)
    assert (done.returncode, done.stderr) == (1, f"tackroom: job {ran.job} has no recipe 999 (it has {ran.recipe})\n")
    assert ran.lab.command("results", str(ran.job), "--all", "--format", "csv", check=False).returncode == 2


def test_json(ran: Ran, results: list[dict[str, object]]) -> None:
    """An array of all that the API knows; an empty one is an array, too. No character of it steers a terminal."""
    printed = ran.print("--format", "json")
    assert json.loads(printed) == results
    assert ran.print("--json") == printed
    assert all(char.isprintable() or char == "\n" for char in printed)
    assert ran.print("--format", "json", "--result", "New") == "[]\n"


def test_csv(ran: Ran, results: list[dict[str, object]]) -> None:
    """RFC 4180: a header, CRLF, quotes; what a spreadsheet would calculate is text."""
    done = ran.lab.call("GET", f"/jobs/{ran.job}")
    assert done.status == 200
    printed = ran.print("--format", "csv")
    # the command's output was read as text, in which CRLF is a line end
    rows = list(csv.DictReader(io.StringIO(printed)))
    assert list(rows[0]) == [
        "id",
        "recipe",
        "task",
        "path",
        "result",
        "score",
        "message",
        "source",
        "log",
        "line",
        "time",
        "measurement",
        "units",
    ]
    assert [int(row["id"]) for row in rows] == [result["id"] for result in results]
    assert {row["message"] for row in rows if row["path"].startswith("/said")} == {"'=cmd()"}
    # a number is no formula
    assert {row["score"] for row in rows if row["path"].startswith("/said")} == {"-7"}
    (nasty,) = (row for row in rows if row["path"] == "/@at # it")
    assert nasty["message"].startswith('\'=1+1 "quoted", <b>')
    assert "\x1b" not in printed


def test_junit(ran: Ran, results: list[dict[str, object]], tmp_path: Path) -> None:
    """A suite for the recipe, a case for each result and each silent task, in the numbers that the suite says."""
    file = tmp_path / "junit.xml"
    file.write_text(ran.print("--format", "junit"))
    (suite,) = JUnitXml.fromfile(str(file))
    cases = list(suite)
    kinds = Counter(type(part) for case in cases for part in case.result)
    assert (suite.name, suite.hostname) == (f"recipe {ran.recipe} on bench", "bench")
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (len(cases), 4, 0, 4)
    assert kinds == {Failure: 4, Skipped: 4}
    # of the silent task there is nothing to say
    assert len(cases) == len(results) + 1
    assert suite.time >= 0
    (write,) = (case for case in cases if case.name == "write")
    assert write.classname == "disk"
    assert f"recipes/{ran.recipe}/tasks/{ran.tasks[0]}/logs/taskout.log:4" in write.result[0].text
    (nasty,) = (case for case in cases if case.name == "@at # it")
    assert nasty.classname == "net # 1"
    assert nasty.result[0].message.startswith('=1+1 "quoted", <b>&amp; \\x1b[31m # \\ ünï')
    (warned,) = (case for case in cases if case.name == "said/Warn")
    assert warned.system_out.startswith("Warn: =cmd()")


def test_tap(ran: Ran, results: list[dict[str, object]]) -> None:
    """Read by the parser that reads logs: as many tests as results, a silent task, the recipe, as good and as bad."""
    printed = ran.print("--format", "tap")
    assert printed.startswith("TAP version 14\n# Subtest: recipe ")
    found = [said for said in TAP.parse(enumerate(printed.encode().splitlines(), 1)) if isinstance(said, ParsedResult)]
    expected = Counter(str(result["result"]) for result in results)
    # Warn is ok; None is skipped; a Panic is not ok; so is the silent task; the recipe is a Fail
    assert Counter(said.result.value for said in found) == {
        "Pass": expected["Pass"] + expected["Warn"],
        "Skip": expected["Skip"] + expected["None"] + 1,
        "Fail": expected["Fail"] + expected["Panic"] + 1,
    }
    (write,) = (said for said in found if said.path.endswith("/disk: write"))
    assert write.result.value == "Fail"
    assert f"    1..{len(results) + 1}\nnot ok 1 - recipe" in printed
    assert printed.endswith("\n1..1\n")
    assert "net \\# 1: @at \\# it" in printed


def test_aborted_unsettled_and_empty(ran: Ran, tmp_path: Path) -> None:
    """A recipe that was aborted is an error; results of a job that goes on are told to be not all."""
    acting = Acting(ran.lab, "t", system="other").claim()
    acting.status(0, "Running")
    done = ran.lab.command("results", str(acting.job), "--format", "junit")
    assert done.stderr == f"warning: job {acting.job} is not settled: there may be more results\n"
    assert f"Job {acting.job} is not settled yet: Running" in ran.lab.command("results", str(acting.job)).stdout
    acting.status(0, "Aborted", message="out of <paper>")
    ran.lab.settled(acting.job)
    file = tmp_path / "junit.xml"
    file.write_text(ran.lab.command("results", str(acting.job), "--format", "junit").stdout)
    (suite,) = JUnitXml.fromfile(str(file))
    assert suite.errors == 1
    (error,) = (part for case in suite for part in case.result if isinstance(part, Error))
    assert "out of <paper>" in error.message
    tap = ran.lab.command("results", str(acting.job), "--format", "tap").stdout
    assert re.search(r'^not ok 1 - recipe \d+ on other\n  ---\n  message: "[^\n]*out of <paper>', tap, re.MULTILINE)
    assert ran.lab.command("results", str(acting.job), "--result", "Fail", "--format", "tap").stdout.splitlines()[
        2
    ] == ("    1..0 # SKIP no results")


def test_late_and_damaged_are_told(ran: Ran) -> None:
    """A log that is not what was declared stands with its recipe, in the table and in JUnit."""
    acting = Acting(ran.lab, "t", system="doubtful").claim()
    acting.log(0, "core.log", b"half")
    place = f"/recipes/{acting.recipe}/tasks/{acting.tasks[0]}/logs/core.log"
    answer = ran.lab.call("POST", place, b'{"size": 400}', {"Content-Type": "application/json"}, key=acting.key)
    assert answer.status in (200, 201), answer
    acting.run(0)
    ran.lab.settled(acting.job)
    said = f"Damaged: tasks/{acting.tasks[0]}/logs/core.log is not what its harness declared"
    assert said in ran.lab.command("results", str(acting.job)).stdout.splitlines()
    assert said in ran.lab.command("job", "show", str(acting.job)).stdout.splitlines()
    suite = ran.lab.command("results", str(acting.job), "--format", "junit").stdout
    assert f'<property name="damaged" value="tasks/{acting.tasks[0]}/logs/core.log"/>' in suite
