"""The steps of a recipe in hand, and what of them is on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from wsgi_app.harnesses.buildbot.record import Record
from wsgi_app.harnesses.buildbot.spool import ENDED, STARTING, WAITING, Run, Spool, State
from wsgi_app.harnesses.buildbot.transport import Ended
from wsgi_app.harnesses.buildbot.verdict import ABORTED, COMPLETED, Limits, judge

WELL = judge(Ended(0), Limits(None, None))
BADLY = judge(Ended(3), Limits(None, None))


class Book:
    """A record, its spool, and what it says."""

    def __init__(self, place: Path) -> None:
        self.place = place / "spool"
        self.held = Spool(self.place).begin(7, "key", "box")
        self.words: list[str] = []
        self.record = Record(self.held, self.words.append)

    @property
    def written(self) -> State:
        """What a later gateway finds."""
        return Spool(self.place).open(7).state


def keeping(place: Path, scene: Callable[[Book, Record], Awaitable[None]]) -> Book:
    """Play a scene with a record."""
    book = Book(place)
    asyncio.run(_played(scene, book))
    return book


async def _played(scene: Callable[[Book, Record], Awaitable[None]], book: Book) -> None:
    await scene(book, book.record)


def test_each_step_is_on_disk(tmp_path: Path) -> None:
    """When it has returned, a later gateway knows of it."""

    async def scene(book: Book, record: Record) -> None:
        await record.begins(1)
        assert book.written.run == Run(1, WAITING)
        await record.starts("/w/t1", detached=True)
        assert book.written.run == Run(1, STARTING, home="/w/t1", detached=True)
        await record.reports()
        assert book.written.run is not None
        assert book.written.run.reported
        await record.ends(BADLY, collect=True)
        run = book.written.run
        assert run is not None
        assert (run.phase, run.status, run.collect, run.form["score"]) == (ENDED, COMPLETED, True, "3")
        await record.collected()
        assert book.written.run is not None
        assert not book.written.run.collect
        files = book.held.task(1)
        await record.done()
        assert book.written.done == (1,)
        assert book.written.run is None
        assert not files.exists()
        assert book.written == record.state
        await record.forget()

    book = keeping(tmp_path, scene)
    assert list(book.place.iterdir()) == []
    assert book.words == []


@pytest.mark.parametrize("late", [False, True])
def test_own_results_replace_ours(tmp_path: Path, late: bool) -> None:
    """A task that has reported needs no Pass of ours, also when it reported at the very end; a Fail stays."""

    async def scene(book: Book, record: Record) -> None:
        for task, verdict in ((1, WELL), (2, BADLY)):
            await record.begins(task)
            await record.starts("/w/t", detached=False)
            if late:
                await record.ends(verdict)
                await record.reports()
            else:
                await record.reports()
                # another gateway
                record = Record(Spool(book.place).open(7), book.words.append)
                await record.ends(verdict)
            assert record.run.status == COMPLETED
            assert record.run.form.get("result") == (None if verdict is WELL else "Fail")
            await record.done()

    keeping(tmp_path, scene)


@pytest.mark.parametrize("late", [False, True])
def test_a_task_that_ends_its_recipe(tmp_path: Path, late: bool) -> None:
    """It is aborted with its own words, whenever it says so; only the first words count."""

    async def scene(book: Book, record: Record) -> None:
        await record.begins(1)
        await record.starts("/w/t1", detached=False)
        for step in (record.ends(WELL), record.aborts("no disk"))[:: 1 if late else -1]:
            await step
        await record.aborts("again")
        run = book.written.run
        assert run is not None
        assert (run.status, run.message, run.form, run.ends_recipe) == (ABORTED, "no disk", {}, True)

    keeping(tmp_path, scene)


def test_nothing_is_started_that_is_not_on_disk(tmp_path: Path) -> None:
    """Where it cannot be written, the task waits as before; other steps are taken, said, and written later."""

    async def scene(book: Book, record: Record) -> None:
        await record.begins(1)
        away = book.held.directory.rename(tmp_path / "away")
        with pytest.raises(FileNotFoundError):
            await record.starts("/w/t1", detached=False)
        assert record.run.phase == WAITING
        assert book.words == []
        await record.ends(WELL)
        await record.done()
        assert len(book.words) == 2
        away.rename(book.held.directory)
        assert book.written.run == Run(1, WAITING)
        await record.begins(2)
        assert (book.written.done, book.written.run) == ((1,), Run(2))

    keeping(tmp_path, scene)


def test_given_up_while_it_is_written(tmp_path: Path) -> None:
    """What is known here is what is on disk, whoever was cancelled."""

    async def scene(book: Book, record: Record) -> None:
        await record.begins(1)
        for _ in range(20):
            step = asyncio.create_task(record.starts("/w/t1", detached=False))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            step.cancel()
            await asyncio.wait((step,))
            assert book.written == record.state

    keeping(tmp_path, scene)
