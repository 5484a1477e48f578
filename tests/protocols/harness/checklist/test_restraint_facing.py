"""The checklist, what restraint needs: items 79 to 89 of harness-beaker.md section 4.

Where httpd has a part in it (79 to 82, 85, 87) in this process and behind httpd.
"""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urljoin

import pytest
from attrs import evolve
from lxml import etree
from webtest import TestApp

from tests.protocols.harness.checklist.doors import FORM, Recipe, WebDoor, submit
from wsgi_app import errors
from wsgi_app.config import Config
from wsgi_app.errors import TackroomError
from wsgi_app.protocols import web
from wsgi_app.protocols.harness import wire
from wsgi_app.store import db

#: libsoup gives up then, and sends the call again
PATIENCE = 60
MIB10 = 10 * 1024 * 1024


@pytest.mark.parametrize("target", ["/recipes/{0}/", "//recipes/{0}/", "/recipes/{0}"])
def test_79_head(either: Recipe, target: str) -> None:
    """Anything but 200, this very type and a length keeps restraint waiting for ever."""
    answer = either.raw("HEAD", target.format(either.id), status=200, headers={"Accept-Encoding": "gzip, deflate"})
    assert answer.headers["Content-Type"] == "application/xml"
    assert int(answer.headers["Content-Length"]) > 0
    assert answer.body == b""
    assert int(answer.headers["Content-Length"]) == len(either.call("GET", "").body)


@pytest.mark.parametrize("slashed", ["//recipes/{path}", "/recipes//{path}", "///recipes/{path}"])
def test_80_double_slash(either: Recipe, slashed: str) -> None:
    """Every verb is answered with slashes too many as without, and never by a redirect."""
    task = either.tasks[0]
    calls: list[tuple[str, str, bytes | None, int]] = [
        ("HEAD", "", None, 200),
        ("GET", "", None, 200),
        ("POST", f"tasks/{task}/status", b"status=Running", 204),
        ("PATCH", f"tasks/{task}/", b"version=1", 200),
        ("POST", "watchdog", b"seconds=600", 204),
        ("GET", "watchdog", None, 200),
        ("POST", f"tasks/{task}/results/", b"result=Pass", 201),
        ("PUT", f"tasks/{task}/logs/new.log", b"x", 201),
        ("PUT", f"tasks/{task}/logs/new.log", b"xy", 204),
        ("PUT", f"tasks/{task}/logs/taskout.log", b"x", 204),
        ("GET", f"tasks/{task}/logs/new.log", None, 200),
        ("GET", f"tasks/{task}//logs/", None, 200),
        ("POST", f"tasks//{task}//status", b"status=Completed", 204),
        ("POST", "status", b"status=Aborted", 204),
    ]
    for method, path, body, status in calls:
        headers = {"Content-Type": "text/plain" if method == "PUT" else FORM}
        either.raw(method, slashed.format(path=f"{either.id}/{path}"), body, status, headers)


@pytest.mark.parametrize("name", ["new.log", "taskout.log"])
def test_81_largest_body(either: Recipe, name: str) -> None:
    """Exactly 10 MiB passes, as a new log and as a chunk of one that exists."""
    path = f"tasks/{either.tasks[0]}/logs/{name}"
    status = 201 if name == "new.log" else 204
    either.call("PUT", path, b"x" * MIB10, status, {"Content-Range": f"bytes 0-{MIB10 - 1}/*"})
    either.call("PUT", path, b"y" * MIB10, 204, {"Content-Range": f"bytes {MIB10}-{2 * MIB10 - 1}/*"})
    written = either.on_disk(path)
    assert written.stat().st_size == 2 * MIB10
    with written.open("rb") as file:
        file.seek(MIB10 - 1)
        assert file.read(2) == b"xy"


