"""The commands around waiting and meeting: queue, job cancel and retry, recipe sync, recipe env in its three forms."""

import configparser
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from lab import Lab, running_lab


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A Tackroom behind httpd with two systems."""
    with running_lab("apache") as made:
        for name in ("alpha", "beta"):
            made.command("system", "add", name, "--tag", "kvm")
        yield made


def submit(lab: Lab, *systems: str, **recipe: Any) -> Any:
    """Submit a set of one recipe for each system (none: one that asks by tag)."""
    body = {"tasks": [{"name": "t"}], **recipe}
    recipes = [{**body, "system": name} for name in systems] or [body]
    return lab.post("/jobs/", {"name": "n\x1b[31m", "recipe_sets": [{"recipes": recipes}]})


def test_queue(lab: Lab) -> None:
    """The queue as a table and as JSON, all of it and of one job."""
    job = submit(lab, requires={"type": None, "tags": ["x86"]})
    said = lab.command("queue", "--job", str(job["id"])).stdout
    assert said.splitlines()[0].split() == ["JOB", "SET", "RECIPES", "PRIORITY", "OWNER", "SINCE", "WHY", "IT", "WAITS"]
    assert said.splitlines()[2].endswith("no healthy system has tag x86")
    found = json.loads(lab.command("queue", "--json").stdout)
    assert job["id"] in [waiting["job"] for waiting in found]
    lab.command("job", "cancel", str(job["id"]))
    assert len(lab.command("queue", "--job", str(job["id"])).stdout.splitlines()) == 2


def test_cancel_and_retry(lab: Lab) -> None:
    """A cancelled job is over, and can be submitted once more; one that is not there is refused."""
    job = submit(lab, "alpha")
    lab.command("job", "cancel", str(job["id"]))
    assert "cancelled" in lab.command("job", "show", str(job["id"])).stdout.splitlines()[0]
    again = lab.command("job", "retry", str(job["id"])).stdout.strip()
    assert lab.call("GET", f"/jobs/{again}").json["retry_of"] == job["id"]
    lab.command("job", "cancel", again)
    for verb in ("cancel", "retry"):
        assert lab.command("job", verb, "999999", check=False).returncode == 4


def test_sync(lab: Lab) -> None:
    """Who is there and what they said, safe for a terminal."""
    recipes = [recipe["id"] for recipe in submit(lab, "alpha", "beta", role="SERVERS")["recipe_sets"][0]["recipes"]]
    for number in recipes:
        lab.post(f"/recipes/{number}/key", {})
    said = json.dumps({"port": 80, "text": "\x1b[31m"}).encode()
    assert lab.call("PUT", f"/recipes/{recipes[0]}/sync/READY", said).status == 201
    lines = lab.command("recipe", "sync", str(recipes[1])).stdout.splitlines()
    assert re.fullmatch(
        rf'READY\s+{recipes[0]}\s+alpha\s+SERVERS\s+Waiting\s+20\S+Z\s+{{"port": 80, "text": "\\u001b\[31m"}}', lines[2]
    )
    assert re.fullmatch(rf"READY\s+{recipes[1]}\s+beta\s+SERVERS\s+Waiting\s+not yet", lines[3])
    states = json.loads(lab.command("recipe", "sync", str(recipes[0]), "--json").stdout)
    assert [one["there"] is not None for one in states[0]["recipes"]] == [True, False]


def test_env(lab: Lab, tmp_path: Path) -> None:
    """Each form, read as restraint reads it, leads to the recipe, with a key that opens it."""
    number = str(submit(lab)["recipe_sets"][0]["recipes"][0]["id"])
    lab.post("/systems/", {"name": f"for-{number}"})
    profile = tmp_path / "profile.sh"
    profile.write_text(lab.command("recipe", "env", number, "--system", f"for-{number}").stdout)
    script = f". {profile}; echo $BEAKER_LAB_CONTROLLER_URL/recipes/$BEAKER_RECIPE_ID/; echo $BEAKER_LAB_CONTROLLER"
    url, host = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert host == "127.0.0.1"
    words = lab.command("recipe", "env", number, "--format", "cmdline").stdout
    assert len(words.splitlines()) == 1
    told = dict(word.split("=", 1) for word in words.split())
    config = configparser.ConfigParser(interpolation=None)
    config.read_string(lab.command("recipe", "env", number, "--format", "config").stdout)
    urls = [
        url,
        f"{told['BEAKER_LAB_CONTROLLER_URL']}/recipes/{told['BEAKER_RECIPE_ID']}/",
        config["restraint"]["recipe_url"],
    ]
    keys = set()
    for address in urls:
        parts = urlsplit(address)
        keys.add(parts.password)
        assert (parts.username, parts.port) == (number, lab.port)
        answer = lab.call("POST", parts.path + "watchdog", b"seconds=600", FORM, key=parts.password or "")
        assert answer.status == 204
    assert len(keys) == 3


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
