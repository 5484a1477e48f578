"""LAVA tests by restraint: the script comes as an archive, and what it asks of sync goes by curl."""

import os
import subprocess
import threading
from pathlib import Path
from typing import Any

from tests.restraint.bench import Given, Site
from tests.restraint.client import Restraintd, Task
from wsgi_app.documents.lavajob.definition import read_definition
from wsgi_app.documents.lavajob.shell import RunFacts, script_of


def script(*steps: str, **facts: Any) -> str:
    """The script of a test."""
    return script_of(read_definition({"run": {"steps": [*steps]}}, ()), RunFacts(name="t", test_no=0, **facts))


def runs(given: Given, config: Path) -> Any:
    """A task that runs what was fetched, with what restraint's tools find of it: the recipe's URL in a file."""
    config.write_text(f"[{given.id}]\nrecipe_url={given.base(slash=False)}/recipes/{given.id}/\n")

    def fetched(task: Task) -> int:
        assert task.fetched is not None
        env = {"PATH": os.environ["PATH"], "RESTRAINT_CONFIG": str(config), "RSTRNT_TASKID": "5"}
        argv = task.fetched.entry_point.split(" ")
        done = subprocess.run(argv, cwd=task.fetched.place, env=env, capture_output=True, check=False, timeout=60)
        task.output(done.stdout + done.stderr)
        return done.returncode

    return fetched


def said(given: Given) -> list[str]:
    """What the first task has printed, without traces and signals."""
    lines = given.on_disk(f"tasks/{given.tasks[0]}/logs/taskout.log").read_text().splitlines()
    return [line for line in lines if not line.startswith(("+", "<LAVA_SIGNAL"))]


def test_two_systems_meet(httpd_site: Site, tmp_path: Path) -> None:
    """Names, roles, messages and the barrier work without any tool of ours, and the signals become results."""
    recipes = []
    for role, steps in {
        "server": ["lava-send up 'name=ü b'", "lava-sync over", "lava-self; lava-group | sort"],
        "client": ["lava-wait-all up server; cat $LAVA_MULTI_NODE_CACHE", "lava-sync over", "lava-group server"],
    }.items():
        httpd_site.post("/systems/", {"name": f"lava-{role}"})
        cache = {"LAVA_MULTI_NODE_CACHE": str(tmp_path / f"{role}.txt")}
        text = script(*steps, role=role, roles={"server": 1, "client": 1}, parameters=cache)
        recipes.append({"system": f"lava-{role}", "role": role, "tasks": [{"name": "t", "script": text}]})
    job = httpd_site.post("/jobs/", {"recipe_sets": [{"recipes": recipes}]})
    pair = []
    for made in job["recipe_sets"][0]["recipes"]:
        key = httpd_site.post(f"/recipes/{made['id']}/key", {})["key"]
        pair.append(Given(httpd_site, job["id"], made["id"], (made["tasks"][0]["id"],), key))
    threads = []
    for given in pair:
        place = tmp_path / str(given.id)
        place.mkdir()
        daemon = Restraintd(given.base(), given.id, place=place, scale=0.0001)
        threads.append(threading.Thread(target=daemon.run, args=(runs(given, place / "config.conf"),)))
        threads[-1].start()
    for thread in threads:
        thread.join(60)
    assert pair[0].settled()["verdict"] == "pass"
    assert said(pair[0]) == ["lava-server", "lava-client\tclient", "lava-server\tserver"]
    assert said(pair[1]) == ["lava-server:name=ü b", "lava-server"]
    names = {one["path"] for one in pair[1].results() if one["result"] == "Pass"}
    assert {"/0_t/multinode-wait_all-up", "/0_t/multinode-sync-over"} <= names


def test_a_test_gives_up(httpd_site: Site, tmp_path: Path) -> None:
    """`lava-test-raise` aborts the recipe, with its message, in the last task, too."""
    given = httpd_site.submit([{"name": "t", "script": script("lava-test-raise no network")}])
    Restraintd(given.base(), given.id, place=tmp_path, scale=0.0001).run(runs(given, tmp_path / "config.conf"))
    assert given.settled()["status"] == "Aborted"
    assert given.read()["reason"] == "no network"
