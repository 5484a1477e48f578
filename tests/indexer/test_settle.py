"""Whether a log is finished: what the kernel and the uploads beside it say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wsgi_app.indexer import reconcile, settle

DAY = 86400


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log that nobody writes."""
    path = tmp_path / "console.log"
    path.write_bytes(b"x")
    return path


def age(path: Path, seconds: float) -> None:
    """Make a file look older."""
    moment = path.stat().st_mtime - seconds
    os.utime(path, (moment, moment))


def test_a_log_at_rest_is_settled(log: Path) -> None:
    """Nobody writes, nothing is uploaded."""
    assert settle.settled(log)


def test_readers_do_not_matter(log: Path) -> None:
    """Somebody who reads the log does not hold it up."""
    with log.open("rb"):
        assert settle.settled(log)


@pytest.mark.parametrize("mode", ["ab", "r+b"])
def test_a_writer_is_seen(log: Path, mode: str) -> None:
    """While the file is open for writing it is not settled; then it is."""
    with log.open(mode):
        assert settle.writers(log)
        assert not settle.settled(log)
    assert settle.settled(log)


def test_a_writer_in_another_process_is_seen(log: Path) -> None:
    """The kernel tells of every process, not of ours only."""
    script = "import sys; f = open(sys.argv[1], 'ab'); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(log)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"open\n"
        assert settle.writers(log)
        writer.communicate()
    assert not settle.writers(log)


def test_asking_does_not_disturb_writers(log: Path) -> None:
    """A process that asks all the time survives writers that come meanwhile, and holds none of them up for long."""
    script = (
        "import sys, pathlib; from wsgi_app.indexer import settle\n"
        "for _ in range(20000): settle.writers(pathlib.Path(sys.argv[1]))"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(log)]) as asker:
        opened = 0
        while asker.poll() is None:
            with log.open("ab") as file:
                file.write(b"y")
            opened += 1
        assert asker.returncode == 0
    assert opened > 100


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_foreign_file_counts_as_written_while_it_is_fresh(log: Path) -> None:
    """Leases are for the owner; what belongs to somebody else is settled ten seconds after its last change."""
    log.chmod(0o644)
    log.parent.chmod(0o755)
    for directory in log.parents:
        if directory.stat().st_uid == 0 and directory != Path("/"):
            directory.chmod(directory.stat().st_mode | 0o011)
    script = (
        "import os, sys, pathlib; from wsgi_app.indexer import settle; os.setuid(65534); "
        "print(settle.writers(pathlib.Path(sys.argv[1])))"
    )

    def ask() -> str:
        return subprocess.run([sys.executable, "-c", script, str(log)], check=True, capture_output=True).stdout.decode()

    assert ask() == "True\n"
    age(log, 11)
    assert ask() == "False\n"


def test_an_upload_beside_the_log_is_seen(log: Path) -> None:
    """While an upload is written, and a moment longer, the log may be about to be replaced."""
    upload = log.with_name(".davfs.tmpXYZ")
    with upload.open("wb"):
        age(upload, DAY)
        assert settle.uploading(log.parent)
    assert not settle.uploading(log.parent)
    upload.touch()
    assert settle.uploading(log.parent)


def test_what_a_killed_server_left_holds_nothing_up(log: Path) -> None:
    """An upload that nobody writes any more is no reason to wait."""
    upload = log.with_name(".davfs.tmpXYZ")
    upload.touch()
    age(upload, 3)
    assert settle.settled(log)


def test_sweep(log: Path) -> None:
    """Uploads of yesterday go, unless somebody still writes them; younger ones and logs stay."""
    old, young, busy = (log.with_name(f".davfs.tmp{name}") for name in ("old", "young", "busy"))
    for path in (old, young, busy):
        path.touch()
    age(old, DAY + 10)
    with busy.open("ab"):
        age(busy, DAY + 10)
        age(log, DAY + 10)
        assert settle.sweep(log.parent) == 1
    assert sorted(path.name for path in log.parent.iterdir()) == sorted([busy.name, young.name, log.name])


def test_reconcile_finds_what_is_there(tmp_path: Path) -> None:
    """The walk finds every log of a recipe, nothing else, and the recipes that have directories."""
    for path in (
        "1/logs/a/b",
        "1/tasks/2/results/3/logs/c",
        "1/tasks/x/logs/d",
        "1/logs/.e",
        "20/logs/f",
        "trash/logs/g",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert {address.path for address in reconcile.logs(tmp_path, 1)} == {"logs/a/b", "tasks/2/results/3/logs/c"}
    assert set(reconcile.recipes(tmp_path)) == {1, 20}
    assert list(reconcile.logs(tmp_path, 3)) == []