@pytest.mark.parametrize("name", ["new.log", "taskout.log"])
def test_82_ranges(either: Recipe, name: str) -> None:
    """A range without a total is taken; a repeated one changes nothing; a gap is filled with zeros, or later."""
    path = f"tasks/{either.tasks[0]}/logs/{name}"
    first = 201 if name == "new.log" else 204
    for text, body, status in (
        ("bytes 0-4/*", b"01234", first),
        ("bytes 5-9/*", b"56789", 204),
        ("bytes 5-9/*", b"56789", 204),
        ("bytes 12-13/*", b"cd", 204),
    ):
        either.call("PUT", path, body, status, {"Content-Range": text})
    assert either.call("GET", path, status=200).body == b"0123456789\0\0cd"
    either.call("PUT", path, b"ab", 204, {"Content-Range": "bytes 10-11/*"})
    assert either.call("GET", path, status=200).body == b"0123456789abcd"


def test_83_extra_fields(recipe: Recipe) -> None:
    """What restraint sends along is passed over, control characters too."""
    task = recipe.tasks[0]
    recipe.form(f"tasks/{task}/status", "status=Running&etime=0&stime=0&x=%00", 204)
    recipe.form(f"tasks/{task}/results/", "result=WARN&path=%2F10_localwatchdog&no_plugins=%01&disable_plugin=a", 201)
    recipe.form("watchdog", "seconds=600&why=%01", 204)
    recipe.form(f"tasks/{task}/status", "status=Completed&etime=1795324551&stime=1795324551&version=%01", 204)
    assert recipe.statuses()[0] == "Completed"
    (result,) = recipe.results()
    assert (result["result"], result["path"], result["score"]) == ("Warn", "/10_localwatchdog", None)


def test_84_aborted_without_running(recipe: Recipe) -> None:
    """After rstrnt-abort the tasks behind the present one never run."""
    recipe.form(f"tasks/{recipe.tasks[1]}/status", "status=Aborted&stime=0&etime=0", 204)
    assert recipe.statuses() == ["Waiting", "Aborted"]


@pytest.mark.parametrize("host", ["localhost:8081", "127.0.0.1:8000", "somewhere.example"])
def test_85_host(either: Recipe, host: str) -> None:
    """Relayed calls have restraintd's own Host: it means nothing."""
    task = either.tasks[0]
    for method, path, body, status in (
        ("POST", f"tasks/{task}/results/", b"result=Pass", 201),
        ("PUT", f"tasks/{task}/logs/t1-big.log", b"x", 201),
        ("PUT", f"tasks/{task}/logs/t1-big.log", b"x", 204),
        ("POST", "watchdog", b"seconds=2400", 204),
        ("GET", "", None, 200),
    ):
        kind = {} if body is None else {"Content-Type": FORM if method == "POST" else "text/plain"}
        answer = either.call(method, path, body, status, {"Host": host, **kind})
        assert host not in str(answer.headers)
        assert host.encode() not in answer.body


class TestPrefix:
    """Location without a prefix and below one."""

    @pytest.fixture(params=["/", "/t/TOKEN/"])
    def config(self, config: Config, request: pytest.FixtureRequest) -> Config:
        """Both."""
        return evolve(config, prefix=request.param)

    def test_86_location(self, config: Config, web: TestApp, admin: dict[str, str]) -> None:
        """It is relative: right by RFC 9110 from where it was posted to, and for restraint, which drops the prefix."""
        root = config.prefix
        headers = {**admin, "Content-Type": "application/json"}
        assert web.post(f"{root}systems/", b'{"name": "s"}', headers=headers).status_int == 201
        job = b'{"recipe_sets": [{"recipes": [{"system": "s", "tasks": [{"name": "t"}]}]}]}'
        made = web.post(f"{root}jobs/", job, headers=headers).json["recipe_sets"][0]["recipes"][0]
        key = web.post(f"{root}recipes/{made['id']}/key", headers=admin).json["key"]
        url = f"{root}recipes/{made['id']}/tasks/{made['tasks'][0]['id']}/results/"
        answer = web.post(url, b"result=Pass", headers={"Authorization": f"Bearer {key}", "Content-Type": FORM})
        location = answer.headers["Location"]
        assert location.isdigit()
        # what the client does next
        log = f"{urljoin(url, location)}/logs/dmesg.log"
        web.put(log, b"x", headers={"Authorization": f"Bearer {key}"}, status=201)


