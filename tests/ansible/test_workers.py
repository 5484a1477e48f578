"""Stock Buildbot workers and a provisioned lab controller: by the two lines that it prints, plainly and by TLS."""

import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from acting import Acting
from buildbotworker import VERSIONS, BuildbotWorker, program
from controller import Controller
from waiting import until

#: what a task leaves in a file, as printf takes it
TAP = "TAP version 13\\n1..1\\nok 1 - file\\n"


@pytest.fixture(params=["plain", "tls"])
def worker(controller: Controller, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[BuildbotWorker]:
    """A worker that an operator has added on the lab controller, and that was started as told there."""
    name, home = f"stock-{request.param}", tmp_path / "worker"
    words = ["tackroom", "worker", "add", name, "--directory", str(home)]
    if request.param == "plain":
        # Debian's
        version, words = VERSIONS[1], [*words, "--master", f"127.0.0.1:{controller.workers}"]
    else:
        roots = tmp_path / "roots"
        roots.mkdir()
        shutil.copy(controller.ca, roots / "lab.pem")
        version, words = VERSIONS[0], [*words, "--master", f"127.0.0.1:{controller.workers_tls}", "--tls"]
        words += ["--trust-roots", str(roots)]
    lines = controller.machine.run(shlex.join(words)).stdout.splitlines()
    create, start = ([str(program(version)), *shlex.split(line)[1:]] for line in lines)
    subprocess.run(create, check=True, capture_output=True, timeout=60)
    # it stays in the foreground, to be ended by whoever started it
    made = BuildbotWorker(name, home, [*start[:-1], "--nodaemon", start[-1]])
    try:
        until(lambda: controller.call("GET", f"/workers/{name}").json["online"], f"{name} to be there", 60)
        yield made
    finally:
        made.close()
        for place in ("workers", "systems"):
            controller.call("DELETE", f"/{place}/{name}")


def test_a_recipe_runs_on_a_stock_worker(controller: Controller, worker: BuildbotWorker) -> None:
    """It runs to its end, and its output, a result and a file that the task leaves come back."""
    script = f"echo it ran; tackroom-report Pass own; printf '{TAP}' > $TACKROOM_LOGS/a.tap"
    job = controller.job({"name": "t", "script": script}, system=worker.name)["id"]
    settled = controller.settled(job, 60)
    assert (settled["status"], settled["verdict"]) == ("Completed", "pass"), settled
    (recipe,) = settled["recipe_sets"][0]["recipes"]
    place = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}/logs"
    assert controller.call("GET", f"{place}/taskout.log").body == b"it ran\n"
    assert controller.call("GET", f"{place}/a.tap").body.endswith(b"ok 1 - file\n")
    results = controller.call("GET", f"/jobs/{job}/results").json["results"]
    assert {(one["source"] == "log", one["result"]) for one in results} == {(False, "Pass"), (True, "Pass")}, results


def test_a_worker_comes_back_to_a_gateway_that_was_killed(controller: Controller, worker: BuildbotWorker) -> None:
    """kill -9: systemd starts another, the worker finds it by itself, and runs what is there for it."""
    before = controller.main("tackroom-workers")
    controller.machine.run(f"kill -KILL {before}")
    until(lambda: controller.main("tackroom-workers") not in (0, before), "another gateway", 30)
    job = Acting(controller, "later", system=worker.name).job
    until(lambda: controller.call("GET", f"/jobs/{job}").json["settled"], "the job", 90)
    assert controller.machine.run("tackroom doctor").returncode == 0
