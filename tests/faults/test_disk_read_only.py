"""A disk that becomes read-only, as a file system with errors does by itself, and is mounted to be written again."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from acting import FORM, Acting
from lab import Lab
from smalldisk import SmallDisk, lab_on, small_disk
from waiting import until

BODY = b"line\n" * 1000

#: opens the database and goes on reading it; told so, it writes, and ends reading a moment later
READER = """
import sys, threading
from pathlib import Path
from sqlalchemy import text
from wsgi_app.store.db import Database
database = Database(Path(sys.argv[1]))
with database.read() as tx:
    tx.execute(text("SELECT count(*) FROM jobs"))
    print("reading", flush=True)
    sys.stdin.readline()
    wrote = threading.Event()
    def write():
        with database.write() as tx:
            tx.execute(text("UPDATE id_sequence SET last = last"))
        wrote.set()
    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    assert not wrote.wait(0.2)
writer.join(10)
print("wrote" if wrote.is_set() else "refused")
"""


@pytest.fixture
def place() -> Iterator[tuple[Lab, SmallDisk]]:
    """A Tackroom on a disk of its own."""
    with small_disk(64) as disk, lab_on(disk, "apache") as lab:
        lab.start()
        yield lab, disk


def test_a_read_only_disk_can_be_read_and_heals(place: tuple[Lab, SmallDisk]) -> None:
    """Reading works, writing is 503 with a reason, whatever was open before; then all goes on."""
    lab, disk = place
    actor = Acting(lab, "one", "two", system="frozen").claim()
    actor.status(0, "Running")
    actor.log(0, "old.log", BODY)
    task = f"/recipes/{actor.recipe}/tasks/{actor.tasks[0]}"
    more = {"Content-Range": f"bytes {len(BODY)}-{2 * len(BODY) - 1}/*"}
    disk.read_only(lab.data)
    # the database is opened anew, and can only be read
    workers = lab.pids("gunicorn")[1:]
    for worker in workers:
        os.kill(worker, signal.SIGKILL)

    def answers() -> bool:
        fresh = lab.pids("gunicorn")[1:]
        return len(fresh) == len(workers) and not set(fresh) & set(workers) and lab.call("GET", "/livez").status == 200

    until(answers, "new workers")
    unready = lab.call("GET", "/readyz")
    assert (unready.status, b"disk: the file system of" in unready.body) == (503, True), unready
    assert lab.call("GET", f"{task}/logs/old.log").body == BODY
    assert lab.call("GET", f"/recipes/{actor.recipe}/").status == 200
    for path, body in (
        (f"{task}/results/", b"result=Pass&path=/x"),
        (f"{task}/status", b"status=Completed"),
        (f"/recipes/{actor.recipe}/watchdog", b"seconds=900"),
    ):
        refused = lab.call("POST", path, body, FORM, actor.key)
        assert (refused.status, b"read-only" in refused.body) == (503, True), refused
        assert int(refused.headers["Retry-After"]) > 0
    assert lab.call("PUT", f"{task}/logs/new.log", BODY, None, actor.key).status == 503
    assert lab.call("PUT", f"{task}/logs/old.log", BODY, more, actor.key).status >= 500

    disk.writable(lab.data)
    watchdog = f"/recipes/{actor.recipe}/watchdog"

    def all_write() -> bool:
        # each worker opens the database anew, in its own moment; and any of them may take the next call
        return all(lab.call("POST", watchdog, b"seconds=900", FORM, actor.key).status == 204 for _ in range(12))

    until(all_write, "every worker to write")
    until(lambda: lab.call("GET", "/readyz").status == 200, "readiness")
    assert lab.call("PUT", f"{task}/logs/old.log", BODY, more, actor.key).status == 204
    assert lab.call("PUT", f"{task}/logs/new.log", BODY, None, actor.key).status == 201
    actor.result(0, "Pass", "/x")
    actor.status(0, "Completed")
    actor.run(1, ("Pass", "/"))
    assert lab.settled(actor.job)["result"] == "Pass"
    assert lab.call("GET", f"{task}/logs/old.log").body == 2 * BODY
    assert "Traceback" not in lab.said.read_text()


def test_a_writer_waits_for_readers_from_before(place: tuple[Lab, SmallDisk]) -> None:
    """As long as its process reads a database that was read-only it cannot write, and a moment later it can."""
    lab, disk = place
    disk.read_only(lab.data)
    command = [*lab.within, sys.executable, "-c", READER, str(lab.data / "tackroom.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
        disk.writable(lab.data)
        reader.stdin.write("\n")
        reader.stdin.close()
        assert reader.stdout.read() == "wrote\n"