def test_87_directories(either: Recipe) -> None:
    """mod_dav_fs makes none: a recipe's and its tasks' are there with it, a result's with the first log of it."""
    assert either.on_disk("logs").is_dir()
    for task in either.tasks:
        assert either.on_disk(f"tasks/{task}/logs").is_dir()
        for name in ("taskout.log", "harness.log"):
            assert either.on_disk(f"tasks/{task}/logs/{name}").is_file()
    number = either.result(either.tasks[0])
    assert not either.on_disk(f"tasks/{either.tasks[0]}/results").exists()
    either.call("PUT", f"tasks/{either.tasks[0]}/results/{number}/logs/a", b"x", status=201)
    assert either.on_disk(f"tasks/{either.tasks[0]}/results/{number}/logs/a").read_bytes() == b"x"


def every(kind: type[TackroomError]) -> Iterator[type[TackroomError]]:
    """All classes below one."""
    for below in kind.__subclasses__():
        yield below
        yield from every(below)


@pytest.mark.parametrize("kind", list(every(TackroomError)))
def test_88_refusals(kind: type[TackroomError]) -> None:
    """For good is 4xx, and restraint goes on; for now is 5xx, and it tries again. Nothing else."""
    passes = issubclass(kind, errors.Unavailable | errors.DiskFull)
    for table in (web.STATUS, wire.STATUS):
        status = web.status_of(kind(), table)
        assert (500 if passes else 400) <= status < (600 if passes else 500)
    answer = wire.refuse(kind())
    assert answer.status_code == web.status_of(kind(), wire.STATUS)
    assert "Location" not in answer.headers


@contextlib.contextmanager
def locked(config: Config) -> Iterator[None]:
    """Keep everyone else from writing to the database."""
    connection = sqlite3.connect(config.database, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


def test_88_a_busy_database(
    config: Config, make_web: Callable[[Config], tuple[TestApp, dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever cannot write is told 503 in time, also the last of many, so that restraint sends nothing twice.

    The seconds that a call waits for the database are scaled down, and restraint's patience with them.
    """
    scale = 50
    monkeypatch.setattr(db, "BUSY_SECONDS", db.BUSY_SECONDS / scale)
    application, headers = make_web(config)
    recipe = submit(WebDoor(application, headers["Authorization"].removeprefix("Bearer "), config.logs), [{}])[0]
    waited: list[tuple[int, float]] = []

    def report() -> None:
        started = time.monotonic()
        answer = recipe.form(f"tasks/{recipe.tasks[0]}/results/", "result=Pass")
        waited.append((answer.status, time.monotonic() - started))

    with locked(config):
        threads = [threading.Thread(target=report) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [status for status, _ in waited] == [503] * 12
    assert max(seconds for _, seconds in waited) < PATIENCE / scale
    # and then it works
    recipe.form(f"tasks/{recipe.tasks[0]}/results/", "result=Pass", 201)


def test_88_settings() -> None:
    """Nothing that we wait for by ourselves is as long as restraint's patience."""
    assert db.BUSY_SECONDS < PATIENCE


def test_89_live_and_stable(recipe: Recipe) -> None:
    """Status is live, for restraint runs again whatever has not ended; number and order of tasks never change."""

    def tasks() -> list[tuple[str | None, str | None]]:
        root = etree.fromstring(recipe.call("GET", "", status=200).body)
        return [(task.get("id"), task.get("status")) for task in root.iter("task")]

    first, second = (str(task) for task in recipe.tasks)
    seen = [tasks()]
    for task, status in (
        (first, "Running"),
        (first, "Completed"),
        (second, "Running"),
        (second, "Aborted"),
    ):
        recipe.say(int(task), status)
        seen.append(tasks())
    assert seen == [
        [(first, one), (second, two)]
        for one, two in (
            ("Waiting", "Waiting"),
            ("Running", "Waiting"),
            ("Completed", "Waiting"),
            ("Completed", "Running"),
            ("Completed", "Aborted"),
        )
    ]
