"""Jobs through the stock lavacli: submitted, followed, judged, cancelled, repeated; run by our harness."""

import json
import re
import sqlite3
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from contestlab import Site, cmd, descriptor, one_test
from lavacli import Lavacli, definition, job
from waiting import until

STEPS = [
    "echo plain $((6 * 7))",
    "lava-test-case good --result pass",
    "lava-test-case speed --result pass --measurement 12.5 --units MB/s",
    "lava-test-case bad --shell false",
    "lava-test-case later --result skip",
    "lava-test-case odd --result unknown",
    "lava-test-set start group",
    "lava-test-case inside --shell true",
    "lava-test-set stop group",
]
#: case and result of the suite `0_smoke` that these steps give
SMOKE = {"good": "pass", "speed": "pass", "bad": "fail", "later": "skip", "odd": "unknown", "inside": "pass"}


def written(place: Path, value: dict[str, Any], name: str = "job.yaml") -> str:
    """Write a job file with a comment, and return its name."""
    file = place / name
    file.write_text("# für später: ☕\n" + yaml.safe_dump(value, sort_keys=False, allow_unicode=True))
    return str(file)


def holds_until(marker: Path) -> list[str]:
    """Steps that go on until there is such a file."""
    return ["echo begun", f"until [ -e {marker} ]; do sleep 0.1; done", "lava-test-case over --result pass"]


@pytest.fixture
def held(newest: Lavacli, place: Path) -> Iterator[str]:
    """A job whose test runs, and goes on until the end of the test."""
    marker = place / "over"
    (number,) = newest.lines("jobs", "submit", written(place, job(definition(holds_until(marker)))))
    until(lambda: "begun" in newest.text("jobs", "logs", number, "--no-follow"), "the test runs", 30)
    yield number
    marker.touch()
    newest.run("jobs", "cancel", number)
    newest.run("jobs", "wait", number, "--polling", "1")


def test_from_submission_to_results(lavacli: Lavacli, site: Site, place: Path) -> None:
    """Items 12, 13, 19, 20, 27, 32, 37: submitted, waited for, shown, followed, its results and files read."""
    file = written(place, job(definition(STEPS)))
    (url,) = lavacli.lines("jobs", "submit", "--url", file)
    number = url.rpartition("/")[2]
    assert number.isdigit()
    with urllib.request.urlopen(url) as page:
        assert page.status == 200
    assert lavacli.text("jobs", "definition", number).rstrip("\n") == Path(file).read_text().rstrip("\n")
    lavacli.run("jobs", "wait", number, "--polling", "1")
    shown = lavacli.json("jobs", "show", number)
    assert (shown["state"], shown["health"], shown["device_type"]) == ("Finished", "Complete", "bench")
    assert re.fullmatch(r"\d{8}T\d\d:\d\d:\d\d", shown["end_time"])
    assert yaml.safe_load(lavacli.text("jobs", "show", number, "--yaml"))["id"] == shown["id"] == int(number)
    assert "state       : Finished" in lavacli.text("jobs", "show", number)
    check_results(lavacli, number)
    log = lavacli.text("jobs", "logs", number)
    assert "plain 42" in log and "'case': 'speed'" in log
    lavacli.run("jobs", "config", number, "--dest", str(place / "files"))
    assert (place / "files/definition.yaml").read_text() == Path(file).read_text()


def check_results(lavacli: Lavacli, number: str) -> None:
    """See that each way to read the results gives the same."""
    everything = lavacli.json("results", number)
    assert yaml.safe_load(lavacli.text("results", number, "--yaml")) == everything
    smoke = {one["name"]: one["result"] for one in everything if one["suite"] == "0_smoke"}
    assert smoke == SMOKE
    assert {one["name"]: one["result"] for one in everything if one["suite"] == "lava"}["job"] == "pass"
    assert lavacli.json("results", number, "0_smoke") == [one for one in everything if one["suite"] == "0_smoke"]
    (speed,) = lavacli.json("results", number, "0_smoke", "speed")
    assert (float(speed["measurement"]), speed["unit"]) == (12.5, "MB/s")
    records = yaml.safe_load("\n".join(lavacli.lines("jobs", "logs", number, "--raw")))
    assert records[int(speed["log_start_line"])]["msg"]["case"] == "speed"
    assert "* 0_smoke.bad [fail]" in lavacli.lines("results", number)
    unknown = lavacli.run("results", number, "nowhere", status=1)
    assert "404" in unknown.stderr + unknown.stdout
    assert lavacli.text("results", number, "0_smoke", "nowhere").strip() == ""


