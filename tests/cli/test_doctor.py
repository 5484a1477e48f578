"""`tackroom doctor`: each thing is broken for real, and found with its mend."""

import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, free_port, reachable_directory, running_lab, tackroom
from waiting import until

from wsgi_app.core import heartbeat, presence
from wsgi_app.core.heartbeat import Heartbeat


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A Tackroom that is well."""
    with running_lab("apache") as made:
        yield made


@pytest.fixture(scope="module")
def stopped() -> Iterator[Path]:
    """The data of a Tackroom that was stopped while a recipe ran: nobody mends what a test breaks."""
    with running_lab("none") as made:
        made.job({"name": "t"})
        made.claim()
        made.stop()
        yield made.data


@pytest.fixture
def data(stopped: Path) -> Iterator[Path]:
    """A copy of that data, with its owners."""
    place = reachable_directory()
    subprocess.run(["cp", "-a", str(stopped), str(place / "data")], check=True)
    yield place / "data"
    shutil.rmtree(place)


def examine(
    environ: Mapping[str, str], home: Path, *before: str, prepare: Callable[[], None] | None = None
) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run the doctor; return its exit status and what it wants mended, by check."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TACKROOM_")}
    done = subprocess.run(
        [*before, *tackroom(), "doctor", "--json"],
        env={**clean, "XDG_CONFIG_HOME": str(home), **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=prepare,
    )
    assert "Traceback" not in done.stderr, done
    found = json.loads(done.stdout)
    assert all(one["ok"] == (one["mend"] is None) for one in found)
    assert done.returncode == (0 if all(one["ok"] for one in found) else 1)
    return done.returncode, {one["check"]: one for one in found if not one["ok"]}


def here(lab: Lab, **more: str) -> dict[str, str]:
    """The environment of who sits at a lab's machine."""
    return {"TACKROOM_DATA": str(lab.data), "TACKROOM_URL": lab.url, **more}


def broken(data: Path, home: Path, *before: str) -> dict[str, dict[str, Any]]:
    """Return what is to be mended of data whose server does not run, but for that."""
    _, found = examine({"TACKROOM_DATA": str(data), "TACKROOM_URL": f"http://127.0.0.1:{free_port()}/"}, home, *before)
    assert found.pop("server")["mend"].startswith("no Tackroom answers")
    return found


def test_all_is_well(lab: Lab, tmp_path: Path) -> None:
    """Where nothing is wrong every line is ok, and the exit status is 0."""
    assert examine(here(lab), tmp_path) == (0, {})
    lines = lab.command("doctor").stdout.splitlines()
    assert len(lines) > 15
    assert all(line.startswith("ok ") for line in lines)


def test_nothing_is_left_behind(data: Path, tmp_path: Path) -> None:
    """Looking makes nothing that the owner of the data could not use, and is not a start of the server."""
    before = {path: path.stat().st_uid for path in data.rglob("*")}
    assert broken(data, tmp_path) == {}
    after = {path: path.stat().st_uid for path in data.rglob("*")}
    assert set(after.values()) <= set(before.values())
    assert {path for path in after if path not in before} <= {data / "tackroom.db-wal", data / "tackroom.db-shm"}


def test_a_setting_that_is_wrong(lab: Lab, tmp_path: Path) -> None:
    """The settings are named; the rest is looked at all the same."""
    _, found = examine(here(lab, TACKROOM_WORKERS="many"), tmp_path)
    assert set(found) == {"settings"}
    assert "workers" in found["settings"]["what"]


def test_nobody_answers(tmp_path: Path) -> None:
    """A closed port on a machine that has no Tackroom of its own."""
    nowhere = {"TACKROOM_URL": f"http://127.0.0.1:{free_port()}/", "TACKROOM_DATA": str(tmp_path / "none")}
    _, found = examine(nowhere, tmp_path)
    assert set(found) == {"server"}
    assert "tackroom serve" in found["server"]["mend"]


def test_tokens_that_are_void(lab: Lab, tmp_path: Path) -> None:
    """A void token of one's own, and the void token of this machine, have different mends."""
    secret = lab.command("token", "create", "gone").stdout.strip()
    [number] = [str(one["id"]) for one in lab.call("GET", "/tokens/").json["tokens"] if one["name"] == "gone"]
    lab.command("token", "revoke", number)
    _, found = examine(here(lab, TACKROOM_TOKEN=secret), tmp_path)
    assert set(found) == {"token"}
    assert "tackroom token create" in found["token"]["mend"]
    assert secret not in json.dumps(found)
    file = lab.data / "admin.token"
    kept = file.read_text()
    try:
        file.write_text(secret + "\n")
        _, found = examine(here(lab), tmp_path)
    finally:
        file.write_text(kept)
    assert str(file) in found["token"]["mend"]


