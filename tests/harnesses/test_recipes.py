"""Recipes, run by a harness that is a process of its own, against a strict peer."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from tests.harnesses.conftest import Begin, MakePeer
from tests.harnesses.peer import RECIPE, Peer, Trouble, task


def outcomes(peer: Peer) -> list[tuple[Any, ...]]:
    """Task, result and path of all results, in order."""
    return [(result["task"], result["result"], result["path"]) for result in peer.results]


def archive(path: Path, files: dict[str, str]) -> str:
    """Make a tar.gz and return its URL."""
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            member.mode = 0o755
            tar.addfile(member, io.BytesIO(text.encode()))
    return path.as_uri()


def alive(pid: int) -> bool:
    """True while there is such a process, zombies apart."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("prefix", ["", "/lab/one"])
@pytest.mark.parametrize("claim", [True, False], ids=["claim", "recipe"])
def test_three_kinds_of_task(make_peer: MakePeer, begin: Begin, tmp_path: Path, prefix: str, claim: bool) -> None:
    """A command, a script and a fetched archive are run in order, at either kind of base URL, and told truly."""
    url = archive(tmp_path / "t.tar.gz", {"suite/runtest.sh": "echo fetched; exit 3", "other/x": ""})
    peer = make_peer(
        task(11, command=["printf", "%s|", "a b", "c"]),
        task(12, script="#!/bin/sh\necho script $COLOUR; echo err > /dev/stderr; echo last", params={"COLOUR": "red"}),
        task(13, fetch={"url": url + "#suite"}),
        prefix=prefix,
    )
    peer.url += "/" if prefix else ""
    assert begin(peer, claim=claim).wait() == 0
    assert peer.statuses() == ["Completed"] * 3
    assert outcomes(peer) == [(11, "Pass", "exit_code"), (12, "Pass", "exit_code"), (13, "Fail", "exit_code")]
    assert [result["score"] for result in peer.results] == ["0", "0", "3"]
    assert peer.log("tasks/11/logs/taskout.log") == b"a b|c|"
    assert peer.log("tasks/12/logs/taskout.log") == b"script red\nerr\nlast\n"
    assert peer.log("tasks/13/logs/taskout.log") == b"fetched\n"
    assert b"exit status 3" in peer.log("tasks/13/logs/harness.log")
    assert peer.claims == claim


def test_environment(make_peer: MakePeer, begin: Begin) -> None:
    """A task sees who and where it is, its parameters, and none of the harness's keys."""
    peer = make_peer(task(11, "env", command=["env"], params={"X": "1", "RSTRNT_MAXTIME": "9"}))
    assert begin(peer).wait() == 0
    env = dict(line.split("=", 1) for line in peer.log("tasks/11/logs/taskout.log").decode().splitlines())
    expected = {
        "TACKROOM_URL": peer.url,
        "TACKROOM_RECIPE": "7",
        "TACKROOM_TASK": "11",
        "TACKROOM_TASK_NAME": "env",
        "TACKROOM_JOB": "5",
        "TACKROOM_RECIPE_SET": "6",
        "TACKROOM_ROLE": "SERVERS",
        "TACKROOM_SYSTEM": "box",
        "RSTRNT_TASKID": "11",
        "RSTRNT_RECIPEID": "7",
        "RSTRNT_REBOOTCOUNT": "0",
        "RSTRNT_MAXTIME": "9",
        "X": "1",
    }
    assert {name: env.get(name) for name in expected} == expected
    assert "TACKROOM_TOKEN" not in env
    assert "TACKROOM_KEY" not in env


def test_cannot_start(make_peer: MakePeer, begin: Begin, tmp_path: Path) -> None:
    """What cannot be started or fetched is Aborted with a reason, and the next task is run."""
    gone = (tmp_path / "gone.tar").as_uri()
    peer = make_peer(
        task(11, command=["no-such-program"]), task(12, fetch={"url": gone}), task(13), task(14, script="exit 0")
    )
    assert begin(peer).wait() == 0
    assert peer.statuses() == ["Aborted", "Aborted", "Aborted", "Completed"]
    assert "no program no-such-program" in peer.messages[11]
    assert "gone.tar" in peer.messages[12]
    assert "nothing to fetch" in peer.messages[13]


