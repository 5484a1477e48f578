"""Declared logs, on a real core and a real disk: sealed while their owner runs, damaged when they are not that."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import field, frozen
from corelab import CoreLab
from inotify_simple import INotify, flags

from wsgi_app.core import gate
from wsgi_app.errors import LogClosed
from wsgi_app.indexer import index, service
from wsgi_app.indexer.reading import REST
from wsgi_app.model import Declaration, LogAddress, Recipe
from wsgi_app.states import LogState, ResultValue, TaskStatus

Until = Callable[[Callable[[], bool]], None]

TAP = b"TAP version 13\n1..2\nok 1 - a\nnot ok 2 - b\n"


def sha256(content: bytes) -> str:
    """The digest that is declared of this content."""
    return hashlib.sha256(content).hexdigest()


@frozen
class Reads:
    """Watches who reads a file."""

    inotify: INotify = field(factory=INotify)

    def count(self) -> int:
        """How many reads there were since the last count."""
        return len(self.inotify.read(timeout=0))


@contextmanager
def reads_of(file: Path) -> Iterator[Reads]:
    """Count the reads of a file."""
    reads = Reads()
    reads.inotify.add_watch(file, flags.ACCESS)
    try:
        yield reads
    finally:
        reads.inotify.close()


@contextmanager
def indexing(lab: CoreLab) -> Iterator[None]:
    """Let an indexer run."""
    stop = threading.Event()
    thread = threading.Thread(target=service.run, args=(lab.gateway, lab.config, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def begin(lab: CoreLab) -> tuple[Recipe, str]:
    """A recipe whose first task runs, and the path of a log of that."""
    recipe = lab.start(tasks=2)
    lab.gateway.tasks.update(lab.admin, recipe.id, recipe.tasks[0].id, status=TaskStatus.RUNNING)
    return recipe, f"tasks/{recipe.tasks[0].id}/logs/report.log"


def sealed(lab: CoreLab, recipe: Recipe, path: str) -> bool:
    """Whether the gate has the log's seal."""
    name = path.rpartition("/logs/")[2].removeprefix("logs/")
    task = int(path.split("/")[1]) if path.startswith("tasks/") else None
    return lab.gate_holds(recipe, gate.sealed_name(LogAddress(recipe.id, task, None, name)))


@pytest.mark.parametrize("parts", ["both", "size", "sha256"])
def test_what_matches_is_finished_and_sealed_before_its_owner_is(running: CoreLab, until: Until, parts: str) -> None:
    """It is read when it is complete: its results count while the task runs, and it is not read again."""
    recipe, path = begin(running)
    running.declare(recipe, path, None if parts == "sha256" else len(TAP), None if parts == "size" else sha256(TAP))
    file = running.write(recipe, path, TAP[:20])
    until(lambda: running.logs(recipe)[path].size == 20)
    assert running.state(recipe, path) is LogState.GROWING
    with file.open("ab") as more:
        more.write(TAP[20:])
    until(lambda: running.state(recipe, path) is LogState.FINISHED)
    now = running.recipe(recipe.id)
    assert (now.status.finished, now.tasks[0].result, now.result) == (False, ResultValue.FAIL, ResultValue.FAIL)
    assert [result.path for result in running.results(recipe)] == ["/a", "/b"]
    assert sealed(running, recipe, path)
    with reads_of(file) as reads:
        running.finish(recipe)
        until(lambda: running.recipe(recipe.id).settled)
        assert reads.count() == 0
    told = [event["state"] for event in running.events("log") if event["path"] == path]
    assert told == ["growing", "growing", "finished"]


def test_what_is_declared_after_it_came_is_looked_at_then(running: CoreLab, until: Until) -> None:
    """Declaring a log that is there is enough: nothing more needs to be written."""
    recipe, path = begin(running)
    running.write(recipe, path, TAP)
    until(lambda: path in running.logs(recipe))
    running.declare(recipe, path, len(TAP), sha256(TAP))
    until(lambda: running.state(recipe, path) is LogState.FINISHED)
    assert sealed(running, recipe, path)


