"""`tackroom events`: what happened, and what happens."""

import json
import re
import subprocess
from collections.abc import Iterator

import pytest
from lab import Lab, running_lab, tackroom


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A Tackroom for all tests here."""
    with running_lab("none") as made:
        yield made


def latest(lab: Lab) -> int:
    """Return the id of the newest event, 0 when there is none."""
    found = [json.loads(line) for line in lab.command("events", "--json").stdout.splitlines()]
    return int(found[-1]["id"]) if found else 0


def test_what_happened(lab: Lab) -> None:
    """A line for each event, as text and as JSON; behind an id, of some topics."""
    before = latest(lab)
    lab.command("system", "add", "one-two")
    job = lab.job({"name": "t"})
    lines = lab.command("events", "--after", str(before)).stdout.splitlines()
    assert re.fullmatch(
        r" +\d+  20\d\d-\d\d-\d\d \d\d:\d\d:\d\d  system   name=one-two state=offline health=unknown was=null", lines[0]
    )
    (told,) = (line for line in lines if "  job  " in line)
    assert told.endswith(f"id={job['id']} status=Queued result=New settled=false")
    wanted = ["--topic", "job", "--topic", "recipe", "--json"]
    found = [json.loads(line) for line in lab.command("events", "--after", str(before), *wanted).stdout.splitlines()]
    assert [event["topic"] for event in found] == ["job", "recipe"]
    assert lab.command("events", "--topic", "weather", check=False).returncode == 2


def test_following_across_a_restart(lab: Lab) -> None:
    """From an id on, at once, and when the server was away: every event once, in order."""
    before = latest(lab)
    lab.command("system", "add", "first")
    environ = {**lab.environment(), "TACKROOM_URL": lab.url, "TACKROOM_TOKEN": lab.token}
    words = [*tackroom(), "events", "--follow", "--json", "--topic", "system", "--after", str(before)]
    with subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            seen = [json.loads(process.stdout.readline())]
            lab.stop()
            lab.start()
            lab.command("system", "add", "second")
            seen.append(json.loads(process.stdout.readline()))
            lab.command("system", "add", "third")
            seen.append(json.loads(process.stdout.readline()))
        finally:
            process.kill()
    assert [event["data"]["name"] for event in seen] == ["first", "second", "third"]
    ids = [event["id"] for event in seen]
    assert ids == sorted(set(ids))