@pytest.mark.parametrize(
    "what", [{"command": ["false"]}, {"script": "tackroom-report Fail x"}, {"command": ["no-such-program"]}]
)
def test_stop_on_fail(make_peer: MakePeer, begin: Begin, what: dict[str, Any]) -> None:
    """With stop_on_fail the first failure ends the recipe: by exit status, by a reported result, by an abort."""
    peer = make_peer(task(11, command=["true"]), task(12, **what), task(13, command=["true"]), stop_on_fail=True)
    assert begin(peer).wait() == 0
    assert peer.statuses() == ["Completed", "Aborted" if "no-such-program" in str(what) else "Completed", "Aborted"]
    assert "to stop" in peer.messages[RECIPE]


def test_stop_on_fail_after_a_restart(make_peer: MakePeer, begin: Begin) -> None:
    """A failure before the harness was killed still ends the recipe."""
    peer = make_peer(task(11, command=["false"]), task(12, command=["true"]), stop_on_fail=True)
    peer.troubles = [Trouble("POST", "recipes/7/status", "503", 100)]
    harness = begin(peer)
    peer.wait(lambda: peer.troubles[0].times < 100)
    harness.kill()
    peer.troubles.clear()
    assert begin(peer).wait() == 0
    assert peer.statuses() == ["Completed", "Aborted"]


def test_roles(make_peer: MakePeer, begin: Begin) -> None:
    """Roles are variables: the task's before the recipe's, everyone in RECIPE_MEMBERS, parameters before all."""
    roles = {"SERVERS": ["box"], "CLIENTS": ["b", "a"], "not-a-name": ["a"], "RSTRNT_TASKID": ["a"], "HOME": ["b"]}
    peer = make_peer(
        task(11, command=["env"], roles={"STANDALONE": ["box", "a"], "CLIENTS": ["a"], "EMPTY": []}),
        task(12, command=["env"], params={"SERVERS": "mine", "HOME": "/"}),
    )
    peer.roles = roles
    assert begin(peer).wait() == 0
    first, second = (
        dict(line.split("=", 1) for line in peer.log(f"tasks/{number}/logs/taskout.log").decode().splitlines())
        for number in (11, 12)
    )
    expected = {"SERVERS": "box", "CLIENTS": "a", "STANDALONE": "box a", "RECIPE_MEMBERS": "box b a", "EMPTY": ""}
    assert {name: first.get(name) for name in expected} == expected
    assert "not-a-name" not in first
    assert first["RSTRNT_TASKID"] == "11"
    assert first["HOME"] == os.environ["HOME"]
    assert (second["SERVERS"], second["CLIENTS"], second["HOME"]) == ("mine", "b a", "/")


def test_roles_are_read_at_each_start(make_peer: MakePeer, begin: Begin) -> None:
    """A task sees the roles of the moment at which it starts."""
    peer = make_peer(task(11, script="while [ ! -e go ]; do sleep 0.05; done"), task(12, script="echo $RECIPE_MEMBERS"))
    peer.roles = {"RECIPE_MEMBERS": ["box"]}
    harness = begin(peer)
    peer.wait(lambda: b"process" in peer.log("tasks/11/logs/harness.log"))
    peer.roles = {"RECIPE_MEMBERS": ["box", "late"]}
    pid = int(peer.log("tasks/11/logs/harness.log").split(b"process ")[1].split()[0])
    (Path(f"/proc/{pid}/cwd").resolve() / "go").touch()
    assert harness.wait() == 0
    assert peer.log("tasks/12/logs/taskout.log") == b"box late\n"


