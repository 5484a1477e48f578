"""The indexer as a whole, on a real core and a real disk."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial

from attrs import evolve
from corelab import CoreLab as Lab

from wsgi_app.indexer import index, service
from wsgi_app.states import LogState, ResultValue

Until = Callable[[Callable[[], bool]], None]

SERVE = """
import pathlib, sys, threading
from wsgi_app.config import Config
from wsgi_app.core.gateway import open_gateway
from wsgi_app.indexer import index, service
config = Config(data=pathlib.Path(sys.argv[1]), quiet_seconds=0.1)
print("up", flush=True)
service.run(open_gateway(config), config, threading.Event())
"""


def test_a_log_grows_and_is_finished(running: Lab, until: Until) -> None:
    """A log that Apache writes is registered, its size is told, and when its recipe ends its results count."""
    recipe = running.start()
    path = f"tasks/{recipe.tasks[0].id}/logs/taskout.log"
    file = running.write(recipe, path, b"TAP version 13\n1..2\nok 1 - a\n")
    until(lambda: path in running.logs(recipe) and running.logs(recipe)[path].size == 29)
    with file.open("ab") as more:
        more.write(b"not ok 2 - b\n")
    until(lambda: running.logs(recipe)[path].size == 42)
    assert running.logs(recipe)[path].state is LogState.GROWING
    running.finish(recipe)
    until(lambda: running.recipe(recipe.id).settled)
    log = running.logs(recipe)[path]
    assert (log.state, log.size, log.lines, log.format) == (LogState.FINISHED, 42, 4, "tap")
    assert [(result.path, result.result, result.line) for result in running.results(recipe)] == [
        ("/a", ResultValue.PASS, 3),
        ("/b", ResultValue.FAIL, 4),
    ]
    assert running.recipe(recipe.id).result is ResultValue.FAIL
    assert running.recipe(recipe.id).late is False


def test_a_finished_task_is_not_held_up_by_its_recipe(running: Lab, until: Until) -> None:
    """A task's logs are indexed when the task ends, a recipe's only when the recipe does."""
    recipe = running.start(tasks=2)
    first, second = (f"tasks/{task.id}/logs/out.log" for task in recipe.tasks)
    for path in (first, second, "logs/console.log"):
        running.write(recipe, path, b"hello\n")
    running.finish(recipe, 0)
    until(lambda: running.state(recipe, first) is LogState.FINISHED)
    assert running.state(recipe, second) is LogState.GROWING
    assert running.state(recipe, "logs/console.log") is LogState.GROWING
    running.finish(recipe, 1)
    until(lambda: running.recipe(recipe.id).settled)
    assert {log.state for log in running.logs(recipe).values()} == {LogState.FINISHED}


def test_logs_made_in_advance_are_not_seen(running: Lab, until: Until) -> None:
    """Empty logs that nobody wrote are no logs; a recipe without logs settles."""
    recipe = running.start()
    running.finish(recipe)
    until(lambda: running.recipe(recipe.id).settled)
    assert running.logs(recipe) == {}


def test_a_writer_holds_up_the_end(running: Lab, until: Until) -> None:
    """A log that somebody still holds open is read when it is closed, with all that came."""
    recipe = running.start()
    path = "logs/console.log"
    other = running.start()
    with running.write(recipe, path, b"[    1.000000] a\n").open("ab", buffering=0) as file:
        running.finish(recipe)
        running.finish(other)
        until(lambda: running.recipe(other.id).settled)
        assert not running.recipe(recipe.id).settled
        file.write(b"Kernel panic - not syncing: late\n")
    until(lambda: running.recipe(recipe.id).settled)
    assert [result.result for result in running.results(recipe)] == [ResultValue.PANIC]


def test_a_log_that_changes_later_is_read_again(running: Lab, until: Until) -> None:
    """While its recipe is not settled, a log that changes after it was indexed has its results replaced."""
    recipe = running.start(tasks=2)
    path = f"tasks/{recipe.tasks[0].id}/logs/out.log"
    running.write(recipe, path, b"1..1\nok 1 - a\n")
    running.finish(recipe, 0)
    until(lambda: running.logs(recipe).get(path) is not None and running.logs(recipe)[path].lines == 2)
    running.write(recipe, path, b"1..1\nnot ok 1 - a\n# more\n")
    until(lambda: running.logs(recipe)[path].lines == 3)
    assert [result.result for result in running.results(recipe)] == [ResultValue.FAIL]


def test_what_is_found_again_keeps_its_id(lab: Lab) -> None:
    """Of a log that is read again only what differs is stored anew and told; what comes twice is there twice."""
    recipe = lab.start()
    path = "logs/out.log"
    file = lab.write(recipe, path, b"1..4\nok 1 - a\nok 2 - b\nnot ok 3 - c\nok 4 - d\n")

    def read() -> dict[str | None, int]:
        lab.gateway.logs.indexed(recipe.id, path, index.read(file, "out.log", 100))
        return {result.path: result.id for result in lab.results(recipe)}

    first = read()
    file.write_bytes(b"1..4\nok 1 - a\nok 2 - new\nok 3 - c\nok 4 - d\n")
    second = read()
    assert (second["/a"], second["/d"]) == (first["/a"], first["/d"])
    assert second["/c"] > first["/d"]
    assert set(second) == {"/a", "/new", "/c", "/d"}
    assert lab.recipe(recipe.id).result is ResultValue.PASS
    assert len(lab.events("result")) == 6


def test_one_bad_log_stops_no_other(running: Lab, until: Until) -> None:
    """A log that cannot be read, here a link, is passed over; the others are indexed."""
    recipe = running.start()
    (running.config.logs / str(recipe.id) / "logs").mkdir(exist_ok=True)
    (running.config.logs / str(recipe.id) / "logs" / "link.log").symlink_to("/etc/passwd")
    running.write(recipe, "logs/fine.log", b"fine\n")
    running.finish(recipe)
    until(lambda: running.recipe(recipe.id).settled)
    assert set(running.logs(recipe)) == {"logs/fine.log"}


def test_what_happened_before_the_start_is_caught_up(lab: Lab, until: Until) -> None:
    """Logs that came, and recipes that ended, while no indexer ran are indexed when one does."""
    recipes = [lab.start() for _ in range(3)]
    for recipe in recipes:
        lab.write(recipe, f"tasks/{recipe.tasks[0].id}/results/7/logs/deep/er.log", b"error: x\n")
        lab.finish(recipe)
    stop = threading.Event()
    thread = threading.Thread(target=service.run, args=(lab.gateway, lab.config, stop))
    thread.start()
    try:
        until(lambda: all(lab.recipe(recipe.id).settled for recipe in recipes))
    finally:
        stop.set()
        thread.join()
    for recipe in recipes:
        (log,) = lab.logs(recipe).values()
        assert [(mark.kind, mark.line) for mark in log.marks] == [("error", 1)]


def test_kill_at_any_moment(lab: Lab, until: Until) -> None:
    """However often the indexer is killed, each log is indexed once as far as readers can tell."""
    recipe = lab.start(tasks=30)
    for task in recipe.tasks:
        lab.write(recipe, f"tasks/{task.id}/logs/out.log", b"1..2\nok 1 - a\nok 2 - b\n" + b"noise\n" * 100_000)
    lab.finish(recipe)

    def serve() -> subprocess.Popen[bytes]:
        path = os.pathsep.join(sys.path)
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(lab.config.data)], stdout=subprocess.PIPE, env={"PYTHONPATH": path}
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        return process

    def finished(least: int = 0) -> bool:
        return sum(log.state is LogState.FINISHED for log in lab.logs(recipe).values()) >= least

    for goal in (1, 8, 20):
        with serve() as process:
            until(partial(finished, goal))
            process.send_signal(signal.SIGKILL)
    with serve() as process:
        until(lambda: lab.recipe(recipe.id).settled)
        process.send_signal(signal.SIGKILL)
    assert finished(30)
    assert len(lab.results(recipe)) == 60
    ends = [data["path"] for data in lab.events("log") if data["state"] == LogState.FINISHED]
    assert len(ends) == len(set(ends)) == 30


def test_the_config_can_poll_often(lab: Lab, until: Until) -> None:
    """Reconciling all the time changes nothing that readers see."""
    config = evolve(lab.config, reconcile_seconds=0)
    recipe = lab.start()
    lab.write(recipe, "logs/a.log", b"a\n")
    stop = threading.Event()
    thread = threading.Thread(target=service.run, args=(lab.gateway, config, stop))
    thread.start()
    try:
        until(lambda: "logs/a.log" in lab.logs(recipe))
        lab.finish(recipe)
        until(lambda: lab.recipe(recipe.id).settled)
    finally:
        stop.set()
        thread.join()
    assert [data["state"] for data in lab.events("log")] == [LogState.GROWING, LogState.FINISHED]
