"""A provisioned lab controller at its work, from outside: recipes, uploads, results, rotation, backups."""

import hashlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import told
from acting import Acting
from contestlab import CLIENT
from controller import Controller
from descriptor import changed
from fleet import giant
from fleet.content import LINE, content
from waiting import until

GIGABYTE = 1 << 30
#: those who upload while logs are rotated, and bytes of a chunk
SENDERS = 4
CHUNK = 4096
#: what a task says, in a form that the indexer reads
TAP = "TAP version 13\n1..2\nok 1 - rises\nnot ok 2 - sets\n"


@pytest.mark.parametrize("door", ["url", "plain_url"])
def test_a_recipe_from_submission_to_its_results(controller: Controller, tmp_path: Path, door: str) -> None:
    """Submitted by the command, run by our harness, by TLS and plainly; what its log says is read as results."""
    system = f"bench-{tmp_path.parent.name}-{door}".replace("_", "-")
    key = controller.command("system", "add", system).stdout.strip()
    tasks = [{"name": "tap", "command": ["printf", "%s", TAP]}, {"name": "wait", "command": ["true"]}]
    document = tmp_path / "job.json"
    document.write_text(json.dumps({"recipe_sets": [{"recipes": [{"system": system, "tasks": tasks}]}]}))
    job = int(controller.command("job", "submit", str(document)).stdout.split()[-1])
    controller.run_harness(system, key, tmp_path / "state", getattr(controller, door))
    assert controller.settled(job)["verdict"] == "fail"
    results = controller.call("GET", f"/jobs/{job}/results").json["results"]
    found = {(one["path"], one["result"]) for one in results if one["source"] == "log"}
    assert [result for _, result in sorted(found)] == ["Pass", "Fail"], results


def test_a_job_of_contests_client(controller: Controller, tmp_path: Path) -> None:
    """Started by ConTest's client over TLS: the timer, looks at a port; our harness does the rest."""
    system = f"contest-{tmp_path.parent.name}".replace("_", "-")
    key = controller.command("system", "add", system).stdout.strip()
    waitport = {"port": [controller.port], "protocol": ["tcp"], "timeout": ["30s"], "check_interval": ["1s"]}
    steps = [
        {"name": "waitport", "label": "there", "parameters": waitport},
        {"name": "cmd", "label": "say", "parameters": {"executable": ["echo"], "args": ["{{ .ID }}"]}},
    ]
    descriptor = changed(
        {
            "TestDescriptors.0.TargetManagerAcquireParameters": {"Targets": [{"ID": system, "FQDN": "127.0.0.1"}]},
            "TestDescriptors.0.TestFetcherFetchParameters": {"TestName": "t", "Steps": steps},
        }
    )
    address = f"https://admin:{controller.token}@127.0.0.1:{controller.port}/contest"
    done = subprocess.run(
        [sys.executable, str(CLIENT), "-a", address, "-r", "admin", "start"],
        input=json.dumps(descriptor),
        env=controller.environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    job = json.loads(done.stdout)["Data"]["JobID"]
    controller.run_harness(system, key, tmp_path / "state", controller.url)
    settled = controller.settled(job)
    assert settled["verdict"] == "pass", (settled["reason"], done)


def test_a_gigabyte_in_ranges(controller: Controller) -> None:
    """10 MiB at a time by TLS into a log of 1 GiB: it is indexed with the right digest, and read back the same."""
    sent = giant.upload(controller, GIGABYTE)
    told.note("upload of 1 GiB by TLS", GIGABYTE / sent.sent / 1e6, "MB/s")
    told.note("index of 1 GiB", sent.indexed, "s")
    assert sent.right
    assert controller.settled(sent.job)["settled"]
    connection = controller.connect(60)
    connection.request("GET", sent.path, headers={"Authorization": f"Bearer {controller.token}"})
    response, digest = connection.getresponse(), hashlib.sha256()
    while block := response.read(1 << 20):
        digest.update(block)
    connection.close()
    assert (response.status, digest.hexdigest()) == (200, sent.sha256)


@pytest.fixture
def uploading(controller: Controller) -> Iterator[Callable[[], list[str]]]:
    """Some upload meanwhile, each a log of its own; call it to end that, and for the ids that their answers had."""
    system = f"rotated-{threading.get_native_id()}"
    controller.job({"name": "t"}, system=system)
    recipe = controller.claim(system)
    path = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}/logs/log"
    ids: list[str] = []
    sizes = dict.fromkeys(range(SENDERS), 0)
    enough = threading.Event()

    def send(sender: int) -> None:
        while not enough.is_set():
            first = sizes[sender]
            span = {"Content-Range": f"bytes {first}-{first + CHUNK - 1}/*"}
            body = content(f"{sender}", first, first + CHUNK)
            answer = controller.call("PUT", f"{path}-{sender}", body, span, recipe["key"])
            if answer.status not in (201, 204):
                ids.append(f"refused: {answer}")
                return
            ids.append(answer.headers["X-Request-Id"])
            sizes[sender] += CHUNK

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(SENDERS)]
    for thread in threads:
        thread.start()

    def end() -> list[str]:
        enough.set()
        for thread in threads:
            thread.join()
        for sender, size in sizes.items():
            assert size > LINE
            assert controller.call("GET", f"{path}-{sender}").body == content(f"{sender}", 0, size)
        return ids

    until(lambda: len(ids) > SENDERS, "the first uploads")
    yield end
    enough.set()