def test_the_set_starts_together(make_peer: MakePeer, begin: Begin) -> None:
    """A recipe that is run by its own key begins when the others of its set have systems too."""
    peer = make_peer(task(11, script="echo $RECIPE_MEMBERS"))
    peer.status = "Scheduled"
    harness = begin(peer, claim=False)
    peer.wait(lambda: peer.requests.count("GET /recipes/7/") >= 2)
    assert peer.statuses() == ["Waiting"]
    peer.roles, peer.status = {"RECIPE_MEMBERS": ["box", "other"]}, "Waiting"
    assert harness.wait() == 0
    assert peer.log("tasks/11/logs/taskout.log") == b"box other\n"


def test_finished_tasks_are_skipped(make_peer: MakePeer, begin: Begin) -> None:
    """A task that the document calls finished is not run again."""
    peer = make_peer({**task(11, command=["echo"]), "status": "Completed"}, task(12, command=["echo", "hi"]))
    assert begin(peer).wait() == 0
    assert outcomes(peer) == [(12, "Pass", "exit_code")]


def test_output_arrives_while_the_task_runs(make_peer: MakePeer, begin: Begin, tmp_path: Path) -> None:
    """Output is on the controller about a second after it was written, and the watchdog is left alone meanwhile."""
    peer = make_peer(task(11, script="echo early; while [ ! -e go ]; do sleep 0.05; done; echo late"))
    harness = begin(peer)
    peer.wait(lambda: peer.log("tasks/11/logs/taskout.log") == b"early\n")
    (next(tmp_path.glob("state/recipes/*/tasks/11/work")) / "go").touch()
    assert harness.wait() == 0
    assert peer.log("tasks/11/logs/taskout.log") == b"early\nlate\n"
    assert peer.watchdogs == []


def test_trouble_on_the_way(make_peer: MakePeer, begin: Begin) -> None:
    """With 5xx answers, dropped, torn and unanswered requests nothing is lost and nothing comes twice."""
    lines = "".join(f"{number:07d}\n" for number in range(400_000))
    peer = make_peer(task(11, script="seq -f %07.0f 0 399999; tackroom-report Pass one; exit 4"))
    peer.troubles = [
        Trouble("POST", "claim", "after"),
        Trouble("GET", "/recipes/7/$", "before"),
        Trouble("POST", "status$", "503"),
        Trouble("HEAD", "taskout", "before"),
        Trouble("PUT", "taskout", "after"),
        Trouble("PUT", "taskout", "torn"),
        Trouble("PUT", "taskout", "503"),
        Trouble("POST", "results", "before"),
        Trouble("POST", "results", "after", 3),
    ]
    assert begin(peer).wait() == 0
    assert [trouble.times for trouble in peer.troubles] == [0] * len(peer.troubles)
    assert peer.log("tasks/11/logs/taskout.log") == lines.encode()
    assert outcomes(peer) == [(11, "Pass", "one"), (11, "Fail", "exit_code")]
    assert peer.statuses() == ["Completed"]


