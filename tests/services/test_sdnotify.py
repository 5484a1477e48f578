"""How processes tell a service manager how they are; and the web on a socket that is kept for it."""

import os
import re
import signal
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPException
from pathlib import Path

import pytest
from activation import Call, Keeper, keeper
from waiting import until

from wsgi_app.services import sdnotify


@pytest.fixture(scope="module")
def keeping() -> Iterator[Keeper]:
    """A service manager over data that the tests share."""
    with keeper() as made:
        yield made


@pytest.fixture
def kept(keeping: Keeper) -> Iterator[Keeper]:
    """A service manager that keeps no process."""
    yield keeping
    keeping.end()


def _workers(main: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{main}/task/{main}/children").read_text().split()]


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_a_notice_goes_to_the_socket_that_the_environment_names(tmp_path: Path, kind: str) -> None:
    """A notice is one datagram, to a socket with a path or an abstract one; the environment is emptied of it."""
    name = str(tmp_path / "n") if kind == "path" else f"@tackroom-{os.getpid()}-{time.monotonic_ns()}"
    environ = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid()), "OTHER": "1"}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0", 1))
        manager.settimeout(5)
        notices = sdnotify.taken(environ)
        notices.at_work()
        assert [manager.recv(100), manager.recv(100)] == [b"READY=1", b"WATCHDOG=1"]
        # a sign of life is not due again; what is told is told
        notices.at_work()
        notices.tell("STATUS=at work", "X=1")
        notices.stopping()
        assert [manager.recv(100), manager.recv(100)] == [b"STATUS=at work\nX=1", b"STOPPING=1"]
    assert environ == {"OTHER": "1"}
    assert notices.interval == 1.0


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"NOTIFY_SOCKET": ""},
        {"WATCHDOG_USEC": "3000000"},
        {"NOTIFY_SOCKET": "/nowhere/at/all", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"},
        {"NOTIFY_SOCKET": "/nowhere/at/all", "WATCHDOG_USEC": "0"},
        {"NOTIFY_SOCKET": "/nowhere/at/all", "WATCHDOG_USEC": "soon"},
    ],
)
def test_nobody_who_waits_is_told_nothing(environ: dict[str, str]) -> None:
    """Without a socket, or a watchdog that waits for this process, there is no sign of life; none of it fails."""
    notices = sdnotify.taken(environ)
    assert notices.interval is None
    notices.at_work()
    notices.stopping()
    assert not notices.tell("READY=1")


