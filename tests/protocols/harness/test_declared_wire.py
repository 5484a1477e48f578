"""POST of logs: what is declared, what is answered, what is refused. design.md section 4."""

import hashlib
import json
from typing import Any

import pytest
from attrs import evolve
from webtest import TestApp, TestResponse

from wsgi_app.config import Config

LEVELS = ["logs/", "tasks/{task}/logs/", "tasks/{task}/results/{result}/logs/"]
DIGEST = hashlib.sha256(b"hello").hexdigest()
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def config(config: Config) -> Config:
    """Small limits."""
    return evolve(config, max_log=2000, max_logs=3)


def declare(harness: Any, path: str, value: object, status: int, **headers: str) -> TestResponse:
    """Declare a log."""
    answer: TestResponse = harness.call("POST", path, json.dumps(value).encode(), status, {**JSON, **headers})
    return answer


def code(answer: TestResponse) -> tuple[str, str | None]:
    """The code and field of a refusal, which is JSON."""
    assert answer.content_type == "application/json"
    error = answer.json["error"]
    assert error["message"]
    return error["code"], error["field"]


@pytest.mark.parametrize("level", LEVELS)
def test_a_log_to_come_is_registered(harness: Any, level: str) -> None:
    """201 and the log as the index has it; said again 200; another one 200, too, while it grows."""
    task = harness.tasks[0]
    path = level.format(task=task, result=harness.result(task) if "result" in level else 0) + "d/a.log"
    made = declare(harness, path, {"size": 5, "sha256": DIGEST.upper()}, 201).json
    assert made["declared"] == {"size": 5, "sha256": DIGEST}
    assert (made["path"], made["size"], made["state"], made["sha256"]) == (path, 0, "growing", None)
    assert harness.call("GET", "log-index").json["logs"] == [made]
    assert declare(harness, path, {"size": 5, "sha256": DIGEST}, 200).json == made
    assert declare(harness, path, {"size": None, "sha256": DIGEST}, 200).json["declared"] == {
        "size": None,
        "sha256": DIGEST,
    }
    harness.call("GET", path, status=404)
    harness.call("PUT", path, b"hello", 201)
    assert harness.call("GET", path).body == b"hello"


def test_what_is_there_is_declared_afterwards(harness: Any) -> None:
    """The log is registered already: 200; one that is not declared says null."""
    harness.call("PUT", "logs/a.log", b"hello", 201)
    assert harness.call("GET", "log-index").json["logs"][0]["declared"] is None
    assert declare(harness, "logs/a.log", {"size": 5}, 200).json["declared"] == {"size": 5, "sha256": None}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", ("document.invalid", None)),
        (b"size=5", ("document.invalid", None)),
        (b"[5]", ("input.invalid", None)),
        (b"{}", ("input.invalid", "size")),
        (b'{"size": null, "sha256": null}', ("input.invalid", "size")),
        (b'{"size": -1}', ("input.invalid", "size")),
        (b'{"size": true}', ("input.invalid", "size")),
        (b'{"size": 5.5}', ("input.invalid", "size")),
        (b'{"size": "5"}', ("input.invalid", "size")),
        (b'{"size": 2001}', ("input.invalid", "size")),
        (b'{"sha256": "abc"}', ("input.invalid", "sha256")),
        (b'{"sha256": 5}', ("input.invalid", "sha256")),
        (b'{"size": 5, "md5": "x"}', ("input.invalid", "md5")),
    ],
)
def test_bad_declarations(harness: Any, body: bytes, expected: tuple[str, str | None]) -> None:
    """400, naming the field; nothing is registered."""
    assert code(harness.call("POST", "logs/a.log", body, 400, JSON)) == expected
    assert harness.call("GET", "log-index").json["logs"] == []


def test_the_largest_log_may_be_declared(harness: Any) -> None:
    """Exactly as large as a log may be."""
    declare(harness, "logs/a.log", {"size": 2000}, 201)


def test_what_is_no_json(harness: Any) -> None:
    """415, and 413 beyond any declaration's length."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"):
        answer = harness.call("POST", "logs/a.log", b'{"size": 5}', 415, {"Content-Type": kind})
        assert code(answer) == ("http.unsupported-media-type", None)
    assert code(harness.call("POST", "logs/a.log", b" " * 4097, 413, JSON)) == ("body.too-large", None)


def test_who_may(harness: Any, make_harness: Any, admin: dict[str, str]) -> None:
    """As for PUT: a key of the recipe; 401, then 403, before anything is read."""
    other = make_harness(number=2)
    web: TestApp = harness.web
    url = f"/recipes/{harness.recipe}/logs/a.log"
    refused = web.post(url, b"nonsense", status=401)
    assert code(refused) == ("auth.required", None)
    assert refused.headers["WWW-Authenticate"] == 'Basic realm="tackroom"'
    for headers in (other.bearer, admin):
        assert code(web.post(url, b"nonsense", headers=headers, status=403)) == ("auth.denied", None)
    assert code(web.post("/recipes/999/logs/a.log", b"{}", headers=harness.bearer, status=403))[0] == "auth.denied"
    declare(harness, "logs/a.log", {"size": 5}, 201, **harness.basic)


def test_what_cannot_be_declared(harness: Any) -> None:
    """A bad name is 403 as for PUT, a directory 409, tasks and results that are not there 404."""
    assert code(declare(harness, "logs/.hidden", {"size": 5}, 403)) == ("log.bad-name", None)
    harness.call("PUT", "logs/d/a.log", b"hello", 201)
    assert code(declare(harness, "logs/d", {"size": 5}, 409)) == ("log.is-directory", None)
    assert code(declare(harness, "logs/d/a.log/b", {"size": 5}, 409)) == ("log.is-directory", None)
    assert code(declare(harness, "tasks/9999/logs/a", {"size": 5}, 404)) == ("task.unknown", None)
    assert (
        code(declare(harness, f"tasks/{harness.tasks[0]}/results/9999/logs/a", {"size": 5}, 404))[0] == "result.unknown"
    )


def test_a_full_recipe_takes_no_further_declaration(harness: Any) -> None:
    """A declared log counts as one; those that are there may still be declared."""
    task = f"tasks/{harness.tasks[0]}/logs/"
    for number in range(3):
        declare(harness, f"{task}{number}", {"size": 5}, 201)
    for _ in range(2):
        assert code(declare(harness, f"{task}3", {"size": 5}, 403))[0] == "recipe.too-many-logs"
    declare(harness, f"{task}2", {"size": 6}, 200)
    assert [result["message"] for result in harness.results()] == ["Too many logs in recipe"]


def test_a_closed_log_hears_only_what_was_said(harness: Any) -> None:
    """When the task has finished: 409, but 200 for the very same declaration."""
    path = f"tasks/{harness.tasks[0]}/logs/a.log"
    declare(harness, path, {"size": 5}, 201)
    harness.say(harness.tasks[0], "Running")
    harness.say(harness.tasks[0], "Completed")
    assert declare(harness, path, {"size": 5}, 200).json["state"] == "growing"
    assert code(declare(harness, path, {"size": 6}, 409)) == ("log.closed", None)
    assert code(declare(harness, path.replace("a.log", "b.log"), {"size": 6}, 409)) == ("log.closed", None)


def test_the_other_methods_are_named(harness: Any) -> None:
    """405 says what a log takes."""
    answer = harness.call("DELETE", "logs/a.log", status=405)
    assert {method.strip() for method in answer.headers["Allow"].split(",")} == {"GET", "HEAD", "PUT", "POST"}
