"""The running server does what openapi.yaml says, whatever it is asked: Schemathesis with all its checks.

`TACKROOM_SCHEMA_EXAMPLES=100 pytest tests/property/test_openapi.py` asks more, everybody through both fronts.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import frozen
from lab import Lab, running_lab
from waiting import until

from wsgi_app.protocols import native

#: cases of each operation in the phase of random ones; the other phases have as many as the document has corners
EXAMPLES = os.environ.get("TACKROOM_SCHEMA_EXAMPLES")
FEW = "3"

#: a number that openapi_hooks.py replaces by the id of what is alive
ALIVE = 2_000_000_000

#: what a harness does with its recipe and does not end it by
HARNESS = r"^/recipes/\{recipe\}/(.*logs/.*|sync/.*|tasks/\{task\}/results/)$"


#: what always says no
NEVER = {
    "POST /api/v0.2/token/",
    "GET /scheduler/job/{job}/job_data",
    # it asks for no WebSocket
    "GET /ws/",
}

#: what is LAVA's
LAVA = r"^/(api/v0|results/|scheduler/)"


@frozen
class Run:
    """Who calls, and which paths; `pools` has what is there by parameter of the path."""

    token: str
    paths: str
    pools: dict[str, list[int | str]]
    phases: tuple[str, ...] = ("examples", "coverage", "fuzzing", "stateful")


def admin(lab: Lab) -> Run:
    """An admin calls everything but what is LAVA's."""
    lab.post("/systems/", {"name": "bench-1"})
    # one that is over: it may not be called
    delivery = lab.post("/deliveries/test", {"method": "callback", "target": "http://127.0.0.1:1/"})["id"]
    until(lambda: lab.call("GET", f"/deliveries/{delivery}").json["state"] == "failed", "the end of a delivery")
    pools: dict[str, list[int | str]] = {name: [ALIVE] for name in ("job", "recipe", "task", "result")}
    return Run(lab.token, f"^(?!{LAVA[1:]})", {**pools, "name": ["bench-1"], "delivery": [delivery], "user": ["bob"]})


def reader(lab: Lab) -> Run:
    """An admin calls what is LAVA's: a system, its type and tag, and the lab have one name."""
    lab.post("/systems/", {"name": "bench-1", "type": "bench-1", "tags": ["bench-1"]})
    pools: dict[str, list[int | str]] = {name: [ALIVE] for name in ("suite", "test")}
    pools |= {"job": [str(ALIVE)], "name": ["bench-1"], "suite_name": ["lava"], "case": ["job"]}
    return Run(lab.token, LAVA, pools, phases=("examples", "coverage"))


def harness(lab: Lab) -> Run:
    """A harness with the key of its recipe calls what is its."""
    lab.job({"name": "t", "command": ["true"]})
    recipe = lab.claim()
    task = recipe["tasks"][0]["id"]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    result = lab.call("POST", f"/recipes/{recipe['id']}/tasks/{task}/results/", b"result=Pass", form)
    number = int(result.headers["Location"])
    for owner in ("", f"tasks/{task}/", f"tasks/{task}/results/{number}/"):
        made = lab.call("PUT", f"/recipes/{recipe['id']}/{owner}logs/taskout.log", b"hello\n", key=recipe["key"])
        assert made.status in (201, 204), made
    return Run(
        recipe["key"],
        HARNESS,
        {
            "recipe": [recipe["id"]],
            "task": [task],
            "result": [number],
            "name": ["taskout.log", "core", "a.log"],
        },
    )


CALLERS = {"admin": admin, "harness": harness, "reader": reader}
USUALLY = [("admin", "none"), ("harness", "apache"), ("reader", "none")]
THOROUGHLY = [("admin", "apache"), ("harness", "none"), ("reader", "apache")]


@pytest.mark.timeout(3600 if EXAMPLES else 200)
@pytest.mark.parametrize(("who", "front"), USUALLY + (THOROUGHLY if EXAMPLES else []))
def test_schemathesis(who: str, front: str, tmp_path: Path) -> None:
    """Every call is answered as documented: valid ones are taken, others refused, nothing is a server's error."""
    with running_lab(front, TACKROOM_SERVER_ID="bench-1") as lab:
        run = CALLERS[who](lab)
        report = schemathesis(lab, run, tmp_path)
        assert "Traceback" not in lab.said.read_text()
    assert {report["phases"][phase]["status"] for phase in run.phases} == {"success"}
    assert report["operations"]["tested"] == report["operations"]["selected"]
    rates = report["valid_rates"]
    taken = {name for name, phases in rates.items() if any(phase["accepted"] for phase in phases.values())}
    logs = {name for name in operations() if name.endswith("/logs/{name}")}
    # a log is written with its recipe's key; and of where the document is no tests are made
    never = logs | {"GET /openapi.yaml", *NEVER}
    wanted = set(rates) | logs if who == "harness" else {name for name in operations() if _is_about(name, run)} - never
    assert wanted - taken == set(), "no valid call of these was taken"


def schemathesis(lab: Lab, run: Run, place: Path) -> Any:
    """Run Schemathesis and return its report; fail with what it says when it finds something."""
    own = lab.post("/tokens/", {"name": "schemathesis", "scopes": ["admin"]})
    token = own["token"] if run.token == lab.token else run.token
    config = place / "schemathesis.toml"
    config.write_text(_config(token, run.pools))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)),
            *("run", f"{lab.url}/openapi.yaml", "--no-color", "--include-path-regex", run.paths),
            *("--phases", ",".join(run.phases), "--checks", "all"),
            *("--max-examples", EXAMPLES or FEW, "--report", "json", "--report-json-path", str(place / "report.json")),
        ],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[1] / "support"),
            "TACKROOM_SCHEMA_URL": lab.url,
            "TACKROOM_SCHEMA_TOKEN": own["token"],
            "TACKROOM_SCHEMA_TOKEN_ID": str(own["id"]),
            "TACKROOM_SCHEMA_ALIVE": str(ALIVE),
            "TACKROOM_SCHEMA_POOLS": json.dumps(run.pools),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr + lab.said.read_text()
    return json.loads((place / "report.json").read_text())


def _config(token: str, pools: dict[str, list[int | str]]) -> str:
    """Settings: the same calls each time, and of the ids in paths every other one of a thing that is there."""
    lines = [
        "seed = 1",
        "continue-on-failure = true",
        "request-timeout = 60",
        'hooks = "openapi_hooks"',
        f'headers = {{ Authorization = "Bearer {token}" }}',
        "[generation]",
        'database = "none"',
        "no-shrink = true",
        "[phases.coverage]",
        "generate-duplicate-query-parameters = true",
    ]
    for name, values in pools.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}"]
    lines.append("[parameters]")
    lines += [f'"path.{name}" = {{ dictionary = "{name}", probability = 0.6 }}' for name in pools]
    return "\n".join(lines) + "\n"


def _is_about(operation: str, run: Run) -> bool:
    """Whether an operation is among those that are called."""
    return re.search(run.paths, operation.partition(" ")[2]) is not None


def operations() -> set[str]:
    """All operations of the document."""
    document = yaml.safe_load((Path(native.__file__).parent / "openapi.yaml").read_text(encoding="utf-8"))
    return {
        f"{method.upper()} {path}"
        for path, item in document["paths"].items()
        for method in item
        if method not in ("parameters", "summary", "description")
    }
