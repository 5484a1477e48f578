"""A full disk: every answer is clear, nothing is half written, and all of it heals by itself when there is room."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from acting import FORM, Acting
from lab import Answer, Lab, tackroom
from smalldisk import SmallDisk, lab_on, small_disk
from waiting import until

OLD = b"as it was\n" * 30_000
MORE = b"more of it\n" * 20_000
JSON = {"Content-Type": "application/json"}


@pytest.fixture(params=["apache", "none"], scope="module")
def started(request: pytest.FixtureRequest) -> Iterator[tuple[Lab, SmallDisk]]:
    """A Tackroom on a disk of its own, once behind httpd and once embedded."""
    with small_disk(32) as disk, lab_on(disk, request.param) as lab:
        lab.start()
        yield lab, disk


@pytest.fixture
def place(started: tuple[Lab, SmallDisk]) -> Iterator[tuple[Lab, SmallDisk]]:
    """That Tackroom; the disk is left free to the next test."""
    yield started
    started[1].free()


def ranged(first: int, body: bytes) -> dict[str, str]:
    """The header of a body that goes to that offset."""
    return {"Content-Range": f"bytes {first}-{first + len(body) - 1}/*"}


def logs_on_disk(lab: Lab, recipe: int) -> dict[str, int]:
    """What lies in the log tree of a recipe, by path below /recipes/R/, without what is empty."""
    root = lab.data / "logs" / "recipes" / str(recipe)
    files = {str(path.relative_to(root)): path.stat().st_size for path in root.rglob("*") if path.is_file()}
    return {path: size for path, size in files.items() if size}


def reasons(lab: Lab) -> dict[str, str]:
    """Why it is not ready, by the check's name."""
    answer = lab.call("GET", "/readyz", None, {"Accept": "application/json"})
    assert answer.status in (200, 503)
    assert answer.json["ready"] is (answer.status == 200)
    return {check["name"]: check["reason"] for check in answer.json["checks"] if not check["ok"]}