def test_followed(newest: Lavacli, place: Path) -> None:
    """Items 29, 31, 34: `jobs run` prints each line once and in order, and ends after the last; parts; phases."""
    steps = ["for n in 1 2 3 4 5 6 7 8; do echo line $n; sleep 0.3; done", "lava-test-case done --result pass"]
    value = job(definition(steps))
    value["actions"] = [
        {"deploy": {"to": "tmpfs", "images": {"rootfs": {"url": "http://a.example/x.img"}}}},
        {"boot": {"method": "minimal"}},
        *value["actions"],
    ]
    said = newest.lines("jobs", "run", "--polling", "1", written(place, value))
    # the shell traces its steps, as LAVA's does
    told = [line.partition(" ")[2] for line in said if "+" not in line]
    assert [line for line in told if re.search(r"^line \d", line)] == [f"line {n}" for n in range(1, 9)]
    number = re.search(r"Job (\d+) submitted", said[0])
    assert number is not None
    raw = newest.lines("jobs", "logs", number[1], "--raw")
    assert newest.lines("jobs", "logs", number[1], "--raw", "--start", "2", "--end", "5") == raw[2:5]
    assert newest.text("jobs", "logs", number[1], "--start", "10000") == ""
    quiet = newest.text("jobs", "logs", number[1], "--quiet")
    assert "3. test (smoke)" in quiet and "done: pass" in quiet
    assert all(yaml.safe_load(line)[0]["lvl"] for line in raw)


def test_nodes(newest: Lavacli, site: Site, place: Path) -> None:
    """Items 12, 21: two roles print `P.n` twice, and meet; what one sends, the other has."""
    other = {"server": "client", "client": "server"}
    steps = [
        # both systems are this machine, where the usual file would be one for both
        "export LAVA_MULTI_NODE_CACHE=$(mktemp)",
        "lava-send from-$(lava-self) where=$(lava-role)",
        "lava-sync both-there",
        'for node in $(lava-group | cut -f 1); do [ "$node" = "$(lava-self)" ] || lava-wait "from-$node"; done',
    ]
    roles = {name: {"device_type": "bench", "count": 1} for name in other}
    value = job(protocols={"lava-multinode": {"roles": roles}})
    del value["device_type"]
    heard = "lava-test-case heard --shell grep where={} $LAVA_MULTI_NODE_CACHE"
    value["actions"] = [
        {"test": {"role": [role], "definitions": [definition([*steps, heard.format(peer)])]}}
        for role, peer in other.items()
    ]
    parts = newest.lines("jobs", "submit", written(place, value))
    first = int(parts[0].partition(".")[0])
    assert parts == [f"{first}.0", f"{first}.1"]
    for part in parts:
        newest.run("jobs", "wait", part, "--polling", "1")
        shown = newest.json("jobs", "show", part)
        assert (shown["health"], shown["id"]) == ("Complete", part)
        found = {one["name"]: one["result"] for one in newest.json("results", part, "0_smoke")}
        assert found["heard"] == "pass", newest.text("jobs", "logs", part)
        assert set(found.values()) == {"pass"}
    assert newest.json("jobs", "show", f"R:{first}")["id"] == parts[0]


def test_cancelled(newest: Lavacli, held: str) -> None:
    """Item 23: Canceling, then Finished and Canceled; once more does nothing, nor does it to what has ended."""
    newest.run("jobs", "cancel", held)
    assert newest.json("jobs", "show", held)["state"] in ("Canceling", "Finished")
    said = newest.text("jobs", "wait", held, "--polling", "1").split()
    assert len(said) == len(set(said))
    newest.run("jobs", "cancel", held)
    shown = newest.json("jobs", "show", held)
    assert (shown["state"], shown["health"]) == ("Finished", "Canceled")


def test_waited_for_in_vain(newest: Lavacli, held: str) -> None:
    """Item 22: each state once, and after its time it says so."""
    given_up = newest.run("jobs", "wait", held, "--polling", "1", "--timeout", "2", status=1)
    assert re.fullmatch(r"Running\.+timeout!\n", given_up.stdout)
    assert newest.json("jobs", "show", held)["end_time"] is None


def test_repeated(newest: Lavacli, site: Site, place: Path) -> None:
    """Item 24: a new number, the same text; the first one stays as it is."""
    file = written(place, job(definition(["lava-test-case x --result pass"])))
    (first,) = newest.lines("jobs", "submit", file)
    (second,) = newest.lines("jobs", "resubmit", first)
    assert int(second) > int(first)
    for number in (first, second):
        newest.run("jobs", "wait", number, "--polling", "1")
        assert newest.text("jobs", "definition", number) == Path(file).read_text() + "\n"
    listed = newest.json("jobs", "list", "--state", "FINISHED", "--health", "COMPLETE", "--verbose")
    assert [one["id"] for one in listed][:2] == [int(second), int(first)]
    assert newest.json("jobs", "list", "--verbose", "--limit", "1")[0]["actual_device"] in site.harnesses


