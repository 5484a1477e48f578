"""The command tackroom-sync, used by tasks of a real harness, against a strict peer."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path

import pytest

from tests.harnesses.conftest import Begin, MakePeer
from tests.harnesses.peer import RECIPE, Peer, Trouble, task

OTHERS = {17: "host-b", 18: "host-c"}


def output(peer: Peer) -> str:
    """What the task wrote."""
    return peer.log("tasks/11/logs/taskout.log").decode()


def test_set_and_wait(make_peer: MakePeer, begin: Begin) -> None:
    """A task says that it is there, and reads what the others say when all are."""
    script = """
    tackroom-sync set 'up & ü%2' --say '{"port": 5001, "name": "ü"}' && tackroom-sync wait 'up & ü%2'; echo exit $?
    """
    peer = make_peer(task(11, script=script), prefix="/lab")
    peer.others = {17: "host-b"}
    harness = begin(peer)
    peer.wait(lambda: peer.waits)
    assert peer.said == {"up & ü%2": {RECIPE: {"port": 5001, "name": "ü"}}}
    peer.arrive("up & ü%2", 17)
    assert harness.wait() == 0
    said, status = output(peer).splitlines()
    assert json.loads(said) == {"7": {"port": 5001, "name": "ü"}, "17": None}
    assert status == "exit 0"
    assert peer.waits == [("up & ü%2", {"timeout": "30"})]
    assert peer.watchdogs == []


def test_roles_and_any(make_peer: MakePeer, begin: Begin) -> None:
    """A wait can be for those of a role, or for any one."""
    waits = ("--role CLIENTS", "--any", "--any --others")
    script = "; ".join(f"tackroom-sync wait A {words}" for words in waits) + "; echo exit $?"
    peer = make_peer(task(11, script=script))
    peer.others, peer.roles = OTHERS, {"SERVERS": ["box", "host-b"], "CLIENTS": ["host-c"]}
    peer.arrive("A", 18, "c")
    assert begin(peer).wait() == 0
    assert output(peer) == '{"18": "c"}\n' * 3 + "exit 0\n"
    assert [query for _, query in peer.waits] == [
        {"role": "CLIENTS", "timeout": "30"},
        {"any": "1", "timeout": "30"},
        {"any": "1", "others": "1", "timeout": "30"},
    ]


def test_time_limit(make_peer: MakePeer, begin: Begin) -> None:
    """At the limit the exit status is 1 and the missing are named; with 0 it is only asked; work goes on meanwhile."""
    script = """
    tackroom-sync wait A --timeout 0; echo "exit $?"
    tackroom-sync wait A --timeout 2.5 & tackroom-report Warn meanwhile; echo reported; wait $!; echo "exit $?"
    """
    peer = make_peer(task(11, script=script))
    peer.others = OTHERS
    peer.arrive("A", RECIPE)
    harness = begin(peer)
    peer.wait(lambda: "reported" in output(peer))
    assert "exit 1" in output(peer)
    assert output(peer).count("exit") == 1
    began = time.monotonic()
    assert harness.wait() == 0
    assert time.monotonic() - began < 10
    missing = "tackroom-sync: not there: recipe 17 (host-b), recipe 18 (host-c)\n"
    assert output(peer) == f"{missing}exit 1\nreported\n{missing}exit 1\n"
    assert [query["timeout"] for _, query in peer.waits][:2] == ["0", "3"]
    assert [one["path"] for one in peer.results] == ["meanwhile"]


def test_dead_peers(make_peer: MakePeer, begin: Begin) -> None:
    """Nobody waits for the dead: the exit status is 3 and the message says who it is, before the wait or during it."""
    peer = make_peer(task(11, script="tackroom-sync wait A; echo exit $?; tackroom-sync wait B; echo exit $?"))
    peer.others = OTHERS
    harness = begin(peer)
    peer.wait(lambda: peer.waits)
    peer.die(18)
    assert harness.wait() == 0
    words = "tackroom-sync: recipe 18 (host-c) has ended (Aborted) without reaching {}\nexit 3\n"
    assert output(peer) == words.format("A") + words.format("B")


def test_wrong_use_and_refusals(make_peer: MakePeer, begin: Begin) -> None:
    """Wrong use gives 2, with the controller's words when it was the one to see it; other refusals give 4."""
    script = """
    tackroom-sync; echo "exit $?"
    tackroom-sync meet A; echo "exit $?"
    tackroom-sync set a/b; echo "exit $?"
    tackroom-sync set "$(printf 'a\\tb')"; echo "exit $?"
    tackroom-sync set "$(printf '\\377')"; echo "exit $?"
    tackroom-sync set A --say '{'; echo "exit $?"
    tackroom-sync set A --say "\\"$(seq -s ' ' 2000)\\""; echo "exit $?"
    tackroom-sync wait A --timeout -1; echo "exit $?"
    tackroom-sync wait A --timeout nan; echo "exit $?"
    tackroom-sync set bad; echo "exit $?"
    tackroom-sync wait bad; echo "exit $?"
    tackroom-sync set no; echo "exit $?"
    tackroom-sync wait no; echo "exit $?"
    """
    peer = make_peer(task(11, script=script))
    peer.troubles = [Trouble("PUT", "sync/no", "403"), Trouble("GET", "sync/no", "403")]
    assert begin(peer).wait() == 0
    assert re.findall(r"exit (\d)", output(peer)) == ["2"] * 11 + ["4", "4"]
    assert output(peer).count("400 no such state here") == 2
    assert output(peer).count("403 trouble") == 2
    assert peer.said == {}


