"""The commands in a task on a worker: shell scripts, files, and the gateway's end of them."""

from __future__ import annotations

import asyncio
import re
import time

import pytest

from tests.harnesses.buildbot.stage import Play, Stage, until
from tests.harnesses.peer import Peer


def test_a_result_with_logs(play: Play) -> None:
    """Result, score, message and logs of any bytes and names arrive; the exit status is 0; the logs are declared."""

    async def scene(there: Stage, peer: Peer) -> None:
        script = r"""
        printf 'one\000\377\n' > 'a b#?%41.log'; : > empty; echo two > -x
        tackroom-report FAIL 'some/path' --score -3 --message 'it broke: ä' --log 'a b#?%41.log' --log empty --log ./-x
        echo "exit $?"
        """
        assert await there.run(script) == "exit 0\n"
        assert there.counted == [1]

    peer = play(scene)
    (result,) = peer.results
    assert (result["result"], result["path"], result["score"]) == ("FAIL", "some/path", "-3")
    assert result["message"] == "it broke: ä"
    below = f"tasks/11/results/{result['id']}/logs"
    assert peer.log(f"{below}/a b#?%41.log") == b"one\0\xff\n"
    assert peer.logs[f"{below}/empty"] == b""
    assert peer.log(f"{below}/-x") == b"two\n"
    assert peer.sealed(f"{below}/empty")


def test_it_does_not_take_long(play: Play) -> None:
    """Ten results, one after the other, take seconds at most: nobody waits for a worker's buffer."""

    async def scene(there: Stage, peer: Peer) -> None:
        began = time.monotonic()
        script = "i=0; while [ $i -lt 10 ]; do tackroom-report Pass p$i || exit 1; i=$((i+1)); done; echo done"
        assert await there.run(script) == "done\n"
        assert time.monotonic() - began < 8

    peer = play(scene)
    assert [result["path"] for result in peer.results] == [f"p{number}" for number in range(10)]


def test_logs_of_the_task(play: Play) -> None:
    """A log can be uploaded alone, under another name, and anew when it became shorter; declared at the end."""

    async def scene(there: Stage, peer: Peer) -> None:
        script = """
        echo a long first version > out; tackroom-report --log out --name sub/out.log || exit 1
        echo short > out; tackroom-report --log out --name sub/out.log || exit 1
        seq 300000 > big; tackroom-report --log big; sha256sum < big
        """
        said = await there.run(script)
        assert peer.log("tasks/11/logs/sub/out.log") == b"short\n"
        assert not peer.declared
        await there.side.close()
        await there.reports.declare()
        assert peer.sealed("tasks/11/logs/sub/out.log")
        assert peer.declared["tasks/11/logs/big"]["sha256"] == said.split()[0]
        assert not list((there.reports.home / "uploads").iterdir())

    play(scene)


def test_what_is_refused(play: Play) -> None:
    """What is refused gives exit status 1 and the reason; a wrong call gives 2 and the usage; help is help."""

    async def scene(there: Stage, peer: Peer) -> None:
        script = """
        mkfifo fifo
        tackroom-report maybe x; echo "exit $?"
        tackroom-report Pass y --log /dev/zero --log missing --log fifo; echo "exit $?"
        tackroom-report Pass; echo "exit $?"
        tackroom-report --log missing --name taskout.log; echo "exit $?"
        echo > there; tackroom-report --log there --name taskout.log; echo "exit $?"
        tackroom-report --help; echo "exit $?"
        tackroom-abort; echo "exit $?"
        """
        said = await there.run(script)
        assert re.findall(r"exit (\d)", said) == ["1", "1", "2", "1", "1", "0", "2"]
        assert "tackroom-report: 400 result must be one of" in said
        assert "/dev/zero: not a regular file" in said
        assert "missing: No such file" in said
        assert "fifo: not a regular file" in said
        assert "usage: tackroom-report RESULT PATH" in said
        assert "tackroom-report: error: a RESULT needs a PATH" in said
        assert "written by the harness" in said
        assert "--score N" in said
        assert "usage: tackroom-abort" in said
        assert there.aborts == []

    peer = play(scene)
    assert [result["path"] for result in peer.results] == ["y"]


