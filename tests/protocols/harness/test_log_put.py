"""PUT of logs in embedded mode: harness-beaker.md 1.5, design.md section 2, checklist 57-63, 81, 82."""

from typing import Any

import pytest
from attrs import evolve
from webtest import TestApp

from wsgi_app.app import Application
from wsgi_app.config import Config

LEVELS = ["logs/", "tasks/{task}/logs/", "tasks/{task}/results/{result}/logs/"]


@pytest.fixture
def config(config: Config) -> Config:
    """Small limits."""
    return evolve(config, max_body=1000, max_log=2000)


def below(harness: Any, level: str) -> str:
    """A level's path for the first task and a fresh result of it."""
    task = harness.tasks[0]
    return level.format(task=task, result=harness.result(task) if "result" in level else 0)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["a.log", "d/e/a.log", "%C3%A9 %7E.log", "a%3Fb", "logs/results/1/logs/x"])
def test_57_whole(harness: Any, level: str, name: str) -> None:
    """A whole file is 201 when it is new and 204 when it replaces; it reads back and is listed."""
    path = below(harness, level) + name
    created = harness.call("PUT", path, b"one\ntwo\n", 201)
    assert "Location" not in created.headers
    harness.call("PUT", path, b"three", 204)
    assert harness.call("GET", path, status=200).body == b"three"
    (log,) = harness.call("GET", "log-index").json["logs"]
    assert log["state"] == "growing"


@pytest.mark.parametrize("level", LEVELS)
def test_58_82_ranges(harness: Any, level: str) -> None:
    """Ranges are written where they say, a repeated one changes nothing, a hole reads as zeros."""
    path = below(harness, level) + "a.log"
    for text, body, status in (
        ("bytes 0-9/*", b"0123456789", 201),
        ("bytes 10-19/20", b"abcdefghij", 204),
        ("bytes 10-19/20", b"abcdefghij", 204),
        ("bytes 24-25/*", b"yz", 204),
        ("BYTES 0-0/26", b"X", 204),
    ):
        harness.call("PUT", path, body, status, {"Content-Range": text})
    assert harness.call("GET", path).body == b"X123456789abcdefghij\0\0\0\0yz"


@pytest.mark.parametrize(
    ("text", "length", "status"),
    [
        ("bytes 0-9/*", 10, 201),
        ("bytes 0-9/10", 10, 201),
        ("bytes 1990-1999/2000", 10, 201),
        ("bytes 0-9/*", 9, 400),
        ("bytes 0-9/*", 11, 400),
        ("bytes 0-9/9", 10, 400),
        ("bytes 9-0/*", 10, 400),
        ("bytes 0-9", 10, 400),
        ("bytes=0-9/*", 10, 400),
        ("bytes */10", 10, 400),
        ("octets 0-9/*", 10, 400),
        ("bytes  0-9/*", 10, 400),
        ("bytes 0 - 9/*", 10, 400),
        ("bytes +0-9/*", 10, 400),
        ("bytes \u0660-9/*".encode().decode("latin-1"), 10, 400),
        ("bytes 1991-2000/*", 10, 416),
        ("bytes 9999999999999999990-9999999999999999999/*", 10, 416),
        ("bytes 0-" + "9" * 400 + "/*", 10, 416),
        ("bytes 00-0009/*", 10, 201),
        ("bytes 0-" + "9" * 7000 + "/*", 10, 416),
        ("bytes 0-9/" + "9" * 7000, 10, 400),
        ("bytes 0-9/9223372036854775807", 10, 201),
        ("bytes 0-9/9223372036854775808", 10, 400),
        ("bytes 9-2000/1", 10, 416),
        ("junk", 10, 400),
    ],
)
def test_content_range(harness: Any, text: str, length: int, status: int) -> None:
    """A range reads as RFC 9110 says, is as long as the body, ends within the largest log; else nothing is made."""
    path = "logs/a.log"
    harness.call("PUT", path, b"x" * length, status, {"Content-Range": text})
    harness.call("GET", path, status=200 if status == 201 else 404)


@pytest.mark.parametrize(("length", "status"), [(0, 201), (1000, 201), (1001, 413)])
def test_61_62_81_sizes(harness: Any, length: int, status: int) -> None:
    """An empty body makes an empty log, exactly the limit passes, one byte more is 413."""
    harness.call("PUT", "logs/a.log", b"x" * length, status)
    if status == 201:
        assert len(harness.call("GET", "logs/a.log", status=200).body) == length


@pytest.mark.parametrize("status", ["watchdog", "status", "tasks/{task}/status", "tasks/{task}/results/"])
def test_62_other_bodies(harness: Any, status: str) -> None:
    """413 is for every call."""
    harness.form(status.format(task=harness.tasks[0]), "x=" + "y" * 999, 413)


@pytest.mark.parametrize("headers", [{}, {"Transfer-Encoding": "chunked"}])
def test_no_length(harness: Any, application: Application, headers: dict[str, str]) -> None:
    """A body of unknown length is 411, also where the log exists, which stays as it is."""
    harness.call("PUT", "logs/old", b"old", 201)
    for name in ("old", "new"):
        url = f"/recipes/{harness.recipe}/logs/{name}"
        request = harness.web.RequestClass.blank(url, method="PUT", headers={**harness.bearer, **headers})
        # WebTest itself would add it
        request.environ.pop("CONTENT_LENGTH", None)
        assert request.get_response(application).status_int == 411
    assert harness.call("GET", "logs/old").body == b"old"
    harness.call("GET", "logs/new", status=404)


