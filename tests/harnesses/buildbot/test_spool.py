"""What a gateway still knows after it was killed."""

from __future__ import annotations

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
    held.state.done, held.state.run = [1], Run(2, phase=STARTING)
    held.save(held.body())
    again = spool.begin(7, "second", "box")
    assert again.key == "second"
    assert (again.state.done, again.state.run) == ([1], Run(2, phase=STARTING))


def test_every_field_survives(tmp_path: Path) -> None:
    """A record is read as it was written."""
    spool = Spool(tmp_path)
    held = spool.begin(7, "key", "box")
    held.state.run = Run(
        3, ENDED, home="/w/t3", collect=True, status="Completed", message="x", form={"result": "Fail"}, ends_recipe=True
    )
    held.save(held.body())
    assert spool.open(7).state == held.state


def test_load_forgets_what_was_not_saved(tmp_path: Path) -> None:
    """What could not be put on disk has not been."""
    held = Spool(tmp_path).begin(7, "key", "box")
    held.state.run = Run(1, phase=STARTING)
    held.load()
    assert held.state.run is None


def test_forget(tmp_path: Path) -> None:
    """A recipe that is over leaves nothing."""
    spool = Spool(tmp_path)
    held = spool.begin(7, "key", "box")
    (held.task(1) / "taskout.log").write_text("words")
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
    assert spool.begin(7, "other", "box").state.done == []


def test_a_newer_record(tmp_path: Path) -> None:
    """Fields that a newer gateway wrote are passed over."""
    spool = Spool(tmp_path)
    held = spool.begin(7, "key", "box")
    body = held.body().decode().replace('"recipe": 7', '"recipe": 7, "colour": "red"')
    (held.directory / "state.json").write_text(body)
    assert spool.open(7).state == held.state


def test_private(tmp_path: Path) -> None:
    """Keys and logs are nobody else's business."""
    held = Spool(tmp_path / "spool").begin(7, "key", "box")
    assert (tmp_path / "spool").stat().st_mode & 0o77 == 0
    assert held.directory.stat().st_mode & 0o77 == 0
    assert (held.directory / "state.json").stat().st_mode & 0o77 == 0
    assert held.task(1).stat().st_mode & 0o77 == 0