def test_an_empty_log_made_in_advance_can_be_declared(running: CoreLab, until: Until) -> None:
    """What nobody sees is seen once it is declared, and no byte is what it is to have."""
    recipe, _ = begin(running)
    path = f"tasks/{recipe.tasks[0].id}/logs/taskout.log"
    running.declare(recipe, path, 0, sha256(b""))
    until(lambda: running.state(recipe, path) is LogState.FINISHED)


def test_another_content_of_that_size_grows_on_until_it_is_mended(running: CoreLab, until: Until) -> None:
    """The digest that was found is shown, nothing is sealed; sent again as declared, it is finished."""
    recipe, path = begin(running)
    running.declare(recipe, path, len(TAP), sha256(TAP))
    wrong = TAP.replace(b"not ok", b"ok    ")
    running.write(recipe, path, wrong)
    until(lambda: running.logs(recipe)[path].sha256 == sha256(wrong))
    assert running.state(recipe, path) is LogState.GROWING
    assert not sealed(running, recipe, path)
    running.write(recipe, path, TAP)
    until(lambda: running.state(recipe, path) is LogState.FINISHED)
    running.finish(recipe)
    until(lambda: running.recipe(recipe.id).settled)
    assert running.recipe(recipe.id).damaged == 0


def test_what_is_something_else_at_the_end_is_damaged(running: CoreLab, until: Until) -> None:
    """A log of another size, one of another digest, one that never came: each is told and counted; results count."""
    recipe, path = begin(running)
    short, never = path.replace("report", "short"), "logs/never.log"
    running.declare(recipe, path, len(TAP), "0" * 64)
    running.declare(recipe, short, len(TAP) + 1, None)
    running.declare(recipe, never, 5, None)
    running.write(recipe, path, TAP)
    running.write(recipe, short, TAP)
    running.finish(recipe, 0)
    until(lambda: running.state(recipe, path) is LogState.DAMAGED)
    until(lambda: running.recipe(recipe.id).damaged == 2)
    running.finish(recipe, 1)
    until(lambda: running.recipe(recipe.id).settled)
    assert {name: log.state for name, log in running.logs(recipe).items()} == {
        path: LogState.DAMAGED,
        short: LogState.DAMAGED,
        never: LogState.DAMAGED,
    }
    assert running.recipe(recipe.id).damaged == 3
    assert running.recipe(recipe.id).tasks[0].result is ResultValue.FAIL
    assert len(running.results(recipe)) == 4
    told = {event["path"] for event in running.events("log") if event["state"] == "damaged"}
    assert told == {path, short, never}


def test_a_log_that_is_being_written_is_not_sealed(running: CoreLab, until: Until) -> None:
    """It has the bytes that were declared, but a writer still has it open."""
    recipe, path = begin(running)
    file = running.write(recipe, path, TAP)
    other = running.write(recipe, path.replace("report", "other"), TAP)
    with file.open("ab"):
        running.declare(recipe, path, len(TAP), sha256(TAP))
        running.declare(recipe, path.replace("report", "other"), len(TAP), sha256(TAP))
        # the one tells that the indexer has looked at both
        until(lambda: running.state(recipe, path.replace("report", "other")) is LogState.FINISHED)
        assert running.state(recipe, path) is LogState.GROWING
        assert not sealed(running, recipe, path)
        assert other.exists()
    until(lambda: running.state(recipe, path) is LogState.FINISHED)