def test_profiles(lab: Lab, tmp_path: Path) -> None:
    """A file of tokens that others read, a token that is not there, and a file that is no TOML."""
    file = tmp_path / "tackroom.toml"
    file.write_text(f'[profiles.a]\nurl = "{lab.url}"\ntoken = "secret"\n')
    file.chmod(0o644)
    assert examine(here(lab), tmp_path)[1]["profiles"]["mend"] == f"chmod 600 {file}"
    file.chmod(0o600)
    assert examine(here(lab), tmp_path) == (0, {})
    file.write_text(f'[profiles.a]\nurl = "{lab.url}"\ntoken_file = "a.token"\n')
    assert "a.token is not there" in examine(here(lab), tmp_path)[1]["profiles"]["what"]
    file.write_text("[profiles")
    assert {"profiles", "server"} <= set(examine(here(lab), tmp_path)[1])


def test_base_url(lab: Lab, tmp_path: Path) -> None:
    """One that leads nowhere, and one that is none; its password is not shown."""
    for url in (f"http://me:hunter2@127.0.0.1:{free_port()}/", "lab.example", "http://[::1/"):
        _, found = examine(here(lab, TACKROOM_BASE_URL=url), tmp_path)
        assert set(found) == {"base_url"}
        assert "hunter2" not in json.dumps(found)
    assert examine(here(lab, TACKROOM_BASE_URL=lab.url + "/"), tmp_path) == (0, {})


def test_jobs_that_wait_for_systems_that_are_away(lab: Lab, tmp_path: Path) -> None:
    """A queued job whose only system does not ask for work is told, with how to start its harness."""
    job = lab.job({"name": "t"}, system="sleeper")
    _, found = examine(here(lab), tmp_path)
    lab.command("job", "cancel", str(job["id"]))
    assert set(found) == {"systems"}
    assert "tackroom harness --system sleeper" in found["systems"]["mend"]
    assert examine(here(lab), tmp_path) == (0, {})


def test_few_descriptors(lab: Lab, tmp_path: Path) -> None:
    """A limit of open files that the threads would exceed."""
    _, found = examine(here(lab), tmp_path, prepare=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300)))
    assert set(found) == {"descriptors"}
    assert "ulimit -n" in found["descriptors"]["mend"]


def test_rights_and_owners(data: Path, tmp_path: Path) -> None:
    """A directory that is open to others, a token that they can read, and a file of somebody else's."""
    data.chmod(0o755)
    assert broken(data, tmp_path)["rights"]["mend"] == f"chmod o= {data}"
    data.chmod(0o750)
    (data / "admin.token").chmod(0o644)
    assert "admin.token" in broken(data, tmp_path)["rights"]["mend"]
    (data / "admin.token").chmod(0o600)
    if os.geteuid() == 0:
        os.chown(data / "logs" / "recipes", 12345, 12345)
        assert "chown" in broken(data, tmp_path)["owner"]["mend"]


def test_a_corrupt_database(data: Path, tmp_path: Path) -> None:
    """Pages that are overwritten are found; so is a file that is no database at all."""
    path = data / "tackroom.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + os.urandom(len(whole) - 8192))
    assert "backup" in broken(data, tmp_path)["database"]["mend"]
    path.write_bytes(b"nothing of the kind" * 1000)
    assert set(broken(data, tmp_path)) == {"database"}


def test_a_lost_database(data: Path, tmp_path: Path) -> None:
    """Where a lab was, a database that is not there is no new lab."""
    (data / "tackroom.db").rename(tmp_path / "elsewhere.db")
    found = broken(data, tmp_path)
    assert set(found) == {"database"}
    assert "restore a backup" in found["database"]["mend"]


def change(data: Path, statement: str, *values: object) -> None:
    """Change the database as nobody should, without changing whose its files are."""
    path = data / "tackroom.db"
    owner = path.stat()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, values)
    for file in data.glob("tackroom.db*"):
        os.chown(file, owner.st_uid, owner.st_gid)


