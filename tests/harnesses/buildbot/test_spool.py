"""What a gateway still knows after it was killed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from wsgi_app.harnesses.buildbot.spool import ENDED, STARTING, Run, Spool, Unreadable


def test_begin_and_open(tmp_path: Path) -> None:
    """A recipe that was taken in hand is there for the next gateway."""
    held = Spool(tmp_path / "spool").begin(7, "key", "box")
    again = Spool(tmp_path / "spool")
    assert again.recipes() == [7]
    assert again.open(7).state == held.state
    assert (held.recipe, held.key, held.system) == (7, "key", "box")


def test_begin_again_keeps_what_was_done(tmp_path: Path) -> None:
    """An answer of the controller that comes twice brings a new key, and nothing else."""
    spool = Spool(tmp_path)
    held = spool.begin(7, "first", "box")
    held.save(replace(held.state, done=(1,), run=Run(2, phase=STARTING)))
    again = spool.begin(7, "second", "box")
    assert again.key == "second"
    assert (again.state.done, again.state.run) == ((1,), Run(2, phase=STARTING))


def test_every_field_survives(tmp_path: Path) -> None:
    """A record is read as it was written."""
    spool = Spool(tmp_path)
    held = spool.begin(7, "key", "box")
    run = Run(
        3,
        ENDED,
        home="/w/t3",
        detached=True,
        reported=True,
        collect=True,
        status="Completed",
        message="x",
        form={"result": "Fail"},
        ends_recipe=True,
    )
    held.save(replace(held.state, done=(1, 2), run=run))
    assert held.state.run == run
    assert spool.open(7).state == held.state


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    """It is not known here either."""
    held = Spool(tmp_path).begin(7, "key", "box")
    before = held.state
    held.directory.rename(tmp_path / "away")
    with pytest.raises(OSError, match="No such file"):
        held.save(replace(before, run=Run(1, phase=STARTING)))
    assert held.state == before


def test_a_record_that_cannot_be_read_now(tmp_path: Path) -> None:
    """Whoever cannot read it does not begin anew: there may be a command that was started."""
    spool = Spool(tmp_path)
    held = spool.begin(7, "key", "box")
    body = (held.directory / "state.json").read_bytes()
    (held.directory / "state.json").unlink()
    (held.directory / "state.json").mkdir()
    with pytest.raises(IsADirectoryError):
        spool.open(7)
    with pytest.raises(IsADirectoryError):
        spool.begin(7, "other", "box")
    (held.directory / "state.json").rmdir()
    (held.directory / "state.json").write_bytes(body)
    assert spool.open(7).state == held.state


def test_forget(tmp_path: Path) -> None:
    """A recipe that is over leaves nothing."""
    spool = Spool(tmp_path)
    held = spool.begin(7, "key", "box")
    (held.task(1) / "taskout.log").write_text("words")
    held.clear(1)
    assert list((held.directory / "tasks").iterdir()) == []
    held.task(2)
    held.forget()
    assert spool.recipes() == []
    assert list(tmp_path.iterdir()) == []


def test_leftovers_are_no_recipes(tmp_path: Path) -> None:
    """A directory whose gateway was killed while it was removed or made is cleared away."""
    (tmp_path / "8" / "tasks").mkdir(parents=True)
    (tmp_path / "9").mkdir()
    (tmp_path / "9" / "state.json.new").write_text("{")
    assert Spool(tmp_path).recipes() == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("body", ["", "{", "[]", "{}", '{"recipe": 7, "run": 3}'])
def test_unreadable(tmp_path: Path, body: str) -> None:
    """A record that makes no sense is said to be one; the recipe can be taken in hand anew."""
    spool = Spool(tmp_path)
    held = spool.begin(7, "key", "box")
    (held.directory / "state.json").write_text(body)
    assert spool.recipes() == [7]
    with pytest.raises(Unreadable):
        spool.open(7)
    assert spool.begin(7, "other", "box").state.done == ()


def test_discard(tmp_path: Path) -> None:
    """An unreadable one is given up; what is left of it goes with the next start."""
    spool = Spool(tmp_path)
    held = spool.begin(7, "key", "box")
    (held.task(1) / "taskout.log").write_text("words")
    spool.discard(7)
    assert spool.recipes() == []
    assert (held.task(1) / "taskout.log").exists()
    Spool(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_newer_record(tmp_path: Path) -> None:
    """Fields that a newer gateway wrote are passed over."""
    spool = Spool(tmp_path)
    held = spool.begin(7, "key", "box")
    body = (held.directory / "state.json").read_text().replace('"recipe": 7', '"recipe": 7, "colour": "red"')
    (held.directory / "state.json").write_text(body)
    assert spool.open(7).state == held.state


def test_private(tmp_path: Path) -> None:
    """Keys and logs are nobody else's business."""
    held = Spool(tmp_path / "spool").begin(7, "key", "box")
    assert (tmp_path / "spool").stat().st_mode & 0o77 == 0
    assert held.directory.stat().st_mode & 0o77 == 0
    assert (held.directory / "state.json").stat().st_mode & 0o77 == 0
    assert held.task(1).stat().st_mode & 0o77 == 0
