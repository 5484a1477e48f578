"""No descriptors left: calls are answered or wait, nothing spins or dies, and all goes on when there are some again."""

import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from acting import FORM, Acting
from lab import Lab, running_lab
from waiting import until

BODY = b"line\n" * 100
#: as serve is started with
PLENTY = 4096


#: one of each protocol, and what none knows
PATHS = (
    "/livez",
    "/recipes/1/",
    "/contest/status",
    "/api/v0.2/jobs/",
    "/RPC2",
    "/jobs/",
    "/events?topic=log",
    "/nothing",
)


@pytest.fixture(params=["apache", "none"], scope="module")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A Tackroom, once behind httpd and once embedded."""
    with running_lab(request.param) as made:
        yield made


@pytest.fixture
def plenty(lab: Lab) -> Iterator[None]:
    """Whatever a test has allowed, all may have as many descriptors afterwards as before."""
    yield
    for pid in [*lab.pids("gunicorn"), *lab.pids("cli indexer"), *lab.pids("cli timer"), *lab.pids("-DFOREGROUND")]:
        with suppress(subprocess.CalledProcessError, FileNotFoundError):
            # if it has not ended
            allow(pid, PLENTY)


def allow(pid: int, files: int) -> None:
    """Let a process have so many descriptors; as its owner, for root may not everywhere."""
    owner = Path(f"/proc/{pid}").stat()
    words = ["prlimit", "--pid", str(pid), f"--nofile={files}:"]
    if os.geteuid() == 0:
        subprocess.run(words, check=True, user=owner.st_uid, group=owner.st_gid, extra_groups=[])
    else:
        subprocess.run(words, check=True)


def lowest(pid: int) -> int:
    """How few descriptors a process may be allowed so that it can open no further one."""
    taken = {int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir()}
    return next(number for number in range(PLENTY) if number not in taken)


def seconds(pids: list[int]) -> float:
    """CPU time that these processes have used."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@pytest.mark.usefixtures("plenty")
def test_without_descriptors_nothing_is_lost_and_nobody_dies(lab: Lab) -> None:
    """New connections wait, calls that come are answered or refused with 503; workers, indexer and timer live."""
    actor = Acting(lab, "one", "two", system="short").claim()
    actor.status(0, "Running")
    actor.log(0, "old.log", BODY)
    task = f"/recipes/{actor.recipe}/tasks/{actor.tasks[0]}"
    web = lab.pids("gunicorn")
    services = [*web[1:], *lab.pids("cli indexer"), *lab.pids("cli timer")]
    for pid in services:
        allow(pid, lowest(pid))
    before, began = seconds(services), time.monotonic()
    pool = ThreadPoolExecutor(1)
    waiting = pool.submit(lab.call, "GET", "/livez")
    statuses = []
    # in embedded mode clients' connections need descriptors, too: they wait, and these calls with them
    for pid in services[: len(web) - 1]:
        allow(pid, lowest(pid) + 1)
    for path, body in (
        (f"{task}/logs/new.log", BODY),
        (f"{task}/logs/old.log", BODY + BODY),
    ):
        answer = lab.call("PUT", path, body, None, actor.key)
        statuses.append(answer.status)
        assert answer.status in (201, 204, 503), answer
        if answer.status == 503:
            # the database is what a thread that has not answered yet cannot open first
            assert any(word in answer.body for word in (b"can open no more files", b"the database cannot be used now"))
            assert answer.headers["Retry-After"]
    for _ in range(5):
        answer = lab.call("POST", f"{task}/results/", b"result=Pass&path=/x", FORM, actor.key)
        assert answer.status in (201, 503), answer
    assert 503 in statuses or lab.call("GET", "/readyz").status == 503
    until(lambda: time.monotonic() - began > 2, "two seconds of want")
    assert seconds(services) - before < (time.monotonic() - began) * 0.5, "it spins"

    for pid in services:
        allow(pid, PLENTY)
    assert waiting.result(40).status in (200, 503)
    pool.shutdown()
    until(lambda: lab.call("GET", "/readyz").status == 200, "readiness", 30)
    # those that ran before run still
    assert lab.pids("gunicorn") == web
    assert [pid for pid in services if pid in lab.pids("cli")] == services[len(web) - 1 :]
    assert lab.call("PUT", f"{task}/logs/new.log", BODY, None, actor.key).status in (201, 204)
    actor.result(0, "Pass", "/y")
    actor.status(0, "Completed")
    actor.run(1, ("Pass", "/"))
    assert lab.settled(actor.job)["result"] == "Pass"
    assert "Traceback" not in lab.said.read_text()


@pytest.mark.parametrize("front", ["apache", "none"])
def test_the_first_calls_of_all_are_answered(front: str) -> None:
    """A worker has done nothing yet and may open no file: what it would only load now costs no call its answer."""
    with running_lab(front) as lab:
        web = lab.pids("gunicorn")
        # whoever looked here for modules would look again
        (lab.data / "changed").touch()
        for pid in web[1:]:
            allow(pid, lowest(pid) + 1)
        for path in PATHS:
            # there are as many workers
            for _ in range(2):
                answer = lab.call("GET", path)
                assert answer.status < 500 or answer.status == 503, (path, answer)
        assert lab.pids("gunicorn") == web
        assert "Traceback" not in lab.said.read_text()


@pytest.mark.usefixtures("plenty")
@pytest.mark.parametrize("lab", ["apache"], indirect=True)
def test_httpd_without_descriptors_comes_back(lab: Lab) -> None:
    """Whatever its processes do for want of descriptors, uploads go through again once there are some."""
    actor = Acting(lab, "one", system="fronted").claim()
    actor.status(0, "Running")
    actor.log(0, "old.log", BODY)
    path = f"/recipes/{actor.recipe}/tasks/{actor.tasks[0]}/logs/old.log"
    parent, *children = lab.pids("-DFOREGROUND")
    for pid in children:
        allow(pid, lowest(pid))

    def put() -> int | None:
        try:
            return lab.call("PUT", path, BODY, None, actor.key).status
        except OSError:
            # the connection was broken off
            return None

    assert all(put() in (None, 204, 500, 503) for _ in range(3))
    for pid in lab.pids("-DFOREGROUND")[1:]:
        allow(pid, PLENTY)
    until(lambda: put() == 204, "an upload", 30)
    assert lab.pids("-DFOREGROUND")[0] == parent
    assert lab.call("GET", path).body == BODY
