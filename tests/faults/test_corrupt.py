"""A damaged database: refused at the start by one sentence that helps, and a typed error where it shows later."""

import getpass
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from lab import free_port, reachable_directory, tackroom
from webtest import TestApp

from wsgi_app.app import create_app
from wsgi_app.config import Config
from wsgi_app.core.gateway import open_gateway
from wsgi_app.errors import DatabaseCorrupt
from wsgi_app.model import Caller
from wsgi_app.store import soundness
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet, NewTask

JOB = NewJob((NewRecipeSet((NewRecipe((NewTask("t"),)),)),), name="a job with a long name " * 40)
JOBS = 40


def fill(config: Config) -> None:
    """Make a lab that has had jobs."""
    gateway = open_gateway(config)
    gateway.access.issue_admin_token()
    admin = Caller(f"Bearer {config.admin_token.read_text().strip()}", "")
    for _ in range(JOBS):
        gateway.jobs.submit(admin, lambda: JOB)
    gateway.close()


@pytest.fixture(scope="module")
def sound() -> Iterator[Path]:
    """The data of a Tackroom that has ended well."""
    root = reachable_directory()
    fill(Config(data=root / "data"))
    yield root / "data"
    shutil.rmtree(root)


@pytest.fixture
def config(sound: Path, tmp_path: Path) -> Config:
    """Data to be damaged."""
    shutil.copytree(sound, tmp_path / "data")
    return Config(data=tmp_path / "data")


def garble_head(path: Path) -> None:
    """Something wrote over its beginning."""
    with path.open("r+b") as file:
        file.write(os.urandom(4096))


def garble_page(path: Path, table: str = "jobs") -> None:
    """A sector in the middle holds something else."""
    with closing(sqlite3.connect(path)) as connection:
        [[page]] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchall()
        [[size]] = connection.execute("PRAGMA page_size").fetchall()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xa5" * size)