def test_unanswered_end_of_a_task(make_peer: MakePeer, begin: Begin) -> None:
    """When the answer to Completed is lost, the repetition's 409 does not keep the next task from running."""
    peer = make_peer(task(11, command=["true"]), task(12, command=["true"]))
    peer.troubles = [Trouble("POST", "11/results", "503"), Trouble("POST", "never", "503")]
    harness = begin(peer)
    peer.wait(lambda: peer.troubles[0].times == 0)
    peer.troubles[1] = Trouble("POST", "11/status", "after")
    assert harness.wait() == 0
    assert peer.troubles[1].times == 0
    assert peer.statuses() == ["Completed", "Completed"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_restart_while_the_task_runs(make_peer: MakePeer, begin: Begin, number: signal.Signals) -> None:
    """A harness that was killed in mid-task leaves the task alone; the next one goes on with it."""
    script = "echo begun $$; while [ ! -e go ]; do sleep 0.05; done; tackroom-report pass later; echo done"
    peer = make_peer(task(11, script=script), task(12, command=["true"]))
    harness = begin(peer)
    peer.wait(lambda: peer.log("tasks/11/logs/taskout.log").endswith(b"\n"))
    harness.kill(number)
    pid = int(peer.log("tasks/11/logs/taskout.log").split()[1])
    assert alive(pid)
    harness = begin(peer)
    peer.wait(lambda: b"goes on" in peer.log("tasks/11/logs/harness.log"))
    (Path(f"/proc/{pid}/cwd").resolve() / "go").touch()
    assert harness.wait() == 0
    assert peer.log("tasks/11/logs/taskout.log") == f"begun {pid}\ndone\n".encode()
    assert outcomes(peer) == [(11, "pass", "later"), (12, "Pass", "exit_code")]
    assert peer.statuses() == ["Completed", "Completed"]
    assert peer.watchdogs == [1800]


def test_task_ends_while_no_harness_runs(make_peer: MakePeer, begin: Begin) -> None:
    """The exit status and the output of a task that ended without a harness are picked up by the next."""
    peer = make_peer(task(11, script="echo begun $$; while [ ! -e go ]; do sleep 0.05; done; echo more; exit 5"))
    harness = begin(peer)
    peer.wait(lambda: peer.log("tasks/11/logs/taskout.log").endswith(b"\n"))
    harness.kill()
    pid = int(peer.log("tasks/11/logs/taskout.log").split()[1])
    (Path(f"/proc/{pid}/cwd").resolve() / "go").touch()
    peer.wait(lambda: not alive(pid))
    assert begin(peer).wait() == 0
    assert peer.log("tasks/11/logs/taskout.log") == f"begun {pid}\nmore\n".encode()
    assert [result["score"] for result in peer.results] == ["5"]


def test_task_vanishes_with_the_harness(make_peer: MakePeer, begin: Begin) -> None:
    """A task that is gone without an exit status, as after a power cut, is run again and its log goes on."""
    script = "if [ -e mark ]; then echo second; else touch mark; echo first $$; exec sleep 600; fi"
    peer = make_peer(task(11, script=script))
    harness = begin(peer)
    peer.wait(lambda: peer.log("tasks/11/logs/taskout.log").endswith(b"\n"))
    harness.kill()
    pid = int(peer.log("tasks/11/logs/taskout.log").split()[1])
    session = os.getsid(pid)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and alive(int(entry.name)) and os.getsid(int(entry.name)) == session:
            os.kill(int(entry.name), signal.SIGKILL)
    assert begin(peer).wait() == 0
    assert peer.log("tasks/11/logs/taskout.log") == f"first {pid}\nsecond\n".encode()
    assert outcomes(peer) == [(11, "Pass", "exit_code")]


@pytest.mark.timeout(300)  # each life of a harness costs many fsyncs, which a busy disk makes slow
def test_killed_again_and_again(make_peer: MakePeer, begin: Begin) -> None:
    """Killed at arbitrary moments, harness after harness does the recipe without losing or doubling anything."""
    script = "for i in 1 2 3 4 5 6; do echo $i; tackroom-report Pass part$i; sleep 0.1; done"
    peer = make_peer(*(task(number, script=script) for number in (11, 12, 13)))
    deadline = time.monotonic() + 240
    lives = 0
    while peer.status != "Completed":
        assert time.monotonic() < deadline
        harness = begin(peer)
        enough = len(peer.requests) + 6 + 7 * lives % 17
        while len(peer.requests) < enough and peer.status != "Completed":
            time.sleep(0.01)
        harness.kill()
        lives += 1
    assert lives > 3
    parts = [f"part{number}" for number in range(1, 7)]
    assert outcomes(peer) == [(number, "Pass", part) for number in (11, 12, 13) for part in parts]
    for number in (11, 12, 13):
        assert peer.log(f"tasks/{number}/logs/taskout.log") == b"1\n2\n3\n4\n5\n6\n"


@pytest.mark.parametrize("talks", [True, False], ids=["by a log", "by asking"])
def test_controller_ends_the_recipe(make_peer: MakePeer, begin: Begin, talks: bool) -> None:
    """When the recipe was cancelled the running task is killed with all its children and nothing more is run."""
    loop = "while :; do echo x; sleep 0.2; done" if talks else "exec sleep 600"
    peer = make_peer(task(11, script=f"sleep 600 & echo $$ $!; {loop}"), task(12, command=["true"]))
    harness = begin(peer)
    peer.wait(lambda: b"\n" in peer.log("tasks/11/logs/taskout.log"))
    pids = [int(word) for word in peer.log("tasks/11/logs/taskout.log").split(b"\n")[0].split()]
    peer.end("Cancelled")
    assert harness.wait() == 1
    assert not any(alive(pid) for pid in pids)
    assert peer.results == []
    assert peer.statuses() == ["Cancelled", "Cancelled"]


@pytest.mark.parametrize("deaf", [False, True], ids=["dies by TERM", "does not"])
def test_last_words_of_a_cancelled_task(make_peer: MakePeer, begin: Begin, deaf: bool) -> None:
    """Cancelled, a task's last output arrives within the grace, and the harness claims anew within five seconds."""
    trap = "trap 'echo bye' TERM" if deaf else "trap 'echo bye; exit' TERM"
    peer = make_peer(task(11, script=f"{trap}; echo begun; while :; do sleep 0.1; done"))
    peer.grace = 5.0
    harness = begin(peer, once=False)
    peer.wait(lambda: peer.log("tasks/11/logs/taskout.log") == b"begun\n")
    claims, began = peer.claims, time.monotonic()
    peer.end("Cancelled")
    peer.wait(lambda: peer.claims > claims)
    assert time.monotonic() - began < 5
    assert b"bye\n" in peer.log("tasks/11/logs/taskout.log")
    assert b"the controller has ended recipe 7: Cancelled" in peer.log("tasks/11/logs/harness.log")
    asked = [line for line in peer.requests if line in ("GET /recipes/7/", "GET /recipes/7/watchdog")]
    assert asked.count("GET /recipes/7/") == 2, asked  # before the task, and when it had no watchdog any more
    harness.kill(signal.SIGTERM)


def test_last_words_when_the_system_was_away(make_peer: MakePeer, begin: Begin) -> None:
    """What a task wrote before its recipe was aborted goes up when the harness comes back within the grace."""
    peer = make_peer(task(11, script="echo begun; while [ ! -e go ]; do sleep 0.05; done; echo hangs; exec sleep 600"))
    harness = begin(peer)
    peer.wait(lambda: peer.log("tasks/11/logs/taskout.log") == b"begun\n")
    peer.wait(lambda: b"process " in peer.log("tasks/11/logs/harness.log"))
    pid = int(peer.log("tasks/11/logs/harness.log").split(b"process ")[1].split()[0])
    harness.kill()
    peer.grace = 60.0
    peer.end("Aborted")
    (Path(f"/proc/{pid}/cwd").resolve() / "go").touch()
    local = next(Path(f"/proc/{pid}/cwd").resolve().parents[0].glob("taskout.log"))
    peer.wait(lambda: local.read_text() == "begun\nhangs\n")
    harness = begin(peer)
    peer.wait(lambda: peer.claims >= 3)
    assert peer.log("tasks/11/logs/taskout.log") == b"begun\nhangs\n"
    assert not alive(pid)
    harness.kill(signal.SIGTERM)


def test_cancelled_while_a_task_is_fetched(make_peer: MakePeer, begin: Begin) -> None:
    """A cancel is noticed during a long download, too."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = make_peer(task(11, fetch={"url": f"http://127.0.0.1:{server.getsockname()[1]}/t.tar"}))
        harness = begin(peer)
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            connection.setblocking(False)
            peer.end("Cancelled")
            while harness.process.poll() is None:
                with contextlib.suppress(BlockingIOError, ConnectionError):
                    connection.send(bytes(65536))
                time.sleep(0.01)
    assert harness.wait() == 1
    assert peer.statuses() == ["Cancelled"]


def test_interrupt(make_peer: MakePeer, begin: Begin) -> None:
    """Ctrl-C kills the task and reports it and the rest of the recipe as aborted."""
    peer = make_peer(
        task(11, script="trap 'echo bye; exit 0' TERM; echo $$; sleep 600 & wait"), task(12, command=["true"])
    )
    harness = begin(peer)
    peer.wait(lambda: b"\n" in peer.log("tasks/11/logs/taskout.log"))
    pid = int(peer.log("tasks/11/logs/taskout.log").split()[0])
    harness.kill(signal.SIGINT)
    assert harness.wait() == 130
    assert not alive(pid)
    assert peer.statuses() == ["Aborted", "Aborted"]
    assert "interrupted" in peer.messages[11]
    assert peer.log("tasks/11/logs/taskout.log") == f"{pid}\nbye\n".encode()


def test_something_holds_the_output_open(make_peer: MakePeer, begin: Begin) -> None:
    """A task that leaves a process behind is over when its command is."""
    peer = make_peer(task(11, script="sleep 20 & echo $!"))
    began = time.monotonic()
    assert begin(peer).wait() == 0
    assert time.monotonic() - began < 15
    os.kill(int(peer.log("tasks/11/logs/taskout.log")), signal.SIGKILL)


def test_refusals(make_peer: MakePeer, begin: Begin, tmp_path: Path) -> None:
    """A key that is missing, and one that the controller does not take, end the harness with a word."""
    peer = make_peer(task(11, command=["true"]))
    harness = begin(peer, "--token-file", str(tmp_path / "missing"))
    assert harness.wait() == 2
    (tmp_path / "wrong").write_text("wrong\n")
    harness = begin(peer, "--token-file", str(tmp_path / "wrong"), claim=False)
    assert harness.wait() == 1
    assert "403 wrong key" in harness.words()
    assert peer.statuses() == ["Waiting"]


def test_a_log_that_is_refused(make_peer: MakePeer, begin: Begin) -> None:
    """A log that the controller takes no more of is given up; the task and its other log are not."""
    peer = make_peer(task(11, script="echo x; tackroom-report Pass one"))
    peer.troubles = [Trouble("PUT", "taskout", "403")]
    assert begin(peer).wait() == 0
    assert peer.statuses() == ["Completed"]
    assert peer.log("tasks/11/logs/taskout.log") == b""
    assert b"taskout.log is given up: 403" in peer.log("tasks/11/logs/harness.log")


def test_local_end_of_a_log_was_lost(make_peer: MakePeer, begin: Begin) -> None:
    """What a task writes goes behind what the controller has, also when the harness knows nothing of that."""
    peer = make_peer({**task(11, script="echo again"), "status": "Running"})
    peer.logs["tasks/11/logs/taskout.log"] = bytearray(b"before the power cut\n")
    assert begin(peer).wait() == 0
    assert peer.log("tasks/11/logs/taskout.log") == b"before the power cut\nagain\n"


def test_one_harness_for_a_state_directory(make_peer: MakePeer, begin: Begin) -> None:
    """A second harness on the same state leaves at once."""
    peer = make_peer(task(11, script="echo x; exec sleep 600"))
    first = begin(peer)
    peer.wait(lambda: peer.log("tasks/11/logs/taskout.log"))
    second = begin(peer)
    assert second.wait() == 2
    assert "another harness uses" in second.words()
    first.kill(signal.SIGINT)


def test_terminated_while_there_is_nothing_to_do(make_peer: MakePeer, begin: Begin) -> None:
    """SIGTERM ends a harness that waits for work at once and cleanly."""
    peer = make_peer({**task(11), "status": "Completed"})
    peer.status = "Completed"
    harness = begin(peer)
    peer.wait(lambda: peer.claims)
    harness.kill(signal.SIGTERM)
    assert harness.wait() == 0
    assert peer.claims == 1
