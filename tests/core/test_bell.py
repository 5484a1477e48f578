"""The bell that commits ring: who listens hears it at once, whoever rang, and goes on without it."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from waiting import until

from wsgi_app.core import bell, notifier
from wsgi_app.core.bell import Bell
from wsgi_app.core.gateway import open_gateway
from wsgi_app.submitted import NewRecipe, NewRecipeSet


def heard(ring: Bell, path: Path) -> float:
    """Return how many seconds an ear waits, at most ten, that is rung for after it has begun to listen."""
    with Bell(path).listen() as ear:
        ring.ring()
        began = time.monotonic()
        ear.wait(10)
        return time.monotonic() - began


def test_a_ring_is_heard(tmp_path: Path) -> None:
    """A ring of another process' bell (another object on the same file) ends the wait, also one from before it."""
    assert heard(Bell(tmp_path / "news"), tmp_path / "news") < 5


def test_rings_are_heard_once(tmp_path: Path) -> None:
    """Many rings end one wait; the next one lasts."""
    own = Bell(tmp_path / "news")
    with own.listen() as ear:
        for _ in range(100):
            own.ring()
        ear.wait(10)
        began = time.monotonic()
        ear.wait(0.2)
        assert time.monotonic() - began >= 0.19


def test_the_file_is_gone(tmp_path: Path) -> None:
    """Whoever takes the file away wakes the listeners, who make it anew and hear the next ring."""
    own = Bell(tmp_path / "news")
    with own.listen() as ear:
        (tmp_path / "news").unlink()
        ear.wait(10)
        assert (tmp_path / "news").exists()
        own.ring()
        began = time.monotonic()
        ear.wait(10)
        assert time.monotonic() - began < 5


def test_nobody_listens(tmp_path: Path) -> None:
    """A ring without a listener makes nothing and raises nothing."""
    Bell(tmp_path / "nowhere" / "news").ring()
    assert list(tmp_path.iterdir()) == []


def test_no_instance_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel has no inotify instance left, a wait is as short as a look now and then."""

    def refuse() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(bell, "INotify", refuse)
    began = time.monotonic()
    with Bell(tmp_path / "news").listen() as ear:
        ear.wait(10)
    assert time.monotonic() - began < 5


def test_a_waiter_is_woken_by_another_process(bench: Any, one: NewRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits in one process hears of what another has committed, however seldom it would look by itself."""
    monkeypatch.setattr(notifier, "LOOK_SECONDS", 60.0)
    other = open_gateway(bench.config, bench.clock)
    found: list[Any] = []
    waits = threading.Thread(target=lambda: found.append(other.systems.claim(bench.admin, "a", wait=30)))
    waits.start()
    until(lambda: other._ground.notifier.waiters == 1, "it waits", 10)
    began = time.monotonic()
    bench.submit(NewRecipeSet((one,)))
    waits.join()
    other.close()
    assert found[0] is not None
    assert time.monotonic() - began < 20
