"""The checklist, logs: items 57 to 63 of harness-beaker.md section 4, in this process and behind httpd.

64 (Beaker's own place on disk) and 65 (public log URLs) are not ours.
"""

import pytest
from attrs import evolve

from tests.protocols.harness.checklist.doors import Recipe
from wsgi_app.config import Config

LEVELS = {
    "recipe": "logs/",
    "task": "tasks/{task}/logs/",
    "result": "tasks/{task}/results/{result}/logs/",
}
levels = pytest.mark.parametrize("level", LEVELS)


@pytest.fixture
def config(config: Config) -> Config:
    """Five logs instead of 7,500, which take a while."""
    return evolve(config, max_logs=5)


def below(recipe: Recipe, level: str) -> str:
    """A level's path below the recipe, for its first task and a fresh result of it."""
    task = recipe.tasks[0]
    return LEVELS[level].format(task=task, result=recipe.result(task) if level == "result" else 0)


def finish_first(recipe: Recipe) -> None:
    """End the first task."""
    recipe.say(recipe.tasks[0], "Running")
    recipe.say(recipe.tasks[0], "Completed")


@levels
def test_57_whole_file(either: Recipe, level: str) -> None:
    """A whole file: 201 when it is new, as mod_dav_fs has it; stored, and registered once under its name."""
    path = below(either, level) + "some-log.txt"
    either.call("PUT", path, b"a" * 10, 201)
    assert either.call("GET", path, status=200).body == b"a" * 10
    assert either.on_disk(path).read_bytes() == b"a" * 10
    either.call("PUT", path, b"b" * 5, 204)
    assert either.call("GET", path, status=200).body == b"b" * 5
    assert either.logs() == [path]


@levels
def test_58_second_range(either: Recipe, level: str) -> None:
    """The second half behind the first makes the whole."""
    path = below(either, level) + "some-log.txt"
    either.call("PUT", path, b"a" * 10, 201, {"Content-Range": "bytes 0-9/20"})
    either.call("PUT", path, b"b" * 10, 204, {"Content-Range": "bytes 10-19/20"})
    assert either.call("GET", path, status=200).body == b"a" * 10 + b"b" * 10
    assert either.on_disk(path).stat().st_size == 20


@levels
@pytest.mark.parametrize("headers", [{}, {"Content-Range": "bytes 0-9/*"}], ids=["whole", "range"])
def test_59_finished(either: Recipe, level: str, headers: dict[str, str]) -> None:
    """What has finished takes no new log: a recipe, a task, a result's task. Nor, unlike Beaker, more of an old one."""
    path = below(either, level)
    either.call("PUT", f"{path}old.txt", b"a" * 10, 201)
    if level == "recipe":
        either.finish()
    else:
        finish_first(either)
    for _ in range(2):
        either.call("PUT", f"{path}new.txt", b"a" * 10, 409, headers)
    either.call("PUT", f"{path}old.txt", b"b" * 10, 409, headers)
    assert not either.on_disk(f"{path}new.txt").exists()
    assert either.on_disk(f"{path}old.txt").read_bytes() == b"a" * 10


@levels
def test_60_missing(either: Recipe, level: str) -> None:
    """A log that nobody wrote is 404."""
    either.call("GET", below(either, level) + "notexist.txt", status=404)


@levels
def test_61_empty(either: Recipe, level: str) -> None:
    """An empty PUT makes an empty file."""
    path = below(either, level) + "empty.txt"
    either.call("PUT", path, b"", 201)
    assert either.on_disk(path).stat().st_size == 0
    assert either.call("GET", path, status=200).body == b""


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/plain"}], ids=["bare", "typed"])
@pytest.mark.parametrize("there", [False, True], ids=["new", "existing"])
def test_62_too_large(either: Recipe, there: bool, headers: dict[str, str]) -> None:
    """10 MiB and one byte is 413, with and without a content type, and nothing of it is stored."""
    if there:
        either.call("PUT", "logs/large.txt", b"small", 201)
    either.call("PUT", "logs/large.txt", b"x" * (10 * 1024 * 1024 + 1), 413, headers)
    assert (either.on_disk("logs/large.txt").exists(), there) in ((False, False), (True, True))
    assert not there or either.on_disk("logs/large.txt").read_bytes() == b"small"


@pytest.mark.parametrize("target", ["watchdog", "status", "tasks/{task}/status", "tasks/{task}/results/"])
def test_62_too_large_for_others(either: Recipe, target: str) -> None:
    """The same for whatever else takes a body."""
    path = target.format(task=either.tasks[0])
    either.call("POST", path, b"x" * (10 * 1024 * 1024 + 1), 413)


def test_63_too_many(either: Recipe) -> None:
    """At the limit, a new task log or result log is 403 and says so, with one Warn; recipe logs do not count."""
    task = either.tasks[0]
    result = either.result(task)
    owners = (f"tasks/{task}/logs/", f"tasks/{task}/results/{result}/logs/")
    for number in range(5):
        either.call("PUT", f"{owners[number % 2]}{number}.txt", b"x", 201)
    for number in range(2):
        for owner in owners:
            answer = either.call("PUT", f"{owner}more{number}.txt", b"x", 403)
            assert b"Too many logs in recipe" in answer.body
    told = [found for found in either.results() if found["message"] is not None]
    assert [(found["result"], found["path"], found["message"]) for found in told] == [
        ("Warn", "/", "Too many logs in recipe")
    ]
    either.call("PUT", "logs/recipe.txt", b"x", 201)
    either.call("PUT", f"{owners[0]}0.txt", b"y", 204, {"Content-Range": "bytes 1-1/*"})


def test_63_default() -> None:
    """Unless set otherwise the limit is Beaker's."""
    assert Config().max_logs == 7500