def test_no_call_is_lost_while_the_web_is_started_anew(kept: Keeper) -> None:
    """Calls of all kinds, some of them waiting, are answered 2xx while the web is restarted three times."""
    theirs = kept.directory / "theirs"
    theirs.write_text("whatever it was\n")
    (kept.directory / "data/run/url.new").symlink_to(theirs)
    process = kept.start("web")
    # a worker says it, not gunicorn's master
    assert kept.hear("READY=1", process=process) in _workers(process.pid)
    assert (kept.directory / "data/run/url").read_text() == "http://lab.example/\n"
    assert theirs.read_text() == "whatever it was\n"
    token = (kept.directory / "data/admin.token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    assert kept.call("POST", "/systems/", headers, b'{"name": "bench"}') == 201
    assert kept.call("POST", "/systems/", headers, b'{"name": "other"}') == 201
    job = b'{"recipe_sets": [{"recipes": [{"system": "other", "tasks": [{"name": "a", "command": ["true"]}]}]}]}'
    calls = [
        ("GET", "/jobs/?limit=1", None),
        ("GET", "/livez", None),
        ("POST", "/systems/bench/claim?wait=3", None),
        ("POST", "/jobs/", job),
    ]
    answers: Counter[tuple[str, str]] = Counter()
    before = _jobs(kept.directory)
    over = threading.Event()

    def call_on(method: str, path: str, body: bytes | None) -> None:
        while not over.wait(0.02):
            try:
                answer = str(kept.call(method, path, headers, body))
            except (OSError, HTTPException) as error:
                answer = repr(error)
            answers[path, answer] += 1

    callers = [threading.Thread(target=call_on, args=call) for call in calls * 2]
    for caller in callers:
        caller.start()
    try:
        for _ in range(3):
            done = answers["/jobs/", "201"]
            until(lambda done=done: answers["/jobs/", "201"] >= done + 3, "calls to be answered")  # type: ignore[misc]
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
            assert kept.place.is_socket()
            process = kept.start("web")
            kept.hear("READY=1", process=process)
    finally:
        over.set()
        for caller in callers:
            caller.join(40)
    assert {answer for _, answer in answers} <= {"200", "201", "204"}, answers
    assert _jobs(kept.directory) - before == answers["/jobs/", "201"]


def _jobs(directory: Path) -> int:
    with closing(sqlite3.connect(directory / "data/tackroom.db")) as database:
        count: int = database.execute("SELECT count(*) FROM jobs").fetchone()[0]
    return count


def test_the_web_gives_signs_of_life_only_while_the_database_answers(kept: Keeper) -> None:
    """Each worker gives them, also while somebody has the database locked; none does once the database is gone."""
    process = kept.start("web", watchdog=1.2)
    kept.hear("READY=1", process=process)
    workers = set(_workers(process.pid))
    assert len(workers) == 2

    def who() -> set[int]:
        kept.listen()
        return {pid for pid, text in kept.heard if text == "WATCHDOG=1"}

    until(lambda: who() == workers, "signs of life of both workers")
    database = kept.directory / "data/tackroom.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        kept.forget()
        until(lambda: who() == workers, "signs of life beside a lock")
    database.rename(database.with_name("away.db"))

    def silent() -> bool:
        kept.forget()
        return not _says_anything(kept, 1.5)

    until(silent, "silence")
    # it goes on answering: readers are told why it cannot work
    assert kept.call("GET", "/readyz") == 503
    database.with_name("away.db").rename(database)
    kept.forget()
    until(lambda: who() == workers, "signs of life again")


def _says_anything(kept: Keeper, seconds: float) -> bool:
    """Return whether anybody says anything within so many seconds."""
    kept.notices.settimeout(seconds)
    try:
        kept.notices.recv(4096)
    except TimeoutError:
        return False
    finally:
        kept.notices.setblocking(False)
    return True


def test_indexer_and_timer_tell_that_they_are_at_work_and_alive(kept: Keeper) -> None:
    """Both say that they have started once they have, give signs of life, and say that they end."""
    for name in ("indexer", "timer"):
        process = kept.start(name, watchdog=0.6)
        assert kept.hear("READY=1", process=process) == process.pid
        kept.forget()
        assert kept.hear("WATCHDOG=1", process=process) == process.pid
        assert (kept.directory / f"data/run/{name}.json").exists()
        os.kill(process.pid, signal.SIGSTOP)
        until(lambda pid=process.pid: re.search(r"^State:\s+T", _status(pid), re.M), "its standing still")  # type: ignore[misc]
        kept.forget()
        assert not _says_anything(kept, 0.8), name
        os.kill(process.pid, signal.SIGCONT)
        process.send_signal(signal.SIGTERM)
        kept.hear("STOPPING=1")
        assert process.wait(10) == 0


def _status(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()


def test_a_worker_that_was_killed_is_replaced_and_says_so(kept: Keeper) -> None:
    """After a kill -9 of a worker the next one answers, and gives signs of life under its own process id."""
    process = kept.start("web", watchdog=1.2, environ={"TACKROOM_WORKERS": "1"})
    first = kept.hear("READY=1", process=process)
    kept.forget()
    os.kill(first, signal.SIGKILL)
    # it waits in the socket meanwhile
    assert kept.call("GET", "/livez") == 200
    assert kept.hear("READY=1", process=process) != first


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"LISTEN_FDS": "0"}, "without systemd, use 'tackroom serve'"),
        ({"TACKROOM_FRONT": "none"}, "set front to apache, or use 'tackroom serve'"),
        ({"TACKROOM_BASE_URL": ""}, "base_url is not set: set it to the URL under which httpd answers"),
        ({"TACKROOM_DATA": "elsewhere"}, "set its ListenStream to that"),
    ],
)
def test_the_web_refuses_what_it_cannot_be_started_with(kept: Keeper, environ: dict[str, str], sentence: str) -> None:
    """Without the socket that httpd calls, or settings that it needs, it says so in one sentence and ends."""
    if "TACKROOM_DATA" in environ:
        environ = {"TACKROOM_DATA": str(kept.directory / environ["TACKROOM_DATA"])}
    process = kept.start("web", environ=environ)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert sentence in said
    assert said.count("\n") == 1
    assert kept.place.is_socket()


def test_a_waiting_call_is_sent_home_and_a_running_one_ends(kept: Keeper) -> None:
    """SIGTERM ends the web within its grace: the call that waits gets what there is, a slow upload is taken whole."""
    process = kept.start("web", environ={"TACKROOM_WORKERS": "1"})
    kept.hear("READY=1", process=process)
    token = (kept.directory / "data/admin.token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}", "X-Tackroom-Client": "127.0.0.1"}
    assert kept.call("POST", "/systems/", {**headers, "Content-Type": "application/json"}, b'{"name": "a"}') == 201
    waiting, running = Call(kept.place), Call(kept.place)
    with closing(waiting), closing(running):
        waiting.request("POST", "/systems/a/claim?wait=60", headers=headers)
        running.putrequest("POST", "/systems/")
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": "13"}.items():
            running.putheader(name, value)
        running.endheaders(b'{"name"')
        until(lambda: _waits(kept.directory), "the call to wait")
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert waiting.getresponse().status == 204
        running.send(b': "b"}')
        assert running.getresponse().status == 201
        assert process.wait(10) == 0
        assert time.monotonic() - began < 8


def _waits(directory: Path) -> bool:
    """Whether the system has called: its call waits from then on."""
    with closing(sqlite3.connect(directory / "data/tackroom.db")) as database:
        return bool(database.execute("SELECT last_seen FROM systems WHERE name = 'a'").fetchone()[0])
