"""Whether it is ready: each thing that it needs is taken away for real, named, and given back."""

import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, running_lab
from stopping import stopped
from waiting import until
from webtest import TestApp

from wsgi_app.config import Config
from wsgi_app.core import heartbeat, presence

CHECKS = ["database", "schema", "gate", "logs", "indexer", "timer", "disk"]
JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A Tackroom whose needs are taken away and given back."""
    with running_lab("none") as made:
        until(lambda: made.call("GET", "/readyz").status == 200, "ready")
        yield made


@contextmanager
def without(lab: Lab, name: str) -> Iterator[str]:
    """Something is missing: wait until it is named as the only reason, and say how."""

    def named() -> str | None:
        answer = lab.call("GET", "/readyz")
        lines = [line for line in answer.body.decode().splitlines() if not line.startswith("note ")]
        if answer.status == 200:
            assert lines == ["ready"]
            return None
        assert answer.status == 503
        return lines[0] if [line.partition(":")[0] for line in lines] == [name] else None

    found = until(named, f"a reason that begins with {name}")
    assert found is not None
    yield found


def heals(lab: Lab) -> None:
    """Wait until it is ready again: no longer than the next look takes. Each worker remembers its own looks."""
    until(lambda: all(lab.call("GET", "/readyz").status == 200 for _ in range(12)), "every worker ready again", 15)


def database(lab: Lab) -> "closing[sqlite3.Connection]":
    """The database, as somebody else may open it."""
    return closing(sqlite3.connect(lab.data / "tackroom.db", isolation_level=None))


def test_ready(lab: Lab) -> None:
    """All is well: a word for people, every check for programs; HEAD has no body."""
    answer = lab.call("GET", "/readyz")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert answer.body.splitlines()[0] == b"ready"
    value = lab.call("GET", "/readyz", None, JSON).json
    assert value["ready"] is True
    assert value["checks"] == [{"name": name, "ok": True, "reason": None} for name in CHECKS]
    assert lab.call("HEAD", "/readyz").body == b""


def test_a_locked_database(lab: Lab) -> None:
    """Somebody holds the database: the answer is there within three seconds, and right again at once afterwards."""
    with database(lab) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        answer = lab.call("GET", "/readyz", None, JSON)
        # a call that writes would wait for twenty seconds; the rest is for a machine that is busy
        assert time.monotonic() - began < 10
        other.execute("ROLLBACK")
    reasons = {check["name"]: check["reason"] for check in answer.json["checks"] if not check["ok"]}
    assert (answer.status, answer.json["ready"], set(reasons)) == (503, False, {"database"})
    assert "fuser" in reasons["database"]
    heals(lab)


def test_a_schema_of_another_version(lab: Lab) -> None:
    """The database was upgraded under a program that still runs."""
    with database(lab) as other:
        [[wanted]] = other.execute("SELECT version_num FROM alembic_version").fetchall()
        other.execute("UPDATE alembic_version SET version_num = '9999'")
        found = until(lambda: wrong(lab.call("GET", "/readyz", None, JSON).json), "a reason", 10)
        assert set(found) == {"schema", "gate"}
        assert "9999" in found["schema"] and wanted in found["schema"]
        other.execute("UPDATE alembic_version SET version_num = ?", (wanted,))
    heals(lab)


def test_a_log_root_that_is_gone(lab: Lab) -> None:
    """The log tree is elsewhere, or somebody put a file in its place."""
    root, aside = lab.data / "logs" / "recipes", lab.data / "logs" / "aside"
    root.rename(aside)
    try:
        answer = lab.call("GET", "/readyz")
        assert (answer.status, b"logs: " in answer.body) == (503, True)
        root.touch()
        assert b"no directory" in lab.call("GET", "/readyz").body
        root.unlink()
    finally:
        aside.rename(root)
    heals(lab)


def test_a_gate_out_of_step(lab: Lab) -> None:
    """A key that Apache does not know, an entrance that nobody gave: the recipe is named until the timer mends it."""
    recipe = str(lab.job({"name": "t"}, system="gated")["recipe_sets"][0]["recipes"][0]["id"])
    lab.claim("gated")
    gate = lab.data / "gate" / recipe
    key = next(path for path in gate.iterdir() if path.name.startswith("key-"))
    for spoil in (key.unlink, (gate / "open").touch):
        with stopped(lab, "wsgi_app.cli timer"):
            spoil()
            with without(lab, "gate") as reason:
                assert recipe in reason
        heals(lab)
        assert key.exists()
        assert not (gate / "open").exists()


def test_an_indexer_that_was_killed(lab: Lab) -> None:
    """While it is away it is missed; serve starts it again."""
    [pid] = lab.pids("wsgi_app.cli indexer")
    os.kill(pid, signal.SIGKILL)
    with without(lab, "indexer") as reason:
        assert "does not run" in reason
    until(lambda: lab.call("GET", "/readyz").status == 200, "ready again", 20)


@pytest.fixture
def alive(web: TestApp, config: Config) -> Iterator[Callable[..., Any]]:
    """Play indexer and timer by the files that they leave; call with what they say, get the answer's value."""

    def say(age: float = 0.0, problems: dict[str, str] | None = None, **said: object) -> Any:
        for name, value in ((heartbeat.INDEXER, said), (heartbeat.TIMER, {"problems": problems or {}})):
            beat = {"pid": 1, "time": time.time(), "monotonic": time.monotonic() - age, **value}
            (config.run / name).write_text(json.dumps(beat))
        return web.get("/readyz", headers=JSON, status="*").json

    with presence.present(config.run):
        yield say


