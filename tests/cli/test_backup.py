"""`tackroom backup` and `restore` on data without a server: refusals, damage, what is broken off."""

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from corelab import CoreLab
from dbrows import rows
from lab import free_port, reachable_directory, tackroom
from smalldisk import small_disk
from waiting import until

from wsgi_app.config import Config
from wsgi_app.core.gateway import open_gateway
from wsgi_app.core.restore import Restore
from wsgi_app.errors import Conflict, TackroomError
from wsgi_app.model import Caller

LOGS = 60
#: bytes of a log that takes a while, so that one can be killed in the midst of it
LARGE = 512 << 20
#: whose it is to be, where root runs the tests: they run nothing on it
USER = ["--user", "root"] if os.geteuid() == 0 else []


def text(number: int) -> bytes:
    """What a log says."""
    return b"log %d\n" % number * (1 + number % 50)


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """Data with one recipe that has ended, and its finished logs."""
    root = reachable_directory()
    config = Config(data=root / "data")
    gateway = open_gateway(config)
    gateway.access.issue_admin_token()
    core = CoreLab(config, gateway, Caller(f"Bearer {config.admin_token.read_text().strip()}", "127.0.0.1"))
    recipe = core.start()
    core.finish(recipe)
    gateway.recipes.settle(recipe.id)
    gateway.close()
    known = []
    for number in range(LOGS):
        path, said = f"logs/{number % 10}/n{number}.log", text(number)
        core.write(recipe, path, said)
        known.append((recipe.id, path, 1.0, len(said), "finished", hashlib.sha256(said).hexdigest(), 1, "[]"))
    # made in advance, and never written
    shutil.rmtree(config.logs / str(recipe.id) / "tasks")
    with closing(sqlite3.connect(config.database)) as connection, connection:
        connection.executemany(
            "INSERT INTO logs (recipe, path, registered, size, state, sha256, lines, marks) VALUES (?,?,?,?,?,?,?,?)",
            known,
        )
    yield config.data
    shutil.rmtree(root)


@pytest.fixture(scope="module")
def large(made: Path) -> Path:
    """The same with a log that takes a while, behind all others."""
    data = made.with_name("large")
    shutil.copytree(made, data)
    root = next((data / "logs" / "recipes").iterdir())
    with (root / "logs" / "z.log").open("w+b") as file:
        file.truncate(LARGE)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with closing(sqlite3.connect(data / "tackroom.db")) as connection, connection:
        connection.execute(
            "INSERT INTO logs (recipe, path, registered, size, state, sha256, lines, marks) VALUES (?,?,?,?,?,?,?,?)",
            (int(root.name), "logs/z.log", 1.0, LARGE, "finished", digest, 1, "[]"),
        )
    return data


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where backups go."""
    return tmp_path / "backup"


@pytest.fixture
def backup(made: Path, place: Path) -> Path:
    """A backup of it."""
    assert run(made, "backup", str(place)).returncode == 0
    return place


def run(data: Path, *words: str, within: Sequence[str] = ()) -> "subprocess.CompletedProcess[str]":
    """Run the command on that data."""
    return subprocess.run(
        [*within, *tackroom(), *words],
        env={**os.environ, "TACKROOM_DATA": str(data)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def restore(backup: Path, data: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Restore it there."""
    return run(data, "restore", str(backup), "--data", str(data), *USER, *words)


def killed(data: Path, *words: str, when: Callable[[], bool]) -> None:
    """Run the command and kill it as soon as that is so."""
    vector, environ = [*tackroom(), *words], {**os.environ, "TACKROOM_DATA": str(data)}
    with subprocess.Popen(vector, env=environ, stdout=subprocess.DEVNULL) as process:
        until(when, "the midst of it", at_once=True)
        process.kill()
        assert process.wait(10) == -signal.SIGKILL


