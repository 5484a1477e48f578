"""Answers that are too slow for their client, which asks again: over real processes, with both fronts."""

import base64
import sqlite3
import threading
import xmlrpc.client
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, running_lab
from waiting import until

JOB = '{"recipe_sets": [{"recipes": [{"requires": {"type": "bench"}, "tasks": [{"name": "t"}]}]}]}'
CALL = xmlrpc.client.dumps((JOB,), "scheduler.jobs.submit").encode()


@pytest.fixture(scope="module", params=["none", "apache"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab with a system."""
    with running_lab(request.param) as made:
        made.call("POST", "/systems/", b'{"name": "T1", "type": "bench"}', {"Content-Type": "application/json"})
        yield made


@contextmanager
def nothing_is_written(lab: Lab) -> Iterator[None]:
    """Let no call write to the database meanwhile."""
    with closing(sqlite3.connect(lab.data / "tackroom.db", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


def submit(lab: Lab, timeout: float = 30.0) -> Any:
    """Submit the job as a client does that waits so long, and then closes its connection."""
    given = base64.b64encode(f"admin:{lab.token}".encode()).decode()
    with closing(HTTPConnection("127.0.0.1", lab.port, timeout=timeout)) as connection:
        connection.request("POST", "/RPC2", CALL, {"Authorization": f"Basic {given}", "Content-Type": "text/xml"})
        return xmlrpc.client.loads(connection.getresponse().read())[0][0]


def jobs(lab: Lab) -> list[int]:
    """Return the numbers of all recipes, newest first."""
    with xmlrpc.client.ServerProxy(f"http://127.0.0.1:{lab.port}/RPC2") as server:
        found: Any = server.scheduler.jobs.list()
    return [row["id"] for row in found]


def test_a_client_that_asks_again(lab: Lab) -> None:
    """Item 15: a submission that is too slow for its client, which asks again, is one job; later ones are others."""
    before = jobs(lab)
    with nothing_is_written(lab), pytest.raises(TimeoutError):
        submit(lab, 2.1)
    # its client waits some time before it asks again: all is done meanwhile
    (made,) = until(lambda: [job for job in jobs(lab) if job not in before], "the job")
    assert submit(lab) == made
    other, another = submit(lab), submit(lab)
    assert len({made, other, another}) == 3
    assert jobs(lab) == [another, other, made, *before]


def test_clients_at_the_same_time(lab: Lab) -> None:
    """Item 14: identical submissions in flight are one job, in whichever of the server's processes they are."""
    before = jobs(lab)
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(submit(lab))) for _ in range(4)]
    with nothing_is_written(lab):
        for thread in threads:
            thread.start()
        until(lambda: _flying(lab) == 4, "all at work")
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 1
    assert jobs(lab) == [answers[0], *before]


def _flying(lab: Lab) -> int:
    files = list((lab.data / "run" / "flights").glob("*"))
    if len(files) != 1:
        return 0
    inode = str(files[0].stat().st_ino)
    return sum(f":{inode} " in line for line in Path("/proc/locks").read_text().splitlines())