def writes(lab: Lab, actor: Acting, task: str) -> dict[str, Callable[[], Answer]]:
    """Every sort of call that stores something, by what it does: those that only the application answers."""

    def call(method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Callable[[], Answer]:
        return lambda: lab.call(method, path, body, headers, actor.key)

    recipe = f"/recipes/{actor.recipe}"
    job = json.dumps({"recipe_sets": [{"recipes": [{"system": actor.system, "tasks": [{"name": "later"}]}]}]})
    return {
        "a new log": call("PUT", f"{task}/logs/new.log", MORE),
        "a new log by range": call("PUT", f"{task}/logs/ranged.log", MORE, ranged(0, MORE)),
        "a declaration": call("POST", f"{task}/logs/declared.log", b'{"size": 4}', JSON),
        "a result": call("POST", f"{task}/results/", b"result=Pass&path=/retried", FORM),
        "a watchdog": call("POST", f"{recipe}/watchdog", b"seconds=1000", FORM),
        "a sync state": call("PUT", f"{recipe}/sync/there"),
        "a key": lambda: lab.call("POST", f"{recipe}/key"),
        "a job": lambda: lab.call("POST", "/jobs/", job.encode(), JSON),
    }


def test_a_full_disk_loses_nothing_and_heals(place: tuple[Lab, SmallDisk]) -> None:
    """507 (any 5xx from httpd) while it is full, and the same calls, tried again, succeed once there is room."""
    lab, disk = place
    actor = Acting(lab, "one", "two", system="full").claim()
    actor.status(0, "Running")
    actor.log(0, "old.log", OLD)
    task = f"/recipes/{actor.recipe}/tasks/{actor.tasks[0]}"
    appended = ranged(len(OLD), MORE)
    calls = writes(lab, actor, task)
    disk.fill()

    for what, call in calls.items():
        refused = call()
        assert (refused.status, b"The disk is full" in refused.body) == (507, True), (what, refused)
        assert int(refused.headers["Retry-After"]) > 0
    for path, headers in (("old.log", {}), ("old.log", appended), ("taskout.log", ranged(0, MORE))):
        refused = lab.call("PUT", f"{task}/logs/{path}", MORE, headers, actor.key)
        assert refused.status >= 500, (path, headers, refused)
        assert b"Traceback" not in refused.body

    def without_room() -> bool:
        # whatever was given back meanwhile is taken again
        disk.fill()
        return "no room" in reasons(lab).get("disk", "")

    until(without_room, "the reason")
    # what is there is there still, and nothing is listed that is not
    assert lab.call("GET", f"{task}/logs/old.log").body.startswith(OLD)
    listed = lab.call("GET", f"/recipes/{actor.recipe}/log-index").json["logs"]
    assert {log["path"] for log in listed} == {path for path in logs_on_disk(lab, actor.recipe) if "old.log" in path}
    assert lab.call("GET", f"/recipes/{actor.recipe}/").status == 200
    assert not list(lab.data.rglob(".davfs.tmp*"))
    said = lab.command("doctor", check=False)
    assert said.returncode == 1
    assert "make room" in said.stdout

    disk.free()
    until(lambda: not reasons(lab), "readiness")
    for what, call in calls.items():
        assert call().status in (200, 201, 204), what
    for path, headers in (("old.log", appended), ("taskout.log", ranged(0, MORE))):
        assert lab.call("PUT", f"{task}/logs/{path}", MORE, headers, actor.key).status == 204
    assert lab.call("GET", f"{task}/logs/old.log").body == OLD + MORE
    assert lab.call("PUT", f"{task}/logs/declared.log", b"four", None, actor.key).status in (201, 204)
    finish(actor)
    check_settled(lab, actor)
    assert "Traceback" not in lab.said.read_text()


def finish(actor: Acting) -> None:
    """Run what is left of the recipe."""
    actor.status(0, "Completed")
    actor.run(1, ("Pass", "/second"))


def check_settled(lab: Lab, actor: Acting) -> None:
    """The job settles, and every log that is on disk is listed with all its bytes; no other is."""
    assert lab.settled(actor.job)["result"] == "Pass"
    listed: Any = lab.call("GET", f"/recipes/{actor.recipe}/log-index").json["logs"]
    assert {log["path"]: log["size"] for log in listed} == logs_on_disk(lab, actor.recipe)
    assert {log["state"] for log in listed} == {"finished"}


def test_a_whole_replacement_that_finds_no_room_leaves_what_was_there(place: tuple[Lab, SmallDisk]) -> None:
    """The old content stays whole, to the byte, and no part of the new one is left behind."""
    lab, disk = place
    actor = Acting(lab, "one", "two", system="replacing").claim()
    actor.status(0, "Running")
    actor.log(0, "whole.log", OLD)
    path = f"/recipes/{actor.recipe}/tasks/{actor.tasks[0]}/logs/whole.log"
    # with httpd's lock database made
    assert lab.call("PUT", path, OLD, None, actor.key).status == 204
    disk.fill(leave=len(MORE) // 2)
    for _ in range(3):
        assert lab.call("PUT", path, MORE, None, actor.key).status >= 500
        assert lab.call("GET", path).body == OLD
    directory = (lab.data / "logs" / path.lstrip("/")).parent
    assert {file.name for file in directory.iterdir()} == {"whole.log", "taskout.log", "harness.log"}
    disk.free()
    assert lab.call("PUT", path, MORE, None, actor.key).status == 204
    assert lab.call("GET", path).body == MORE
    finish(actor)
    check_settled(lab, actor)


def test_the_harness_goes_on_when_there_is_room_again(place: tuple[Lab, SmallDisk]) -> None:
    """A job that runs while the disk is full for a while ends as if it had not been; its output is all there."""
    lab, disk = place
    lab.post("/systems/", {"name": "patient"})
    script = "for n in $(seq 60); do echo line $n; sleep 0.05; done"
    job = lab.job({"name": "talks", "script": script}, system="patient")
    words = ["harness", "--system", "patient", "--once", "--state", str(lab.said.with_name("state"))]
    with subprocess.Popen(
        [*tackroom(), *words],
        env={**lab.environment(), "TACKROOM_URL": lab.url, "TACKROOM_TOKEN": lab.token},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as harness:
        recipe = job["recipe_sets"][0]["recipes"][0]
        output = f"tasks/{recipe['tasks'][0]['id']}/logs/taskout.log"
        until(lambda: logs_on_disk(lab, recipe["id"]).get(output), "the first lines")
        disk.fill()
        end = time.monotonic() + 2
        until(lambda: time.monotonic() > end, "two seconds of a full disk")
        disk.free()
        assert lab.settled(job["id"], 40)["verdict"] == "pass"
        assert harness.wait(20) == 0
    told = lab.call("GET", f"/recipes/{recipe['id']}/{output}").body.decode()
    assert [line for line in told.splitlines() if line.startswith("line ")] == [f"line {n}" for n in range(1, 61)]


def test_a_start_on_a_full_disk_says_so_and_works_once_there_is_room() -> None:
    """It refuses with a sentence, or comes up and says what is missing; the next start is as any other."""
    with small_disk(16) as disk, lab_on(disk, "none") as lab:
        lab.start()
        assert lab.stop() == 0
        disk.fill()
        words = ["serve", "--data", str(lab.data), "--listen", f"127.0.0.1:{lab.port}", "--httpd", "none"]
        done = subprocess.run(
            [*disk.within, *tackroom(), *words],
            env=lab.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 1
        assert "No space left on device" in done.stderr or "The disk is full" in done.stderr
        assert "Traceback" not in done.stderr
        disk.free()
        lab.start()
        assert not reasons(lab)
        actor = Acting(lab, "one", "two", system="first").claim()
        actor.run(0, ("Pass", "/"))
        actor.run(1, ("Pass", "/second"))
        assert lab.settled(actor.job)["verdict"] == "pass"
