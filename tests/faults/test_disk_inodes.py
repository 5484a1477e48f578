"""A disk that takes no more files: what exists goes on, what is new is refused, and heals when files are removed."""

from collections.abc import Iterator

import pytest
from acting import FORM, Acting
from lab import Lab
from smalldisk import SmallDisk, lab_on, small_disk
from waiting import until

BODY = b"line\n" * 1000


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[Lab, SmallDisk]]:
    """A Tackroom on a disk of its own with room for few files."""
    with small_disk(64, inodes=400) as disk, lab_on(disk, "apache") as lab:
        lab.start()
        yield lab, disk


@pytest.fixture(autouse=True)
def room(place: tuple[Lab, SmallDisk]) -> Iterator[None]:
    """Leave the disk free to the next test."""
    yield
    place[1].free()


def test_without_inodes_new_files_are_refused_and_all_else_goes_on(place: tuple[Lab, SmallDisk]) -> None:
    """A new log and a key (gate files) are 507; results, watchdogs and chunks of logs that exist are taken."""
    lab, disk = place
    actor = Acting(lab, "one", "two", system="crowded").claim()
    actor.status(0, "Running")
    actor.log(0, "old.log", BODY)
    task = f"/recipes/{actor.recipe}/tasks/{actor.tasks[0]}"
    more = {"Content-Range": f"bytes {len(BODY)}-{2 * len(BODY) - 1}/*"}
    # with httpd's lock database made
    assert lab.call("PUT", f"{task}/logs/taskout.log", BODY, None, actor.key).status == 204
    disk.fill_inodes()

    for headers in ({}, {"Content-Range": f"bytes 0-{len(BODY) - 1}/*"}):
        refused = lab.call("PUT", f"{task}/logs/new.log", BODY, headers, actor.key)
        assert (refused.status, refused.headers["Retry-After"]) == (507, "10"), refused
    assert lab.call("POST", f"/recipes/{actor.recipe}/key").status == 507
    assert lab.call("PUT", f"{task}/logs/old.log", BODY, None, actor.key).status >= 500
    assert lab.call("GET", f"{task}/logs/old.log").body == BODY
    assert lab.call("PUT", f"{task}/logs/old.log", BODY, more, actor.key).status == 204
    # it needs directories for logs only
    assert lab.call("POST", f"{task}/results/", b"result=Pass&path=/taken", FORM, actor.key).status == 201
    assert lab.call("POST", f"/recipes/{actor.recipe}/watchdog", b"seconds=900", FORM, actor.key).status == 204
    assert lab.call("GET", f"{task}/logs/new.log").status == 404

    def told() -> bool:
        # a file that was just renamed over another has left an inode free
        disk.fill_inodes()
        unready = lab.call("GET", "/readyz")
        return unready.status == 503 and b"disk: no inodes are left" in unready.body

    until(told, "the reason")
    said = lab.command("doctor", check=False).stdout
    assert "remove small files" in said

    disk.free()
    until(lambda: lab.call("GET", "/readyz").status == 200, "readiness")
    assert lab.call("PUT", f"{task}/logs/new.log", BODY, None, actor.key).status in (201, 204)
    assert lab.call("POST", f"/recipes/{actor.recipe}/key").status == 201
    actor.status(0, "Completed")
    actor.run(1, ("Pass", "/"))
    assert lab.settled(actor.job)["result"] == "Pass"
    logs = lab.call("GET", f"/recipes/{actor.recipe}/log-index").json["logs"]
    assert {log["path"].split("/")[-1]: log["size"] for log in logs} == {
        "new.log": len(BODY),
        "old.log": 2 * len(BODY),
        "taskout.log": len(BODY),
    }
    assert "Traceback" not in lab.said.read_text()


def test_a_task_that_ends_without_inodes_is_closed_at_the_gate_later(place: tuple[Lab, SmallDisk]) -> None:
    """Its end is stored, though its gate file cannot be made; that is made when there is room, and the job settles."""
    lab, disk = place
    actor = Acting(lab, "one", system="ending").claim()
    actor.status(0, "Running")
    task = f"/recipes/{actor.recipe}/tasks/{actor.tasks[0]}"
    actor.log(0, "kept.log", BODY)
    disk.fill_inodes()
    ended = lab.call("POST", f"{task}/status", b"status=Completed", FORM, actor.key)
    assert ended.status in (204, 507), ended
    disk.free()
    # tried again, as a harness does: it had been stored
    again = lab.call("POST", f"{task}/status", b"status=Completed", FORM, actor.key)
    assert again.status in (204, 409), again
    assert lab.settled(actor.job)["status"] == "Completed"
    gate = lab.data / "gate" / str(actor.recipe)
    until(lambda: (gate / "closed").exists(), "the gate")
    assert lab.call("PUT", f"{task}/logs/kept.log", BODY, None, actor.key).status == 409