def logs_in(root: Path) -> dict[str, bytes]:
    """Return the small logs below a directory."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("n*.log")}


def last_small_is_in(root: Path) -> bool:
    """Whether the last log before the large one is copied there, below the directory of its recipe."""
    return any(root.glob(f"*/logs/9/n{LOGS - 1}.log"))


def said(done: "subprocess.CompletedProcess[str]") -> str:
    """Return the one sentence of a refusal."""
    assert done.returncode == 1, done
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def refusal(backup: Path, data: Path) -> str:
    """Try to restore it there, in this process, and return why it was refused."""
    heard: list[str] = []
    with pytest.raises(TackroomError) as refused:
        Restore(backup, data, None, lambda *_: None, heard.append, {}).run()
    return "\n".join([*heard, refused.value.message])


def test_copied_and_kept(made: Path, backup: Path, tmp_path: Path) -> None:
    """Repeated, it copies nothing again; what was damaged in the directory is copied anew; rights keep others out."""
    again = json.loads(run(made, "backup", str(backup), "--json").stdout)
    assert again["logs"] == {"copied": 0, "kept": LOGS, "growing": 0}
    assert again["log_bytes"] == sum(len(text(number)) for number in range(LOGS))
    assert (again["counts"]["logs"], again["differing"], again["missing"]) == (LOGS, [], [])
    one = next((backup / "logs").rglob("n7.log"))
    one.write_bytes(one.read_bytes()[::-1])
    assert json.loads(run(made, "backup", str(backup), "--json").stdout)["logs"]["copied"] == 1
    assert sorted(path.name for path in backup.iterdir()) == ["logs", "manifest.json", "snapshot-3"]
    assert backup.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in backup.rglob("*")} == {0}
    assert restore(backup, tmp_path / "data").returncode == 0
    assert logs_in(tmp_path / "data" / "logs" / "recipes") == logs_in(made / "logs" / "recipes")


def test_no_place_for_it(made: Path, tmp_path: Path) -> None:
    """It goes into no directory that holds something else, nor into the data, nor where there is no directory."""
    (tmp_path / "notes.txt").write_text("mine")
    assert "holds something else" in said(run(made, "backup", str(tmp_path)))
    assert "lies in the data itself" in said(run(made, "backup", str(made / "backup")))
    assert "No such file or directory" in said(run(made, "backup", str(tmp_path / "a" / "b")))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert not (made / "backup").exists()
    assert "is not there" in said(run(tmp_path / "nowhere", "backup", str(tmp_path / "c")))


def test_logs_damaged_on_the_disk(made: Path, place: Path, tmp_path: Path) -> None:
    """They are told by name, copied as they are, and exit status 6 says so; the backup can be restored."""
    data = tmp_path / "data"
    shutil.copytree(made, data)
    root = next((data / "logs" / "recipes").iterdir())
    shutil.rmtree(root / "logs" / "3")
    (root / "logs/1/n1.log").write_bytes(b"other")
    (root / "logs/2/n2.log").unlink()
    (root / "logs/2/n2.log").symlink_to(data / "admin.token")
    done = run(data, "backup", str(place), "--json")
    assert done.returncode == 6
    value = json.loads(done.stdout)
    assert value["differing"] == [f"{root.name}/logs/1/n1.log"]
    assert len(value["missing"]) == 1 + LOGS // 10
    assert f"damaged: the log {root.name}/logs/1/n1.log is not what the database says" in done.stderr
    assert f"missing: the log {root.name}/logs/2/n2.log" in done.stderr
    back = restore(place, tmp_path / "back", "--json")
    assert back.returncode == 0, back
    assert json.loads(back.stdout)["differing"] == value["differing"]
    assert logs_in(tmp_path / "back/logs/recipes") == {
        name: held for name, held in logs_in(data / "logs/recipes").items() if not name.endswith("/n2.log")
    }


def test_a_damaged_log_that_can_be_done_without(made: Path, place: Path, tmp_path: Path) -> None:
    """Whoever adds a damaged log's name to `missing` gets all the rest, be the log a finished one or not."""
    data = tmp_path / "data"
    shutil.copytree(made, data)
    root = next((data / "logs" / "recipes").iterdir())
    (root / "logs/1/n1.log").write_bytes(b"other")
    assert run(data, "backup", str(place)).returncode == 6
    flip(place / "snapshot-1" / "logs" / root.name / "logs/1/n1.log")
    flip(place / "logs" / root.name / "logs/2/n2.log")
    assert "2 logs (see above)" in refusal(place, tmp_path / "back")
    manifest(place, missing=[f"{root.name}/logs/1/n1.log", f"{root.name}/logs/2/n2.log"])
    assert restore(place, tmp_path / "back").returncode == 0
    assert logs_in(tmp_path / "back/logs/recipes").keys() == logs_in(data / "logs/recipes").keys() - {
        f"{root.name}/logs/1/n1.log",
        f"{root.name}/logs/2/n2.log",
    }


def test_backup_killed(large: Path, place: Path, tmp_path: Path) -> None:
    """Killed in the midst of it, there is no backup, which is told; repeated, it goes on with what was copied."""
    killed(large, "backup", str(place), when=lambda: last_small_is_in(place / "logs"))
    assert not (place / "manifest.json").exists()
    assert "the backup into it was broken off: repeat that" in refusal(place, tmp_path / "data")
    done = run(large, "backup", str(place), "--json")
    assert (done.returncode, "was broken off: going on with it" in done.stderr) == (0, True)
    logs = json.loads(done.stdout)["logs"]
    assert logs["kept"] >= LOGS
    assert logs["kept"] + logs["copied"] == LOGS + 1
    assert sorted(path.name for path in place.iterdir()) == ["logs", "manifest.json", "snapshot-2"]
    (copied,) = place.rglob("z.log")
    assert copied.stat().st_size == LARGE
    assert copied.stat().st_blocks * 512 < 1 << 20, "a hole stays a hole"