def test_checked(newest: Lavacli, place: Path) -> None:
    """Item 18: what is good is not spoken of; what is bad has a place and a reason; strictly, so has what is extra."""
    before = newest.json("jobs", "list", "--limit", "1")[0]["id"]
    good = job(definition(STEPS))
    assert newest.text("jobs", "validate", written(place, good)) == ""
    bad = newest.run("jobs", "validate", written(place, {**good, "timeouts": {}}, "bad.yaml"), status=1).stdout
    assert "key: " in bad and "timeouts" in bad and "msg: " in bad
    extra = written(place, {**good, "colour": "red"}, "extra.yaml")
    newest.run("jobs", "validate", extra)
    assert "colour" in newest.run("jobs", "validate", "--strict", extra, status=1).stdout
    (place / "broken.yaml").write_text("job_name: [")
    broken = newest.run("jobs", "validate", str(place / "broken.yaml"), status=1)
    assert re.search(r"line \d+, column \d+", broken.stdout)
    refused = newest.run("jobs", "submit", written(place, {**good, "device_type": "x86-none"}, "none.yaml"), status=1)
    assert "x86-none" in refused.stderr
    assert newest.json("jobs", "list", "--limit", "1")[0]["id"] == before


def test_who(newest: Lavacli, site: Site, place: Path) -> None:
    """Items 3, 4, 5, 10: without a path, without credentials, with wrong ones: no token is ever printed."""
    uri = site.lab.url.replace("://", f"://admin:{site.lab.token}@")
    assert newest.text("--uri", uri, "system", "whoami") == "admin\n"
    assert newest.text("-i", "nobody", "system", "whoami") == "<AnonymousUser>\n"
    file = written(place, job(definition(STEPS)))
    stranger = newest.run("-i", "nobody", "jobs", "submit", file, status=1)
    assert "401" in stranger.stderr
    wrong = newest.run("-i", "wrong", "jobs", "submit", file, status=1)
    assert "401" in wrong.stderr
    assert "not-a-token" not in wrong.stderr + wrong.stdout


def test_slow_submission(site: Site, place: Path, tmp_path: Path) -> None:
    """Item 15: a client that loses patience and tries again has one job."""
    lab = site.lab
    hasty = Lavacli.of("3.1.0", lab, tmp_path / "hasty", timeout=2.0)
    file = written(place, job(definition(["lava-test-case x --result pass"]), job_name="hasty"))
    with locked(lab.data / "tackroom.db"):
        process = hasty.popen("jobs", "submit", file)
        began = time.monotonic()
        until(lambda: time.monotonic() > began + 3.5, "longer than it waits")
    said, complained = process.communicate(timeout=60)
    assert process.returncode == 0, complained
    listed = [one for one in hasty.json("jobs", "list") if one["description"] == "hasty"]
    assert [str(one["id"]) for one in listed] == said.split()


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Let nobody else write to the database."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_restart(newest: Lavacli, site: Site, held: str, place: Path) -> None:
    """Item 28: a server that comes back knows its jobs, and who follows one goes on."""
    with newest.popen("jobs", "logs", held, "--polling", "1") as follower:
        assert follower.stdout is not None
        while follower.stdout.readline().partition(" ")[2] != "begun\n":
            assert follower.poll() is None
        site.lab.stop()
        site.lab.start()
        (place / "over").touch()
        said, complained = follower.communicate(timeout=60)
    assert follower.returncode == 0, complained
    assert "begun" not in said
    assert "'case': 'over'" in said
    assert newest.json("jobs", "show", held)["health"] == "Complete"


def test_both_ways(newest: Lavacli, site: Site, place: Path) -> None:
    """What ConTest's client submits, lavacli reads; what lavacli submits, ConTest's status tells."""
    started = site.start(descriptor(one_test("t", ["T1"], cmd("hello", "echo", "hello from contest"))))
    site.ended(started)
    (recipe,) = [one["id"] for one in newest.json("jobs", "list", "--limit", "1")]
    assert newest.json("jobs", "show", f"J:{started}")["health"] == "Complete"
    assert newest.json("jobs", "show", str(recipe))["device"] == "T1"
    assert "hello from contest" in newest.text("jobs", "logs", str(started))
    assert json.loads(newest.text("jobs", "definition", str(recipe)))["TestDescriptors"]
    (number,) = newest.lines("jobs", "submit", written(place, job(definition(STEPS))))
    newest.run("jobs", "wait", number, "--polling", "1")
    whole = site.lab.call("GET", f"/jobs/{number}").json["id"]
    assert site.status(whole)["State"] == "JobStateCompleted"


def test_found_errors(newest: Lavacli, site: Site, place: Path) -> None:
    """Item 39: what the lab has done to a job is told apart from what its tests say: find-errors finds it."""
    value = job(definition(["lava-test-raise 'no such disk'", "echo never"]), job_name="raises")
    (number,) = newest.lines("jobs", "submit", written(place, value))
    newest.run("jobs", "wait", number, "--polling", "1")
    shown = newest.json("jobs", "show", number)
    assert shown["health"] == "Incomplete" and shown["error_type"]
    found = newest.text("jobs", "find-errors", "--limit", "5")
    assert f"/scheduler/job/{number}" in found