@pytest.mark.parametrize(
    "name",
    [
        ".hidden",
        "a/.b",
        "..",
        "a/../b",
        ".davfs.tmp1",
        "a%5Cb",
        "a%0A",
        "a%00",
        "a%7F",
        "%FF",
        "%ED%A0%80",
        "a/",
        "x" * 256,
        "/".join(["x" * 99] * 11),
    ],
)
@pytest.mark.parametrize("level", LEVELS[:2])
def test_names(harness: Any, level: str, name: str) -> None:
    """The name rule: 403 for writing and reading alike, and nothing is made."""
    path = below(harness, level) + name
    harness.call("PUT", path, b"x", 403)
    harness.call("GET", path, status=403)
    assert harness.call("GET", "log-index").json["logs"] == []


def test_longest_names(harness: Any) -> None:
    """A component of 255 bytes and a name of 1,000 bytes are names."""
    for name in ("x" * 255, "/".join(["x" * 99] * 10)):
        harness.call("PUT", f"logs/{name}", b"x", 201)


@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("a/b", "a"), ("a/b", "a/b/c")])
def test_log_and_directory(harness: Any, first: str, second: str) -> None:
    """A log and a directory cannot have one name: 409."""
    harness.call("PUT", f"logs/{first}", b"x", 201)
    harness.call("PUT", f"logs/{second}", b"x", 409)
    harness.call("GET", f"logs/{second}", status=404)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("end", ["task", "recipe", "abort"])
def test_59_finished(harness: Any, level: str, end: str) -> None:
    """A finished owner takes neither a new log nor more of an old one: 409."""
    path = below(harness, level)
    harness.call("PUT", path + "old", b"old", 201)
    if end == "task":
        harness.say(harness.tasks[0], "Running")
        harness.say(harness.tasks[0], "Completed")
    elif end == "recipe":
        harness.finish()
    else:
        harness.form("status", "status=Aborted", 204)
    status = 201 if end == "task" and level == "logs/" else 409
    harness.call("PUT", path + "new", b"new", status)
    harness.call("PUT", path + "old", b"new", 204 if status == 201 else 409)
    harness.call("PUT", path + "old", b"n", 204 if status == 201 else 409, {"Content-Range": "bytes 0-0/*"})


def test_unknown_owner(harness: Any, make_harness: Any) -> None:
    """What a log belongs to must be there, and be the recipe's: 404; an unknown recipe has no key: 403."""
    other = make_harness(number=2)
    first, second = harness.tasks
    result = harness.result(first)
    for path in (
        f"tasks/{other.tasks[0]}/logs/a",
        f"tasks/{harness.recipe}/logs/a",
        f"tasks/{second}/results/{result}/logs/a",
        f"tasks/{first}/results/{first}/logs/a",
        "tasks/0/logs/a",
    ):
        harness.call("PUT", path, b"x", 404)
    harness.web.put("/recipes/999/logs/a", b"x", headers=harness.bearer, status=403)


def test_who_may_write(make_harness: Any, admin: dict[str, str]) -> None:
    """401 before 403 before 409; keys as Bearer and Basic; a user's token, admin's too, is no key of the gate."""
    own, other = make_harness(number=1), make_harness(number=2)
    url = f"/recipes/{own.recipe}/logs/a"
    web: TestApp = own.web
    assert web.put(url, b"x", status=401).headers["WWW-Authenticate"] == 'Basic realm="tackroom"'
    for headers in (other.bearer, other.basic, {"Authorization": "Bearer x"}, admin):
        web.put(url, b"x", headers=headers, status=403)
    web.put(url, b"x", headers=own.basic, status=201)
    own.finish()
    web.put(url, b"x", status=401)
    web.put(url, b"x", headers=other.bearer, status=403)
    web.put(url, b"x", headers=own.bearer, status=409)


class TestLimit:
    """A recipe has at most so many task and result logs."""

    @pytest.fixture
    def config(self, config: Config) -> Config:
        """Two logs a recipe."""
        return evolve(config, max_logs=2)

    def test_63_too_many(self, harness: Any) -> None:
        """Beyond the limit it is 403 with Beaker's words and one Warn; recipe logs do not count; old logs go on."""
        task = harness.tasks[0]
        result = harness.result(task)
        harness.call("PUT", f"tasks/{task}/logs/a", b"x", 201)
        harness.call("PUT", f"tasks/{task}/results/{result}/logs/a", b"x", 201)
        for path in (f"tasks/{task}/logs/b", f"tasks/{task}/results/{result}/logs/b", f"tasks/{task}/logs/b"):
            assert b"Too many logs in recipe" in harness.call("PUT", path, b"x", 403).body
        harness.call("PUT", "logs/b", b"x", 201)
        harness.call("PUT", f"tasks/{task}/logs/a", b"y", 204)
        assert [item["message"] for item in harness.results()] == [None, "Too many logs in recipe"]