def test_another_schema(data: Path, tmp_path: Path) -> None:
    """A database of another version of the program."""
    change(data, "UPDATE alembic_version SET version_num = '0001'")
    found = broken(data, tmp_path)
    assert set(found) == {"schema"}
    assert "0001" in found["schema"]["what"]


def test_a_gate_that_is_not_the_databases(data: Path, tmp_path: Path) -> None:
    """A gate file that is missing, and one that nobody gave."""
    [gate] = (data / "gate").iterdir()
    key = next(path for path in gate.iterdir() if path.name.startswith("key-"))
    key.rename(data / "elsewhere")
    assert set(broken(data, tmp_path)) == {"gate"}
    (data / "elsewhere").rename(key)
    assert broken(data, tmp_path) == {}
    (gate / "open").touch()
    assert gate.name in broken(data, tmp_path)["gate"]["what"]


def test_processes_that_do_not_do_their_work(data: Path, tmp_path: Path) -> None:
    """A watchdog that expired long ago, and a recipe that ended long ago and is not settled."""
    change(data, "UPDATE recipes SET watchdog = ?", time.time() - 100)
    assert set(broken(data, tmp_path)) == {"timer"}
    long_ago = time.time() - 10_000
    change(data, "UPDATE recipes SET status = 'Completed', finished = ?", long_ago)
    assert set(broken(data, tmp_path)) == {"indexer"}


def runs(data: Path) -> None:
    """Let the data look as if a Tackroom ran on it: what a killed one leaves behind."""
    url = data / "run" / "url"
    url.write_text(f"http://127.0.0.1:{free_port()}/\n")
    os.chown(url, data.stat().st_uid, data.stat().st_gid)
    for name in (heartbeat.INDEXER, heartbeat.TIMER, heartbeat.PUBLISHER):
        (data / "run" / name).unlink(missing_ok=True)


def test_processes_that_are_gone(data: Path, tmp_path: Path) -> None:
    """What a killed serve leaves behind says that it runs; nobody holds the indexer's lock, nobody gives signs."""
    runs(data)
    found = broken(data, tmp_path)
    assert set(found) == {"indexer", "timer", "publisher"}
    assert "does not run" in found["indexer"]["what"]


def test_an_indexer_that_cannot_watch(data: Path, tmp_path: Path) -> None:
    """It keeps up by searching the disk, and says so; the doctor says which limit to raise."""
    runs(data)
    for name in (heartbeat.TIMER, heartbeat.PUBLISHER):
        Heartbeat(data / "run" / name).beat(problems={})
    said = {"watches": 90, "watch_limit": 100, "lag_seconds": 0.1, "backlog": 1, "recipes": 1, "overflows": 0}
    with presence.present(data / "run"):
        Heartbeat(data / "run" / heartbeat.INDEXER).beat(**said, blind=None)
        found = broken(data, tmp_path)
        assert set(found) == {"inotify"}
        assert "90 directories of the 100" in found["inotify"]["what"]
        Heartbeat(data / "run" / heartbeat.INDEXER).beat(**said, blind="it cannot watch the logs")
        found = broken(data, tmp_path)
        assert set(found) == {"inotify", "indexer"}
        assert "fs.inotify.max_user_watches=200" in found["inotify"]["mend"]


def test_a_publisher_that_cannot_do_its_work(data: Path, tmp_path: Path) -> None:
    """What one of its duties cannot do is told; a lab whose publisher was ended cannot be listened to."""
    runs(data)
    Heartbeat(data / "run" / heartbeat.TIMER).beat(problems={})
    Heartbeat(data / "run" / heartbeat.PUBLISHER).beat(problems={"zmq": "the port is taken"})
    with presence.present(data / "run"):
        Heartbeat(data / "run" / heartbeat.INDEXER).beat(lag_seconds=0.0)
        found = broken(data, tmp_path)
    assert set(found) == {"publisher"}
    assert found["publisher"]["what"] == "the publisher: zmq: the port is taken"


def test_a_publisher_that_is_stopped(lab: Lab, tmp_path: Path) -> None:
    """It is found from elsewhere, too: nobody is given a WebSocket."""
    place = lab.data / "run" / heartbeat.PUBLISHER
    until(lambda: heartbeat.last(place) is not None, "a sign of life")
    beat = heartbeat.last(place)
    assert beat is not None
    os.kill(beat.pid, signal.SIGSTOP)
    try:
        place.unlink()
        _, found = examine(here(lab), tmp_path)
        assert "does not run" in found["publisher"]["what"]
    finally:
        os.kill(beat.pid, signal.SIGCONT)
    until(lambda: heartbeat.last(place) is not None, "a sign of life")
    assert examine(here(lab), tmp_path) == (0, {})