def test_trouble_on_the_way(make_peer: MakePeer, begin: Begin) -> None:
    """A wait survives a controller that is full, away, or gone in the middle of the answer."""
    peer = make_peer(task(11, script="tackroom-sync set A && tackroom-sync wait A; echo exit $?"))
    peer.others = {17: "host-b"}
    peer.troubles = [
        Trouble("PUT", "sync", "after"),
        Trouble("GET", "sync", "503"),
        Trouble("GET", "sync", "before"),
    ]
    harness = begin(peer)
    peer.wait(lambda: peer.waits)
    peer.arrive("A", 17)
    assert harness.wait() == 0
    assert output(peer) == '{"7": null, "17": null}\nexit 0\n'


def test_time_limit_without_a_controller(make_peer: MakePeer, begin: Begin) -> None:
    """A limit ends a wait also when the controller does not answer any more."""
    peer = make_peer(task(11, script="tackroom-sync wait A --timeout 1; echo exit $?"))
    peer.troubles = [Trouble("GET", "sync", "503", 10**6)]
    harness = begin(peer)
    assert harness.wait() == 0
    assert "nothing is known of the others" in output(peer)
    assert output(peer).endswith("exit 1\n")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_harness_ends_during_a_wait(make_peer: MakePeer, begin: Begin, number: signal.Signals) -> None:
    """Several waits go on with the next harness; what was reached meanwhile is seen at once."""
    script = "tackroom-sync wait B & tackroom-sync wait A; wait $!; echo exit $?"
    peer = make_peer(task(11, script=script))
    peer.arrive("A", RECIPE)
    peer.others = {17: "host-b"}
    harness = begin(peer)
    peer.wait(lambda: len(peer.waits) == 2)
    harness.kill(number)
    peer.arrive("A", 17, "a")
    harness = begin(peer)
    peer.wait(lambda: '{"7": null, "17": "a"}' in output(peer))
    peer.wait(lambda: [state for state, _ in peer.waits].count("B") == 2)
    peer.arrive("B", 17, "b")
    peer.arrive("B", RECIPE)
    assert harness.wait() == 0
    assert output(peer) == '{"7": null, "17": "a"}\n{"17": "b", "7": null}\nexit 0\n'


def test_many_waits_at_once(make_peer: MakePeer, begin: Begin) -> None:
    """Twenty processes wait at once, and reports go through meanwhile."""
    script = (
        "for i in $(seq 20); do tackroom-sync wait S$i & done; tackroom-report Pass x; echo reported; wait; echo over"
    )
    peer = make_peer(task(11, script=script))
    harness = begin(peer)
    peer.wait(lambda: len(peer.waits) == 20 and "reported" in output(peer))
    for number in range(1, 21):
        peer.arrive(f"S{number}", RECIPE, number)
    assert harness.wait() == 0
    assert sorted(re.findall(r'"7": (\d+)', output(peer)), key=int) == [str(number) for number in range(1, 21)]
    assert output(peer).endswith("over\n")


def test_who_waits_gives_up(make_peer: MakePeer, begin: Begin, tmp_path: Path) -> None:
    """A wait whose process was killed is forgotten."""
    peer = make_peer(task(11, script="timeout -s KILL 2 tackroom-sync wait A; echo gone; exec sleep 600"))
    harness = begin(peer)
    peer.wait(lambda: peer.waits)
    peer.wait(lambda: "gone" in output(peer))
    peer.wait(lambda: not list(tmp_path.glob("state/recipes/7/tasks/11/spool/*")))
    harness.kill(signal.SIGINT)


def test_recipe_ends_during_a_wait(make_peer: MakePeer, begin: Begin) -> None:
    """A cancelled recipe's wait ends with its task."""
    peer = make_peer(task(11, script="tackroom-sync wait A; echo exit $?; exec sleep 600"))
    peer.others = OTHERS
    harness = begin(peer)
    peer.wait(lambda: peer.waits)
    began = time.monotonic()
    peer.end("Cancelled")
    assert harness.wait() == 1
    assert time.monotonic() - began < 6