@pytest.mark.parametrize("late", [b"", b"more", None])
def test_what_landed_behind_the_seal_is_noticed(lab: CoreLab, until: Until, late: bytes | None) -> None:
    """The indexer died between seal and record, and an upload got past the gate: only what stayed is finished."""
    recipe, path = begin(lab)
    file = lab.write(recipe, path, TAP)
    lab.declare(recipe, path, len(TAP), sha256(TAP))
    found = index.read(file, "report.log", 100)
    assert lab.gateway.logs.looked(recipe.id, path, found.size, found.sha256)
    assert sealed(lab, recipe, path)
    assert lab.state(recipe, path) is LogState.GROWING
    if late is None:
        file.write_bytes(TAP.replace(b"not ok", b"ok    "))
    else:
        with file.open("ab") as more:
            more.write(late)
    with indexing(lab):
        if late == b"":
            until(lambda: lab.state(recipe, path) is LogState.FINISHED)
            assert sealed(lab, recipe, path)
            return
        until(lambda: not sealed(lab, recipe, path))
        assert lab.state(recipe, path) is LogState.GROWING
        # and so it can be sent again
        lab.write(recipe, path, TAP)
        until(lambda: lab.state(recipe, path) is LogState.FINISHED)


def test_a_restarted_indexer_does_not_read_a_sealed_log_again(lab: CoreLab, until: Until) -> None:
    """The seal has kept it as it was: the recipe settles without a second look."""
    recipe, path = begin(lab)
    file = lab.write(recipe, path, TAP)
    lab.declare(recipe, path, len(TAP), sha256(TAP))
    with indexing(lab):
        until(lambda: lab.state(recipe, path) is LogState.FINISHED)
    lab.finish(recipe)
    with reads_of(file) as reads, indexing(lab):
        until(lambda: lab.recipe(recipe.id).settled)
        assert reads.count() == 0


def test_a_log_that_grows_under_a_digest_is_read_seldom(running: CoreLab, until: Until) -> None:
    """Its size was not declared, so each chunk might be the last: looks take a twentieth of the time at most."""
    recipe, path = begin(running)
    content = os.urandom(1 << 20) * 8
    running.declare(recipe, path, None, sha256(content))
    file = running.write(recipe, path, b"")
    step = len(content) // 100
    looked: set[str | None] = set()
    for first in range(0, len(content), step):
        with file.open("ab") as more:
            more.write(content[first : first + step])
        looked.add(running.logs(recipe)[path].sha256)
    until(lambda: running.state(recipe, path) is LogState.FINISHED)
    assert REST >= 20
    assert len(looked) < 50


def test_a_second_declaration_counts_until_the_log_is_sealed(running: CoreLab, until: Until) -> None:
    """A mistake can be mended; what is sealed stays, but the same may be said again."""
    recipe, path = begin(running)
    running.write(recipe, path, TAP)
    running.declare(recipe, path, len(TAP), "0" * 64)
    until(lambda: running.logs(recipe)[path].sha256 == sha256(TAP))
    assert running.state(recipe, path) is LogState.GROWING
    log = running.declare(recipe, path, len(TAP), sha256(TAP))
    assert log.sha256 is None
    until(lambda: running.state(recipe, path) is LogState.FINISHED)
    assert running.declare(recipe, path, len(TAP), sha256(TAP)).state is LogState.FINISHED
    with pytest.raises(LogClosed):
        running.declare(recipe, path, len(TAP), None)
    assert running.logs(recipe)[path].declared == Declaration(len(TAP), sha256(TAP))


def test_a_rebuilt_gate_keeps_the_seal(running: CoreLab, until: Until) -> None:
    """It follows from the database like the rest; where the whole recipe is closed, no log needs one of its own."""
    recipe, path = begin(running)
    running.write(recipe, path, TAP)
    running.declare(recipe, path, None, sha256(TAP))
    until(lambda: running.state(recipe, path) is LogState.FINISHED)
    for file in (running.config.gate / str(recipe.id)).glob("sealed-*"):
        file.unlink()
    running.gateway.gate_image.rebuild()
    assert sealed(running, recipe, path)
    running.finish(recipe)
    until(lambda: running.recipe(recipe.id).settled)
    running.gateway.gate_image.rebuild()
    assert not sealed(running, recipe, path)
    assert running.gate_holds(recipe, gate.CLOSED)
