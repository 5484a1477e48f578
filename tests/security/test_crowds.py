"""More connections than anybody needs: harnesses are served meanwhile, and afterwards all is as before."""

import json
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cast import Cast, Running
from crowd import crowd
from exchange import exchange
from lab import Lab, running_lab
from waiting import until

IDLE = 10_000
#: seconds that a single call may take at most, on a busy machine; a harness waits for longer than that
PATIENCE = 20


@pytest.fixture(scope="module")
def apache_lab() -> Iterator[Lab]:
    """A Tackroom of its own behind httpd, with the descriptors that a login gets."""
    with running_lab("apache") as made:
        yield made


@pytest.fixture(scope="module")
def running(apache_lab: Lab) -> Running:
    """A recipe whose harness is at work."""
    made = Cast(apache_lab).running()
    assert apache_lab.call("PUT", made.url + "logs/busy.log", b"x", key=made.key).status == 201
    return made


@contextmanager
def at_work(lab: Lab, running: Running) -> Iterator[list[float]]:
    """Upload and ask all the time over fresh connections, and yield the seconds that each call took."""
    took: list[float] = []
    done = threading.Event()
    troubles: list[object] = []

    def work() -> None:
        while not done.wait(0.02):
            for method, path, body, status in (
                ("PUT", running.url + "logs/busy.log", b"x", 204),
                ("GET", running.url + "watchdog", None, 200),
            ):
                began = time.monotonic()
                try:
                    answer = lab.call(method, path, body, key=running.key)
                except OSError as error:
                    troubles.append(error)
                    return
                took.append(time.monotonic() - began)
                if answer.status != status:
                    troubles.append(answer)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield took
    finally:
        done.set()
        thread.join()
    assert not troubles, troubles[:3]
    assert took


def sockets(lab: Lab) -> int:
    """Return how many sockets httpd has open."""
    found = 0
    for pid in lab.pids("tackroom.conf"):
        # httpd ends processes and connections while we look
        with suppress(FileNotFoundError, ProcessLookupError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(FileNotFoundError):
                    found += str(descriptor.readlink()).startswith("socket:")
    return found


def megabytes(lab: Lab) -> int:
    """Return the memory of httpd's processes, what they share counted once."""
    kilobytes = 0
    for pid in lab.pids("tackroom.conf"):
        with suppress(FileNotFoundError, ProcessLookupError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes // 1024


def test_ten_thousand_idle_connections(apache_lab: Lab, running: Running) -> None:
    """They cost some memory, and nobody time: uploads and calls go on, and all is given back when they are gone."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < IDLE + 2000:
        pytest.skip(f"a process may open only {most} files here")
    before = sockets(apache_lab)
    with crowd(apache_lab.port, IDLE, 0) as clients, at_work(apache_lab, running) as took:
        assert clients.stdout is not None
        assert json.loads(clients.stdout.readline()) == {"answered": IDLE, "stopped": 0}
        assert max(took) < PATIENCE
        took.clear()
        until(lambda: len(took) > 50, "calls beside the crowd", 60)
        assert sorted(took)[len(took) // 2] < 2
        assert sockets(apache_lab) > IDLE
        # 241 MiB where this was written
        assert megabytes(apache_lab) < 600
    until(lambda: sockets(apache_lab) < before + 500, "the connections to be given back", 60)


def test_more_halves_than_threads(apache_lab: Lab, running: Running) -> None:
    """Heads that are never completed hold each thread of httpd for some seconds, and then no more."""
    with crowd(apache_lab.port, 1000, 3500) as clients, at_work(apache_lab, running) as took:
        assert clients.stdout is not None
        assert json.loads(clients.stdout.readline())["stopped"] == 3500
        until(lambda: len(took) > 2, "a call beside the crowd", 60)
        # two rounds of five seconds, where one would do with a thread for each
        assert max(took) < 40
        until(lambda: len(took) > 20 and max(took[-20:]) < 2, "the crowd to be sent away", 60)


def test_a_flood_of_wrong_keys(apache_lab: Lab, running: Running) -> None:
    """Who tries keys as fast as can be finds none, and costs others little."""
    wrong = "".join(
        f"PUT {running.url}logs/busy.log HTTP/1.1\r\nHost: lab\r\nAuthorization: Bearer {number:043}\r\n"
        "Content-Length: 1\r\n\r\nx"
        f"GET {running.url}logs/none-{number} HTTP/1.1\r\nHost: lab\r\nAuthorization: Bearer {number:043}\r\n\r\n"
        for number in range(250)
    ).encode()
    with at_work(apache_lab, running) as took:
        said = [exchange(apache_lab.port, wrong, seconds=60) for _ in range(2)]
        assert all(each.statuses == [403, 404] * 250 for each in said)
        assert len(took) > 4
        assert max(took) < PATIENCE