def wrong(value: Any) -> dict[str, str]:
    """Return the reasons by check."""
    return {check["name"]: check["reason"] for check in value["checks"] if not check["ok"]}


def test_nobody_at_work(web: TestApp) -> None:
    """An application alone is not ready: nothing reads logs, nothing expires."""
    answer = web.get("/readyz", status=503)
    assert [line.partition(":")[0] for line in answer.text.splitlines() if not line.startswith("note")] == [
        "indexer",
        "timer",
    ]


def test_processes_that_hang(alive: Callable[..., Any]) -> None:
    """Who has given no sign of life for half a minute, or since before the boot, is not at work."""
    assert wrong(alive()) == {}
    assert set(wrong(alive(age=29))) == set()
    assert set(wrong(alive(age=31))) == {"indexer", "timer"}
    assert "since the machine was started" in wrong(alive(age=-1e9))["timer"]


def test_files_that_cannot_be_read(alive: Callable[..., Any], web: TestApp, config: Config) -> None:
    """Half a file, or one of something else, is no sign of life and no error."""
    alive()
    for text in ("", "{", "[]", '{"pid": 1}', '{"pid": "x", "monotonic": 0}', "\xff"):
        Path(config.run / heartbeat.TIMER).write_text(text, encoding="latin-1")
        assert set(wrong(web.get("/readyz", headers=JSON, status=503).json)) == {"timer"}


def test_an_indexer_that_is_behind(alive: Callable[..., Any]) -> None:
    """A little behind is what logs are; five minutes are a reason."""
    assert wrong(alive(lag_seconds=200, backlog=3)) == {}
    assert "400 s behind, with 7 logs" in wrong(alive(lag_seconds=400, backlog=7))["indexer"]


def test_what_only_slows_it_down_is_a_note(alive: Callable[..., Any], web: TestApp) -> None:
    """A blind indexer that keeps up, and a duty that was put off, are said, and it is ready."""
    value = alive(blind="it cannot watch", problems={"closing logs": "the disk is full"})
    assert value["ready"] is True
    notes = [note for note in value["notes"] if note["name"] != "disk"]
    assert notes == [
        {"name": "indexer", "note": "it cannot watch"},
        {"name": "timer", "note": "closing logs is put off: the disk is full"},
    ]
    lines = web.get("/readyz", status=200).text.splitlines()
    assert lines[:2] == ["ready", "note indexer: it cannot watch"]


def test_a_database_that_is_damaged(alive: Callable[..., Any], config: Config) -> None:
    """The file is overwritten, or gone: that is said, and what to do."""
    alive()
    path = config.database
    for name in ("-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)
    path.write_bytes(b"no database" * 1000)
    assert "restore a backup" in wrong(alive())["database"]
    path.unlink()
    assert "is not there" in wrong(alive())["database"]
    # looking makes no new one, which would be empty and look sound
    assert not path.exists()