def test_the_one_before_stays(large: Path, backup: Path, tmp_path: Path) -> None:
    """A backup that is broken off leaves the one before it whole: restoring gives that, and says so."""
    before = (backup / "manifest.json").read_bytes()
    killed(large, "backup", str(backup), when=lambda: (backup / "snapshot-2" / ".partial").exists())
    assert (backup / "manifest.json").read_bytes() == before
    done = restore(backup, tmp_path / "data")
    assert done.returncode == 0, done
    assert "was broken off: this is the one before it" in done.stderr
    assert len(logs_in(tmp_path / "data" / "logs" / "recipes")) == LOGS


def test_restore_killed(large: Path, place: Path, tmp_path: Path) -> None:
    """Killed in the midst of it, nobody can work with the half; repeated, it is whole."""
    assert run(large, "backup", str(place)).returncode == 0
    data = tmp_path / "data"
    staged = data / "restoring" / "logs"
    words = ["restore", str(place), "--data", str(data), *USER]
    killed(data, *words, when=lambda: last_small_is_in(staged / "recipes"))
    assert not (data / "tackroom.db").exists()
    with pytest.raises(Conflict, match="was not restored whole: repeat it"):
        open_gateway(Config(data=data))
    served = ["serve", "--data", str(data), "--listen", f"127.0.0.1:{free_port()}", "--httpd", "none", *USER]
    assert f"was not restored whole: repeat it (tackroom restore DIR --data {data})" in said(run(data, *served))
    done = restore(place, data)
    assert done.returncode == 0, done
    assert not (data / "restoring").exists()
    assert logs_in(data / "logs" / "recipes") == logs_in(large / "logs" / "recipes")
    ours = rows(large / "tackroom.db")
    ours["id_sequence"] = [{"last": ours["id_sequence"][0]["last"] + 10_000_000}]
    for system in ours["systems"]:
        system["last_recipe"] = None
        system["claimed_until"] = None
    (restored,) = (one for one in rows(data / "tackroom.db")["readers"] if one not in ours["readers"])
    ours["readers"].append({"name": "restored", "reached": restored["reached"]})
    assert rows(data / "tackroom.db") == ours


def test_disk_full(made: Path) -> None:
    """A full disk is one sentence, for backup and restore; an older backup stays, and nothing half is left."""
    with small_disk(8) as disk:
        place, data = disk.root / "backup", disk.root / "new"
        backup = ["backup", str(disk.place / "backup")]
        restore = ["restore", str(disk.place / "backup"), "--data", str(disk.place / "new"), *USER]
        assert run(made, *backup, within=disk.within).returncode == 0
        before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
        disk.fill()
        assert "the disk is full: make room and repeat it" in said(run(made, *backup, within=disk.within))
        after = {path: path.read_bytes() for path in place.rglob("*") if path.is_file() and path.name != "unfinished"}
        assert after == before
        assert "is full: make room and repeat it; nothing was restored" in said(run(made, *restore, within=disk.within))
        assert not data.exists()
        disk.free()
        assert run(made, *backup, within=disk.within).returncode == 0
        assert run(made, *restore, within=disk.within).returncode == 0
        assert len(logs_in(data / "logs" / "recipes")) == LOGS


def manifest(backup: Path, **changed: Any) -> None:
    """Change what a backup says of itself."""
    path = backup / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


def test_what_is_not_restored(backup: Path, tmp_path: Path) -> None:
    """No backup, a newer one, a damaged one, data that is there: one sentence each, and nothing is changed."""
    data = tmp_path / "data"
    assert "is not there" in refusal(tmp_path / "none", data)
    (tmp_path / "empty").mkdir()
    assert "holds no backup: it has no manifest.json" in refusal(tmp_path / "empty", data)
    good = (backup / "manifest.json").read_bytes()
    manifest(backup, schema="9999")
    assert "with schema 9999, which this program does not know" in refusal(backup, data)
    manifest(backup, format=2)
    assert "was written by a newer Tackroom" in refusal(backup, data)
    (backup / "manifest.json").write_bytes(good[:100])
    assert "manifest.json is damaged" in refusal(backup, data)
    (backup / "manifest.json").write_bytes(good)
    manifest(backup, made="yesterday")
    assert "manifest.json is damaged" in refusal(backup, data)
    (backup / "manifest.json").write_bytes(good)
    log = next((backup / "logs").rglob("n11.log"))
    flip(log)
    said_first, said_last = refusal(backup, data).splitlines()
    assert said_first == f"{log} is damaged: not what was copied"
    assert "1 logs (see above). Nothing was restored" in said_last
    flip(log)
    flip(backup / "snapshot-1" / "tackroom.db")
    assert "tackroom.db is damaged: it is not what manifest.json says" in refusal(backup, data)
    flip(backup / "snapshot-1" / "tackroom.db")
    assert not data.exists()
    data.mkdir()
    (data / "logs").mkdir()
    assert "is not empty (it has logs): move it aside" in refusal(backup, data)
    (data / "logs").rmdir()
    assert restore(backup, data).returncode == 0
    assert "is not empty" in said(restore(backup, data))
