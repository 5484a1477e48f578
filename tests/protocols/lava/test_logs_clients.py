"""Logs that grow behind a real httpd, followed by the stock lavacli."""

import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import define
from lab import Lab, running_lab
from lavacli import VERSIONS, Lavacli
from waiting import until

HOSTILE = [
    "plain",
    "smile \U0001f600 and \u65e5\u672c",
    "nul \0 bell \x07 del \x7f esc [31m",
    "next \x85 line \u2028 paragraph \u2029 mark \ufeff",
    "quotes \" ' \\ \\n %s {} [] #: - & * ! | > % @ `",
    "lone \ufffd\ufffd bytes",
    "x" * 200_000,
    "- {dt: 1}",
]
RAW = "\n".join(HOSTILE).replace("\ufffd", "\udcff").replace("esc [", "esc \x1b[").encode("utf-8", "surrogateescape")
#: what lavacli prints before a message
HEAD = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d ")


@define
class Harness:
    """A harness that has one recipe of one task."""

    lab: Lab
    recipe: int
    task: int
    key: str
    _written: int = 0

    def status(self, status: str) -> None:
        """Say how far the task is."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        path = f"/recipes/{self.recipe}/tasks/{self.task}/status"
        assert self.lab.call("POST", path, f"status={status}".encode(), form, self.key).status < 300

    def write(self, data: bytes) -> None:
        """Append to the console log."""
        span = {"Content-Range": f"bytes {self._written}-{self._written + len(data) - 1}/*"}
        path = f"/recipes/{self.recipe}/tasks/{self.task}/logs/taskout.log"
        assert self.lab.call("PUT", path, data, span, self.key).status < 300
        self._written += len(data)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """One Tackroom behind httpd."""
    with running_lab("apache") as made:
        yield made


@pytest.fixture(params=VERSIONS)
def lavacli(request: pytest.FixtureRequest, lab: Lab, tmp_path: Path) -> Lavacli:
    """Each of the stock clients."""
    return Lavacli.of(request.param, lab, tmp_path / "home")


def begun(lab: Lab, name: str = "smoke") -> Harness:
    """Return the harness of a new job, whose task runs."""
    system = f"s{secrets.token_hex(4)}"
    recipe = lab.job({"name": name}, system=system)["recipe_sets"][0]["recipes"][0]
    key = lab.claim(system)["key"]
    made = Harness(lab, recipe["id"], recipe["tasks"][0]["id"], key)
    made.status("Running")
    return made


def messages(printed: str) -> list[str]:
    """Return what stands behind the times in what lavacli printed."""
    return HEAD.split(printed)[1:]


def test_followed(lab: Lab, lavacli: Lavacli) -> None:
    """Items 29, 35: a follower prints each line once and in order while the log grows, and ends after the last."""
    harness = begun(lab)
    with lavacli.popen("jobs", "logs", str(harness.recipe), "--polling", "1") as process:
        assert process.stdout is not None
        seen = [process.stdout.readline()]
        for number in range(3):
            harness.write(b"line %d\nhalf of " % number)
            seen.append(process.stdout.readline())
        harness.write(b"the last")
        harness.status("Completed")
        rest, complained = process.communicate(timeout=30)
    said = [line.rstrip("\n") for line in messages("".join(seen) + rest)]
    assert said[0] == "start: 1 smoke (timeout 00:30:00)"
    assert said[1:-1] == ["line 0", "half of line 1", "half of line 2", "half of the last"]
    assert said[-1].startswith("end: 1 smoke (duration 00:00:")
    assert (process.returncode, complained) == (0, "")


def test_hostile_lines(lab: Lab, lavacli: Lavacli, tmp_path: Path) -> None:
    """Items 31, 32: whatever a console holds is printed as it is, by each client, and of the log by REST, too."""
    harness = begun(lab)
    harness.write(RAW)
    harness.status("Completed")
    number = str(harness.recipe)
    until(
        lambda: lab.call("GET", f"/recipes/{number}/", headers={"Accept": "application/json"}).json["settled"], "it", 30
    )
    printed = lavacli.run("jobs", "logs", number).stdout
    assert [one.removesuffix("\n") for one in messages(printed)][1:-1] == HOSTILE
    assert len(messages(lavacli.text("jobs", "logs", number, "--start", "2", "--end", "5"))) == 3
    assert lavacli.text("jobs", "logs", number, "--start", "99") == ""
    whole = tmp_path / "log.yaml"
    whole.write_bytes(lab.call("GET", f"/api/v0.2/jobs/{number}/logs/").body)
    assert lavacli.text("utils", "logs", "print", str(whole)) == printed


def test_quiet(lab: Lab, tmp_path: Path) -> None:
    """Item 34: phases are shown, and at the end why the job failed; of other namespaces there is no output here."""
    newest = Lavacli.of(VERSIONS[0], lab, tmp_path / "home")
    harness = begun(lab, "boot")
    harness.write(b"out\n<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=c RESULT=fail>\n")
    abort = f"/recipes/{harness.recipe}/status"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    lab.call("POST", abort, b"status=Aborted&message=no+power", form, harness.key)
    printed = [
        line.rstrip("\n")
        for line in messages(newest.text("jobs", "logs", str(harness.recipe), "--quiet", "--polling", "1"))
    ]
    assert printed[0] == "1. boot"
    assert printed[1] == "out"
    assert printed[2].endswith("0_boot.c: fail")
    assert printed[-2:] == ["no power", "[lavacli] Failure comment: no power"]


def test_nothing_is_held_back(lab: Lab) -> None:
    """Item 30: an answer of any size comes through httpd whole, and begins before it is at its end."""
    harness = begun(lab)
    lines = 100_000
    harness.write(b"".join(b"%090d\n" % number for number in range(lines)))
    connection = lab.connect(60)
    try:
        connection.request("GET", f"/scheduler/job/{harness.recipe}/log_pipeline_incremental?line=0")
        response: Any = connection.getresponse()
        assert response.getheader("Content-Length") is None
        assert response.read().count(b'"target"') == lines
    finally:
        connection.close()
