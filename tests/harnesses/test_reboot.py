"""Tasks that reboot their machine. The machine is a namespace: it ends with all its processes, and boots anew."""

from __future__ import annotations

import fcntl
import functools
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.harnesses.conftest import Begin, MakePeer
from tests.harnesses.peer import Peer, Trouble, task

BOOT_ID = "/proc/sys/kernel/random/boot_id"
UNSHARE = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
UNSHARE += [] if os.geteuid() == 0 else ["--user", "--map-root-user"]


def boot(file: Path) -> list[str]:
    """The command that boots such a machine, with a boot id of its own, and runs what follows on it."""
    file.write_text(f"{uuid.uuid4()}\n")
    return [*UNSHARE, "sh", "-c", f'mount --bind "$0" {BOOT_ID} && exec "$@"', str(file)]


def unlocked(state: Path) -> bool:
    """True when no harness uses that state: the machine is off."""
    with (state / "lock").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _reboots(peer: Peer, times: int) -> bool:
    return peer.log("tasks/11/logs/taskout.log").count(b"reboots\n") == times


@pytest.fixture(autouse=True)
def _may_boot(tmp_path: Path) -> None:
    done = subprocess.run([*boot(tmp_path / "boot"), "cat", BOOT_ID], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no namespaces here: {done.stderr}")
    assert done.stdout == (tmp_path / "boot").read_text() != Path(BOOT_ID).read_text()


def test_a_task_reboots_the_machine_twice_and_goes_on(make_peer: MakePeer, begin: Begin, tmp_path: Path) -> None:
    """Harness and task end with the machine; after the boot the same task goes on, and so do its logs."""
    script = """
    echo "boot $RSTRNT_REBOOTCOUNT of $TACKROOM_TASK"
    [ "$RSTRNT_REBOOTCOUNT" = 2 ] && { echo done $(cat kept); exit 0; }
    echo $RSTRNT_REBOOTCOUNT >> kept; sync kept
    tackroom-report Pass before-$RSTRNT_REBOOTCOUNT
    echo reboots
    exec sleep 600
    """
    peer = make_peer(task(11, script=script), task(12, script="echo $RSTRNT_REBOOTCOUNT"))
    program = [sys.executable, "-m", "wsgi_app.harnesses.local"]
    for count in (1, 2):
        harness = begin(peer, python=[*boot(tmp_path / "boot"), *program])
        peer.wait(functools.partial(_reboots, peer, count))
        harness.kill()
        peer.wait(lambda: unlocked(tmp_path / "state"))
    assert peer.statuses() == ["Running", "Waiting"]
    assert begin(peer, python=[*boot(tmp_path / "boot"), *program]).wait() == 0
    expected = b"boot 0 of 11\nreboots\nboot 1 of 11\nreboots\nboot 2 of 11\ndone 0 1\n"
    assert peer.log("tasks/11/logs/taskout.log") == expected
    assert peer.log("tasks/11/logs/harness.log").count(b"the system was rebooted\n") == 2
    assert peer.log("tasks/12/logs/taskout.log") == b"0\n"
    assert [(one["task"], one["path"]) for one in peer.results] == [
        (11, "before-0"),
        (11, "before-1"),
        (12, "exit_code"),
    ]
    assert peer.watchdogs == [1800, 1800]
    assert peer.statuses() == ["Completed", "Completed"]


def test_what_was_asked_before_the_reboot(make_peer: MakePeer, begin: Begin, tmp_path: Path) -> None:
    """A report that waited for its delivery when the machine went down arrives; a wait of then waits no more."""
    script = """
    [ "$RSTRNT_REBOOTCOUNT" = 1 ] && { tackroom-report Pass after; exit 0; }
    tackroom-sync wait NEVER & tackroom-report Pass before & echo reboots; exec sleep 600
    """
    peer = make_peer(task(11, script=script))
    peer.others = {17: "other"}
    peer.troubles = [Trouble("POST", "results", "503", 100)]
    program = [sys.executable, "-m", "wsgi_app.harnesses.local"]
    harness = begin(peer, python=[*boot(tmp_path / "boot"), *program])
    peer.wait(lambda: peer.troubles[0].times < 100)
    peer.wait(lambda: len(list(tmp_path.glob("state/recipes/7/tasks/11/spool/*.request"))) == 2)
    harness.kill()
    peer.wait(lambda: unlocked(tmp_path / "state"))
    peer.troubles.clear()
    waits = len(peer.waits)
    assert begin(peer, python=[*boot(tmp_path / "boot"), *program]).wait() == 0
    assert [one["path"] for one in peer.results] == ["before", "after"]
    assert len(peer.waits) == waits