def test_rotation_loses_no_line_and_no_chunk(controller: Controller, uploading: Callable[[], list[str]]) -> None:
    """The machine's logrotate puts httpd's logs aside twice under uploads: each upload has its line in one of them."""
    log = controller.data / "run/access.log"
    for _ in range(2):
        before = log.stat().st_ino
        controller.machine.run("logrotate --force /etc/logrotate.d/tackroom")
        until(partial(renewed, log, before), "lines in a new access log")
    ids = uploading()
    assert len(ids) == len(set(ids))
    told.note("uploads while logs are rotated", len(ids), "")

    def lines() -> str:
        return controller.machine.run("cd /var/lib/tackroom/run && zcat --force access.log*").stdout

    # a line is written when its answer has been sent
    until(lambda: set(ids) <= set(re.findall(r" id=(\S+) .* PUT 20[14] ", lines())), "a line for each upload")
    assert controller.show("logrotate.timer", "ActiveState") == "active"
    assert controller.ready()


def renewed(log: Path, before: int) -> bool:
    """Whether a log is another file than that, and has something in it."""
    return log.exists() and log.stat().st_ino != before and log.stat().st_size > 0


def test_backups_are_made_and_hold(controller: Controller) -> None:
    """The timer is armed; the unit makes a backup that restores on the spot, with the logs that there were."""
    assert controller.show("tackroom-backup.timer", "NextElapseUSecRealtime")
    done, queued = Acting(controller, "kept", system="kept").claim(), Acting(controller, "queued", system="kept")
    done.status(0, "Running")
    done.log(0, "taskout.log", b"kept\n")
    done.status(0, "Completed")
    controller.settled(done.job)
    controller.machine.run("systemctl start tackroom-backup.service")
    assert controller.show("tackroom-backup", "Result") == "success"
    said = controller.machine.run("tackroom restore --json --data /var/tmp/tried /var/backups/tackroom").stdout
    restored = json.loads(said)
    log = controller.machine.tree / f"var/tmp/tried/logs/recipes/{done.recipe}/tasks/{done.tasks[0]}/logs/taskout.log"
    assert log.read_bytes() == b"kept\n"
    assert restored["missing"] == restored["differing"] == []
    assert queued.recipe in restored["aborted"]
    controller.machine.run("rm -r /var/tmp/tried")
    controller.call("POST", f"/jobs/{queued.job}/cancel")
