"""The command tackroom-report, used by tasks of a real harness."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.harnesses.conftest import Begin, MakePeer
from tests.harnesses.peer import Trouble, task

MIB = 1024 * 1024


def test_results_with_logs(make_peer: MakePeer, begin: Begin) -> None:
    """A result goes out with score, message and logs, which lie below the result; then exit 0 adds nothing."""
    script = """
    echo one > 'a b#?%41.log'; printf '' > empty; echo two > ü.txt
    tackroom-report FAIL some/path --score -3 --message 'it broke: ä' --log 'a b#?%41.log' --log empty --log ü.txt
    echo "exit $?"
    """
    peer = make_peer(task(11, script=script), prefix="/lab")
    assert begin(peer).wait() == 0
    (result,) = peer.results
    assert (result["result"], result["path"], result["score"]) == ("FAIL", "some/path", "-3")
    assert result["message"] == "it broke: ä"
    below = f"tasks/11/results/{result['id']}/logs"
    assert peer.log(f"{below}/a b#?%41.log") == b"one\n"
    assert peer.log(f"{below}/ü.txt") == b"two\n"
    assert peer.logs[f"{below}/empty"] == b""
    assert peer.log("tasks/11/logs/taskout.log") == b"exit 0\n"


def test_logs_of_the_task(make_peer: MakePeer, begin: Begin) -> None:
    """A log can be uploaded alone, under another name, and anew when it became shorter."""
    script = """
    echo a long first version > out; tackroom-report --log out --name sub/out.log || exit 1
    echo short > out; tackroom-report --log out --name sub/out.log || exit 1
    tackroom-report --log out
    """
    peer = make_peer(task(11, script=script))
    assert begin(peer).wait() == 0
    assert peer.log("tasks/11/logs/sub/out.log") == b"short\n"
    assert peer.log("tasks/11/logs/out") == b"short\n"
    assert [result["path"] for result in peer.results] == ["exit_code"]


def test_a_name_that_leads_elsewhere(make_peer: MakePeer, begin: Begin) -> None:
    """A log's name reaches no other log and no other call, and not what the harness writes; nothing is asked for it."""
    script = """
    echo forged > out
    for name in ../harness.log x/../harness.log ../../../sync/ready ./out . / taskout.log /harness.log; do
        tackroom-report --log out --name "$name" && exit 1
    done
    tackroom-report --log out --name a//b/out
    """
    peer = make_peer(task(11, script=script))
    assert begin(peer).wait() == 0
    assert {name.removeprefix("tasks/11/logs/") for name in peer.logs} == {"taskout.log", "harness.log", "a/b/out"}
    assert b"forged" not in peer.log("tasks/11/logs/harness.log")
    assert not [line for line in peer.requests if ".." in line or "sync" in line]


def test_the_directory_for_logs(make_peer: MakePeer, begin: Begin) -> None:
    """Every regular file in it, and below it, is a log of the task at its end; links and FIFOs are not."""
    script = r"""
    cd "$TACKROOM_LOGS"; printf 'a\000\377' > results.xml; mkdir sub; echo two > sub/two.log; : > empty
    ln -s /etc/passwd link; mkfifo fifo; echo > taskout.log; b=$(printf '\377'); echo > "b$b"; echo said
    """
    peer = make_peer(task(11, script=script))
    assert begin(peer).wait() == 0
    logs = {name.removeprefix("tasks/11/logs/") for name in peer.logs}
    assert logs == {"taskout.log", "harness.log", "results.xml", "sub/two.log", "empty", "b?"}
    assert peer.log("tasks/11/logs/results.xml") == b"a\0\xff"
    assert peer.log("tasks/11/logs/taskout.log") == b"said\n"
    assert all(peer.sealed(f"tasks/11/logs/{name}") for name in logs - {"taskout.log", "harness.log"})
    assert [line for line in peer.requests if line.startswith("POST")][-1].endswith("/tasks/11/status")


