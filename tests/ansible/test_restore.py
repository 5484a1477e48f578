"""The backup of a lab controller, restored on another machine by the commands of docs/howto/restore.md."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import told
from acting import Acting
from attrs import frozen
from controller import Controller
from nspawn import PLACE, machines
from releases import Release

LOG = b"".join(b"line %d of what must come back\n" % number for number in range(50_000))


@frozen
class Restored:
    """The second controller, and what was on the first when its backup was made."""

    controller: Controller
    said: Any
    done: Acting
    results: Any
    running: Acting
    queued: Acting


@pytest.fixture(scope="module")
def restored(controller: Controller, release: Release) -> Iterator[Restored]:
    """A job that is settled, one that runs and one in the queue, taken to a machine on which only the play was run."""
    running = Acting(controller, "half", system="second").claim()
    running.status(0, "Running")
    running.log(0, "taskout.log", LOG[:1000])
    queued = Acting(controller, "later", system="second")
    done = Acting(controller, "done", system="first").claim()
    done.log(0, "taskout.log", LOG)
    done.run(0, ("PASS", "/rises"), ("FAIL", "/sets"))
    controller.settled(done.job)
    results = controller.call("GET", f"/jobs/{done.job}/results").json["results"]
    controller.machine.run("systemctl start tackroom-backup.service")
    with machines(PLACE, ["ctl3"]) as made:
        other = Controller.on(made["ctl3"])
        other.play(release)
        backup = "var/backups/tackroom"
        shutil.copytree(controller.machine.tree / backup, other.machine.tree / "root/lab-backup")
        other.machine.run(
            "systemctl stop tackroom.target 'tackroom-*' && mv /var/lib/tackroom /var/lib/tackroom.damaged"
        )
        said = json.loads(other.machine.run("tackroom restore --json /root/lab-backup").stdout)
        other.machine.run("systemctl start tackroom.target")
        yield Restored(other, said, done, results, running, queued)
    for one in (running, queued):
        controller.call("POST", f"/jobs/{one.job}/cancel")


def test_what_was_finished_is_there(restored: Restored) -> None:
    """The job with its results, and its log byte by byte, as the first controller had them."""
    lab, done = restored.controller, restored.done
    job = lab.call("GET", f"/jobs/{done.job}").json
    assert (job["status"], job["settled"], job["verdict"]) == ("Completed", True, "fail")
    assert lab.call("GET", f"/jobs/{done.job}/results").json["results"] == restored.results
    log = lab.call("GET", f"/recipes/{done.recipe}/tasks/{done.tasks[0]}/logs/taskout.log")
    assert (log.status, log.body) == (200, LOG)
    told.note("restored logs", restored.said["log_bytes"] / (1 << 20), "MiB")


def test_what_was_not_finished_is_aborted(restored: Restored) -> None:
    """What ran, and what waited, may have run since: it is Aborted, and its log is what it was at the backup."""
    lab = restored.controller
    for one in (restored.running, restored.queued):
        assert one.recipe in restored.said["aborted"]
        assert lab.settled(one.job)["status"] == "Aborted"
    log = lab.call("GET", f"/recipes/{restored.running.recipe}/tasks/{restored.running.tasks[0]}/logs/taskout.log")
    assert (log.status, log.body) == (200, LOG[:1000])


def test_it_goes_on_working(restored: Restored) -> None:
    """New jobs get new numbers and are run; all services run, and `tackroom doctor` finds nothing."""
    lab = restored.controller
    new = Acting(lab, "new", system="first").claim()
    assert new.job > restored.queued.job
    new.run(0, ("PASS", "/new"))
    assert lab.settled(new.job)["verdict"] == "pass"
    assert lab.machine.run("tackroom doctor").returncode == 0