def cut(path: Path) -> None:
    """Its second half is gone."""
    os.truncate(path, path.stat().st_size // 2 // 4096 * 4096)


def empty(path: Path) -> None:
    """Nothing is left in it."""
    os.truncate(path, 0)


def remove(path: Path) -> None:
    """It is gone; the rest is there."""
    path.unlink()


def make_directory(path: Path) -> None:
    """A directory has its name."""
    path.unlink()
    path.mkdir()


def run(config: Config, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run the command on that data."""
    return subprocess.run(
        [*tackroom(), *words],
        env={**os.environ, "TACKROOM_DATA": str(config.data)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def content(root: Path) -> dict[str, bytes | None]:
    """Return what lies there."""
    return {str(path.relative_to(root)): path.read_bytes() if path.is_file() else None for path in root.rglob("*")}


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (garble_head, "it is no SQLite database"),
        (garble_page, "Page"),
        (cut, "database disk image is malformed"),
        (remove, "it is gone"),
    ],
)
def test_serve_refuses(config: Config, damage: Callable[[Path], None], reason: str) -> None:
    """One sentence that names the file and the command that helps; exit status 1, and nothing else was touched."""
    damage(config.database)
    before = content(config.data)
    done = run(
        config, "serve", "--data", str(config.data), "--listen", f"127.0.0.1:{free_port()}", "--httpd", "none",
        "--user", getpass.getuser(),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith(f"tackroom: the database {config.database} is damaged ("), done.stderr
    assert reason in done.stderr
    assert f"tackroom restore DIR --data {config.data}" in done.stderr
    after = content(config.data)
    assert {name for name in after if not name.startswith(("tackroom.db", "serve.lock", "run"))} <= set(before)
    assert after.get("tackroom.db") == before.get("tackroom.db")


@pytest.mark.parametrize(("damage", "reason"), [(empty, "it is empty"), (make_directory, "it is a directory")])
def test_nothing_is_begun_anew(config: Config, damage: Callable[[Path], None], reason: str) -> None:
    """Where a lab was, no process makes a new database: it would take all logs for strays."""
    damage(config.database)
    before = content(config.data)
    with pytest.raises(DatabaseCorrupt, match=reason):
        open_gateway(config)
    assert content(config.data) == before


def test_logs_alone_show_that_a_lab_was_there(config: Config) -> None:
    """A restored lab that was never started has no admin's token yet; its logs are no strays either."""
    config.database.unlink()
    config.admin_token.unlink()
    log = config.logs / "1" / "logs" / "a.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"kept")
    with pytest.raises(DatabaseCorrupt, match="it is gone"):
        open_gateway(config)
    assert log.read_bytes() == b"kept"


def garble_logs(path: Path) -> None:
    """A page is broken that a count of logs meets."""
    garble_page(path, "ix_logs_task")
    garble_page(path, "logs")


@pytest.mark.parametrize("damage", [garble_head, garble_logs])
def test_index_refuses(config: Config, damage: Callable[[Path], None]) -> None:
    """So does a command that opens the database by itself, when it meets the damage."""
    damage(config.database)
    done = run(config, "index", "status")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done
    assert done.stderr.startswith("tackroom: ")
    assert "damaged" in done.stderr


def test_backup_refuses(config: Config, tmp_path: Path) -> None:
    """A damaged database takes no older backup's place, whatever page is broken."""
    backup = tmp_path / "backup"
    assert run(config, "backup", str(backup)).returncode == 0
    before = content(backup)
    garble_page(config.database)
    done = run(config, "backup", str(backup))
    assert done.returncode == 1
    assert done.stderr.startswith(f"tackroom: the database {config.database} is damaged ("), done.stderr
    assert "tackroom restore DIR" in done.stderr
    assert {name: held for name, held in content(backup).items() if name != "unfinished"} == before


def test_doctor_says_so(config: Config) -> None:
    """So does doctor, whatever the size of the database, and how to mend it."""
    garble_page(config.database)
    done = run(config, "doctor")
    assert (done.returncode, done.stderr) == (1, "")
    assert f"MEND  {config.database}: " in done.stdout
    assert "tackroom restore DIR" in done.stdout


def test_while_it_runs(config: Config) -> None:
    """What meets the damage is answered 503 with its code and no word of where files lie; all else goes on."""
    garble_page(config.database)
    made = create_app(config)
    token = {"Authorization": f"Bearer {config.admin_token.read_text().strip()}"}
    web = TestApp(made, extra_environ={"REMOTE_ADDR": "127.0.0.1"})
    try:
        for path in ("/jobs/", "/jobs/1"):
            answer = web.get(path, headers=token, status=503)
            assert answer.json["error"]["code"] == "database.corrupt"
            assert str(config.data) not in answer.text
        assert web.post_json("/systems/", {"name": "s"}, headers=token).status_int == 201
        assert "queue" not in web.get("/livez").text
        garble_head(config.database)
        answer = web.get("/readyz", status=503)
        assert any(line.startswith("database: ") for line in answer.text.splitlines()), answer.text
    finally:
        made.gateway.close()


def frames(log: bytes) -> bytes:
    """Return what of a WAL was written since the last checkpoint (https://sqlite.org/fileformat2.html#walformat)."""
    page, salts = int.from_bytes(log[8:12]), log[16:24]
    end = 32
    while log[end + 8 : end + 16] == salts:
        end += 24 + page
    return log[:end]


@pytest.mark.parametrize("left", [0.0, 0.5], ids=["gone", "half"])
def test_without_the_rest_of_its_wal(config: Config, tmp_path: Path, left: float) -> None:
    """A copy of the files that lacks a part of the WAL is what it was a moment earlier, or refused: never mixed."""
    live = Config(data=tmp_path / "live")
    gateway = open_gateway(live)
    gateway.access.issue_admin_token()
    admin = Caller(f"Bearer {live.admin_token.read_text().strip()}", "")
    numbers = [gateway.jobs.submit(admin, lambda: JOB).id for _ in range(JOBS)]
    while True:
        before = live.database.read_bytes()
        numbers.append(gateway.jobs.submit(admin, lambda: JOB).id)
        if live.database.read_bytes() == before:
            # no checkpoint: this one is in the WAL alone
            break
    log = frames(live.database.with_name("tackroom.db-wal").read_bytes())
    whole = live.database.read_bytes()
    gateway.close()
    config.database.write_bytes(whole)
    config.database.with_name("tackroom.db-wal").write_bytes(log[: int(len(log) * left)])
    shutil.copy(live.admin_token, config.admin_token)
    try:
        soundness.require_sound(config.database)
    except DatabaseCorrupt:
        return
    again = open_gateway(config)
    try:
        there = [job.id for job in again.jobs.page(Caller(None, ""), limit=100)]
    finally:
        again.close()
    assert there == numbers[: len(there)][::-1]
    assert len(there) < len(numbers)