def test_what_went_up_whole_is_declared(make_peer: MakePeer, begin: Begin) -> None:
    """The logs of a result with it; those of the task at its end, since until then they may come again."""
    script = """
    echo one > a; echo two > b
    tackroom-report --log b || exit 1
    tackroom-report PASS p --log a || exit 1
    echo three > b; tackroom-report --log b || exit 1
    """
    peer = make_peer(task(11, script=script))
    assert begin(peer).wait() == 0
    of_result, of_task = f"tasks/11/results/{peer.results[0]['id']}/logs/a", "tasks/11/logs/b"
    assert list(peer.declared) == [of_result, of_task]
    assert peer.sealed(of_result)
    assert peer.sealed(of_task)
    assert peer.log(of_task) == b"three\n"
    posts = [line for line in peer.requests if line.startswith("POST")]
    assert posts[-1].endswith("/tasks/11/status")


def test_a_sealed_log_is_not_sent_again(make_peer: MakePeer, begin: Begin) -> None:
    """The harness dies when its log is sealed, but not told so: the next one finds that all of it is there."""
    script = "echo one > a; tackroom-report PASS p --log a; echo exit $?"
    peer = make_peer(task(11, script=script))
    peer.troubles = [Trouble("POST", "logs/a", "after", 100)]
    harness = begin(peer)
    peer.wait(lambda: peer.troubles[0].times < 100)
    harness.kill()
    peer.troubles.clear()
    assert begin(peer).wait() == 0
    assert peer.log("tasks/11/logs/taskout.log") == b"exit 0\n"
    assert peer.sealed(f"tasks/11/results/{peer.results[0]['id']}/logs/a")


def test_a_controller_that_takes_no_declarations(make_peer: MakePeer, begin: Begin) -> None:
    """It is told in the task's log, and nothing else is the matter."""
    peer = make_peer(task(11, script="echo one > a; tackroom-report PASS p --log a; echo exit $?"))
    peer.troubles = [Trouble("POST", "logs/a", "404")]
    assert begin(peer).wait() == 0
    assert peer.log("tasks/11/logs/taskout.log") == b"exit 0\n"
    assert "was not declared" in peer.log("tasks/11/logs/harness.log").decode()


def test_what_is_refused(make_peer: MakePeer, begin: Begin) -> None:
    """What is refused gives exit status 1 and the reason; a wrong call gives 2; the task goes on."""
    script = """
    tackroom-report maybe x; echo "exit $?"
    tackroom-report Pass y --log /dev/zero --log missing; echo "exit $?"
    tackroom-report --log out --name bad.log; echo "exit $?"
    tackroom-report Pass 2>/dev/null; echo "exit $?"
    tackroom-report 2>/dev/null; echo "exit $?"
    """
    peer = make_peer(task(11, script="echo > out" + script))
    peer.troubles = [Trouble("PUT", "bad.log", "409")]
    assert begin(peer).wait() == 0
    output = peer.log("tasks/11/logs/taskout.log").decode()
    assert re.findall(r"exit (\d)", output) == ["1", "1", "1", "2", "2"]
    assert "result must be one of" in output
    assert "/dev/zero: not a regular file" in output
    assert "No such file" in output
    assert "409" in output
    assert peer.statuses() == ["Completed"]
    assert [(result["result"], result["path"]) for result in peer.results] == [("Pass", "y")]