@pytest.mark.parametrize(
    "name",
    [
        "x/../harness.log",
        "../../../sync/FORGED",
        "../../12/logs/x",
        "a/./b",
        "..",
        "/",
        "/harness.log",
        "//taskout.log",
    ],
)
def test_names_that_lead_elsewhere(play: Play, name: str) -> None:
    """Nothing is asked of the controller for a log whose name is a way out of the task's logs, or one of ours."""

    async def scene(there: Stage, peer: Peer) -> None:
        before = len(peer.requests)
        said = await there.run(f"echo x > f; tackroom-report --log f --name {name}; echo exit $?")
        assert said.endswith("exit 1\n")
        assert len(peer.requests) == before
        assert await there.reports.put_file(there.reports.url, name, there.home / "work" / "f")
        assert len(peer.requests) == before

    assert play(scene).logs == {}


def test_words_that_are_no_utf8(play: Play) -> None:
    """Bytes that are no UTF-8, line ends and quotes in words and names arrive as well as they can."""

    async def scene(there: Stage, peer: Peer) -> None:
        script = r"""
        b=$(printf '\377'); n=$(printf 'x\ny'); echo x > "a$b.log"; echo y > "$n"
        tackroom-report Pass "p$b" --message "m$b \"'\$(id)\\n" --log "a$b.log" --log "$n"; echo exit $?
        """
        assert await there.run(script) == "exit 0\n"

    peer = play(scene)
    (result,) = peer.results
    assert (result["path"], result["message"]) == ("p?", "m? \"'$(id)\\n")
    below = f"tasks/11/results/{result['id']}/logs"
    assert peer.log(f"{below}/a?.log") == b"x\n"
    assert peer.log(f"{below}/x\ny") == b"y\n"


def test_sync(play: Play) -> None:
    """A wait keeps no other command waiting, prints what was said, and is dropped when nobody wants it any more."""

    async def scene(there: Stage, peer: Peer) -> None:
        peer.others = {8: "box2"}
        waits = await there.begin("tackroom-sync wait A; echo exit $?")
        assert await there.run("tackroom-sync set A --say '{\"a\": 1}'; echo exit $?") == "exit 0\n"
        assert await there.run("tackroom-report Pass meanwhile; echo exit $?") == "exit 0\n"
        assert waits.returncode is None
        peer.arrive("A", 8, [1, "ü"])
        out, _ = await asyncio.wait_for(waits.communicate(), 20)
        assert out.decode() == '{"7": {"a": 1}, "8": [1, "\\u00fc"]}\nexit 0\n'
        assert "exit 1" in await there.run("tackroom-sync wait B --timeout 0.2; echo exit $?")
        assert "exit 2" in await there.run("tackroom-sync wait bad; echo exit $?")
        peer.die(8)
        assert "recipe 8 (box2) has ended" in await there.run("tackroom-sync wait C")
        peer.dead.clear()
        gone = await there.begin("exec tackroom-sync wait D")
        await until(lambda: any(state == "D" for state, _ in peer.waits))
        gone.terminate()
        assert await gone.wait() == 143
        assert await there.run("tackroom-report Pass after; echo exit $?") == "exit 0\n"
        await until(lambda: not list((there.home / "spool").glob("*.request")))

    play(scene)


def test_abort(play: Play) -> None:
    """The reason is heard."""

    async def scene(there: Stage, peer: Peer) -> None:
        assert await there.run("tackroom-abort 'no sense'; echo exit $?") == "exit 0\n"
        assert there.aborts == ["no sense"]

    play(scene)


def test_the_directory_for_logs(play: Play) -> None:
    """Every regular file in it becomes a log, byte for byte; links, FIFOs, what is too large do not."""

    async def scene(there: Stage, peer: Peer) -> None:
        script = r"""
        cd ../logs; printf 'a\000\377' > results.xml; mkdir sub; echo two > sub/two.log; : > empty
        ln -s /etc/passwd link; mkfifo fifo; echo > taskout.log; b=$(printf '\377'); echo > "b$b"
        head -c 17000000 /dev/zero > large
        """
        await there.run(script)
        await there.side.close()
        await there.side.collect()
        await there.reports.declare()
        assert sorted(peer.logs) == [f"tasks/11/logs/{name}" for name in ("b?", "empty", "results.xml", "sub/two.log")]
        assert peer.log("tasks/11/logs/results.xml") == b"a\0\xff"
        assert all(peer.sealed(path) for path in peer.logs)
        assert any("large: over 16777216 bytes" in note for note in there.notes)

    play(scene)