def test_deliveries_that_failed(data: Path, tmp_path: Path) -> None:
    """Those of the last day are told with the reason; mails for which there is no server have a mend of their own."""
    before, now = time.time() - 2 * 86400, time.time()

    def failed(number: int, method: str, reason: str, ended: float, copy_of: int | None = None) -> None:
        change(
            data,
            "INSERT INTO deliveries (id, key, recipe, owner, transition, method, target, spec, state, created, ended,"
            " reason, copy_of) SELECT ?, ?, id, 'admin', 'finished', ?, 'x', '{}', 'failed', ?, ?, ?, ? FROM recipes",
            *(number, f"tr-{number}", method, ended, ended, reason, copy_of),
        )

    failed(1, "callback", "long ago", before)
    assert broken(data, tmp_path) == {}
    failed(2, "callback", "it answered 500", now)
    failed(3, "email", "no mail_host is set", now)
    found = broken(data, tmp_path)
    assert set(found) == {"deliveries", "mail"}
    assert found["deliveries"]["what"] == "1 deliveries failed within a day; most often by callback: it answered 500"
    assert "mail_host" in found["mail"]["mend"]
    change(data, "UPDATE deliveries SET state = 'delivered' WHERE id = 3")
    failed(4, "callback", "it answered 404", now, copy_of=2)
    assert broken(data, tmp_path)["deliveries"]["what"].endswith("it answered 404")


def test_a_clock_that_was_stepped(data: Path, tmp_path: Path) -> None:
    """A step within the last day is told, with when it was."""
    mark = json.loads((data / "run" / "clock.json").read_text())
    for ago, expected in ((3600.0, {"clock"}), (90_000.0, set())):
        stepped = {**mark, "step": -7200.0, "stepped": time.time() - ago}
        (data / "run" / "clock.json").write_text(json.dumps(stepped))
        found = broken(data, tmp_path)
        assert set(found) == expected
        assert not expected or "-7200 s" in found["clock"]["what"]


def test_a_database_that_somebody_holds(lab: Lab, tmp_path: Path) -> None:
    """It is named here, and elsewhere by what the server says of itself."""
    with closing(sqlite3.connect(lab.data / "tackroom.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        _, found = examine(here(lab), tmp_path)
        assert "fuser" in found["database"]["mend"]
        assert "has been locked" in found["database"]["what"]
        _, found = examine({"TACKROOM_DATA": str(tmp_path / "none"), "TACKROOM_URL": lab.url}, tmp_path)
        assert found["database"]["what"].startswith("the server says: ")
        other.execute("ROLLBACK")


FAULTS = {
    "nearly": (":", {"space", "inodes"}, ""),
    "full": ("head -c 99M /dev/zero > $1/small/filler", {"disk", "space"}, "no room is left"),
    "inodes": ("i=0; while touch $1/small/$i; do i=$((i+1)); done", {"disk", "inodes"}, "no inodes are left"),
    "read-only": ("mount -o remount,ro $1/small", {"disk"}, "is read-only"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_disk_that_takes_no_more(data: Path, tmp_path: Path, fault: str) -> None:
    """A small disk of its own: nearly full, full, without inodes, read-only."""
    breaking, expected, words = FAULTS[fault]
    script = (
        'mount -t tmpfs -o size=64m,nr_inodes=900 tmpfs "$1/small" && cp -a "$1/data" "$1/small/" && '
        f'{{ {breaking}; }} 2> /dev/null; export TACKROOM_DATA="$1/small/data" && shift && exec "$@"'
    )
    (data.parent / "small").mkdir()
    own = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    try_out = [*own, "mount", "-t", "tmpfs", "tmpfs", str(data.parent / "small")]
    may = subprocess.run(try_out, capture_output=True, text=True, check=False)
    if may.returncode:
        pytest.skip(f"no namespaces here: {may.stderr}")
    found = broken(data, tmp_path, *own, "sh", "-c", script, "sh", str(data.parent))
    assert expected <= set(found)
    assert words in found.get("disk", {"what": ""})["what"]
    # a disk's trouble is not the database's
    assert "restore" not in json.dumps(found)