def test_large_log_and_progress(make_peer: MakePeer, begin: Begin) -> None:
    """A large log goes in ranges of 1 MiB with the total, survives trouble, and its progress is shown by tens."""
    script = "seq -f %015.0f 0 600000 > big; tackroom-report --log big; cp big $TACKROOM_HOLD; sha1sum < big"
    peer = make_peer(task(11, script=script, params={"TACKROOM_HOLD": "/dev/null"}))
    peer.troubles = [Trouble("PUT", "big", "torn"), Trouble("PUT", "big", "after")]
    harness = begin(peer, "--progress")
    assert harness.wait() == 0
    expected = "".join(f"{number:015d}\n" for number in range(600_001)).encode()
    assert peer.log("tasks/11/logs/big") == expected
    puts = [line for line in peer.requests if line == "PUT /recipes/7/tasks/11/logs/big"]
    assert len(puts) == -(-len(expected) // MIB) + 2
    shown = re.findall(r"^big \[[#.]{20}\]\s+(\d+) %", harness.words(), re.MULTILINE)
    assert shown[-1] == "100"
    assert 8 <= len(shown) <= 10


def test_harness_is_killed_during_a_report(make_peer: MakePeer, begin: Begin) -> None:
    """A report that was under way when the harness was killed is finished by the next: once."""
    script = "seq -f %015.0f 0 600000 > big; tackroom-report Warn big --log big; echo exit $?"
    peer = make_peer(task(11, script=script))
    peer.troubles = [Trouble("PUT", "big", "503", 100)]
    harness = begin(peer)
    peer.wait(lambda: peer.troubles[0].times < 100)
    harness.kill()
    peer.troubles.clear()
    assert begin(peer).wait() == 0
    assert [(result["result"], result["path"]) for result in peer.results] == [("Warn", "big")]
    assert len(peer.log(f"tasks/11/results/{peer.results[0]['id']}/logs/big")) == 600_001 * 16
    assert peer.log("tasks/11/logs/taskout.log") == b"exit 0\n"


@pytest.mark.parametrize("script", ["tackroom-report Warn one --log $0", "exit 1"], ids=["reported", "exit status"])
def test_answer_to_a_result_is_lost_with_the_harness(make_peer: MakePeer, begin: Begin, script: str) -> None:
    """A result that the controller took just before the harness was killed is sent again, and there once."""
    peer = make_peer(task(11, script=script))
    for _ in range(2):
        peer.troubles = [Trouble("POST", "results", "after", 100)]
        harness = begin(peer)
        peer.wait(lambda: peer.troubles[0].times < 100)
        harness.kill()
    peer.troubles = [Trouble("PUT", "logs/script", "503", 100)]
    harness = begin(peer)
    if script != "exit 1":
        peer.wait(lambda: peer.troubles[0].times < 100)
        harness.kill()
        peer.troubles.clear()
        harness = begin(peer)
    assert harness.wait() == 0
    (result,) = peer.results
    assert peer.keys
    assert script == "exit 1" or peer.log(f"tasks/11/results/{result['id']}/logs/script") == script.encode()


def test_words_that_are_no_utf8(make_peer: MakePeer, begin: Begin) -> None:
    """Bytes that are no UTF-8 in words and file names arrive as question marks, and the harness lives."""
    script = "b=$(printf '\\377'); echo x > a$b.log; tackroom-report Pass p$b --message m$b --log a$b.log; echo exit $?"
    peer = make_peer(task(11, script=script))
    assert begin(peer).wait() == 0
    (result,) = peer.results
    assert (result["path"], result["message"]) == ("p?", "m?")
    assert peer.log(f"tasks/11/results/{result['id']}/logs/a?.log") == b"x\n"
    assert peer.log("tasks/11/logs/taskout.log") == b"exit 0\n"


def test_report_after_the_end_of_the_task(make_peer: MakePeer, begin: Begin, tmp_path: Path) -> None:
    """What a task left behind learns from its report that the task is over, and does not wait for ever."""
    late = f"{tmp_path}/late"
    script = f"(while [ ! -e go ]; do sleep 0.05; done; tackroom-report Pass late 2> {late}) > /dev/null 2>&1 & pwd"
    peer = make_peer(task(11, script=script), task(12, command=["sleep", "600"]))
    harness = begin(peer)
    peer.wait(lambda: peer.statuses() == ["Completed", "Running"])
    (Path(peer.log("tasks/11/logs/taskout.log").decode().strip()) / "go").touch()
    peer.wait(lambda: Path(late).exists() and Path(late).read_text())
    assert Path(late).read_text() == "tackroom-report: the task is over\n"
    harness.kill(signal.SIGINT)


def test_command_ignores_the_tasks_python(make_peer: MakePeer, begin: Begin) -> None:
    """A task that breaks Python's environment can still report."""
    script = "echo 'raise SystemExit(9)' > json.py; PYTHONPATH=$PWD PYTHONHOME=/nowhere tackroom-report Pass x"
    peer = make_peer(task(11, script=script))
    assert begin(peer).wait() == 0
    assert [result["path"] for result in peer.results] == ["x"]
