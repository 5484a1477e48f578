"""The tools for several systems, by the shells that systems have: what they ask of sync, and what they make of it."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lavashell import Ran, ShellBench

#: stands for the harness's: a state that was set is kept as it was said; a wait is answered with what is in a file
TOOL = """
printf '%s\\n' "$*" >>"$HOME/calls"
case $1 in
set) printf '%s' "$4" >"$HOME/said-$2" ;;
wait)
    [ -e "$HOME/answer-$2" ] || exit 3
    cat "$HOME/answer-$2"
    ;;
esac
"""
GROUP = {"role": "client", "roles": {"client": 2, "ser ver": 1}}


class Group:
    """A system of a group of three; the others are only files."""

    def __init__(self, bench: ShellBench) -> None:
        self.bench = bench
        bench.tool("tackroom-sync", TOOL)

    def answer(self, state: str, value: Any) -> None:
        """What a wait for a state is to be answered with."""
        (self.bench.home / f"answer-{state}").write_text(json.dumps(value))

    def said(self, state: str) -> str:
        """What was said with a state."""
        found: str = json.loads((self.bench.home / f"said-{state}").read_text())
        return found

    def run(self, *steps: str, system: str = "box", **facts: Any) -> Ran:
        """Run steps, the cache within the bench."""
        cache = self.bench.home / "cache.txt"
        script = self.bench.text({"run": {"steps": ["set +x", *steps]}}, **{**GROUP, **facts})
        return self.bench.ran(
            self.bench.start(script, TACKROOM_SYSTEM=system, LAVA_MULTI_NODE_CACHE=str(cache), CACHE=str(cache))
        )

    @property
    def calls(self) -> list[str]:
        """What was asked of sync."""
        return (self.bench.home / "calls").read_text().splitlines()


@pytest.fixture
def group(bench: ShellBench) -> Group:
    """One of a group."""
    return Group(bench)


def test_who_is_who(group: Group) -> None:
    """The system's name, its role, all roles, and who has them; a role that nobody has is told by the status."""
    group.answer("lava-group", {"3": "box|client", "4": "b-2|client", "5": "~303~274|~163~145~162~040~166~145~162"})
    ran = group.run(
        "lava-self; lava-role; lava-role list; lava-group; lava-group client; lava-group 'ser ver'",
        "lava-group nobody || echo none $?",
        "lava-role x || echo wrong",
    )
    assert ran.status == 0
    assert [line for line in ran.lines if "SIGNAL" not in line and "usage" not in line] == [
        "box",
        "client",
        *("client", "ser ver"),
        *("box\tclient", "b-2\tclient", "ü\tser ver"),
        *("box", "b-2"),
        "ü",
        "none 1",
        "wrong",
    ]
    # it is asked for once
    assert group.calls == ['set lava-group --say "box|client"', "wait lava-group"]


def test_messages(group: Group) -> None:
    """What is sent is said as a state; what is waited for goes into the cache, and each call is a result."""
    group.answer("lava:ready", {"3": None, "4": "b-2|server|port=5001|host=~141~040~142", "5": "c|x", "6": 7})
    ran = group.run(
        "lava-send ready port=80 'name=two words' x=",
        "lava-wait ready; cat $CACHE; echo",
        "lava-wait-all ready server; cat $CACHE",
        "lava-sync ready",
        sync_seconds=90,
    )
    assert ran.status == 0
    assert [line for line in ran.lines if "SIGNAL" not in line] == [
        *("port=5001", "host=a b", ""),
        *("b-2:port=5001", "b-2:host=a b"),
    ]
    assert group.calls[1:] == [
        'set lava:ready --say "box|client|port=80|~156~141~155~145~075~164~167~157~040~167~157~162~144~163|x="',
        "wait lava:ready --any --others --timeout 90",
        "wait lava:ready --others --role server --timeout 90",
        'set lava:ready --say "box|client"',
        "wait lava:ready --timeout 90",
    ]
    assert ran.judged == [(f"/multinode-{call}-ready", "Pass") for call in ("send", "wait", "wait_all", "sync")]


@pytest.mark.parametrize("call", ["lava-wait gone", "lava-wait-all gone", "lava-sync gone"])
def test_a_wait_that_fails(group: Group, call: str) -> None:
    """It is a failed result, and a failing step: the test is over."""
    ran = group.run(call, "echo never")
    name = f"/multinode-{call.removeprefix('lava-').replace('-', '_').replace(' ', '-')}"
    assert (ran.status, ran.judged) == (0, [(name, "Fail"), ("/lava-test-shell", "Fail")])
    assert "never" not in ran.lines


WRONG = [
    ("lava-send", "usage: lava-send"),
    ("lava-send ''", "the name of a message is empty"),
    ("lava-send a/b", "a slash or an equals sign"),
    ("lava-send a=b", "a slash or an equals sign"),
    ("lava-send 'a b'", "white space"),
    ("lava-send a b", "that is no pair KEY=VALUE: b"),
    ("lava-send a =b", "the key of a pair is empty"),
    ("lava-send a 'b c=d'", "has white space in it"),
    ("lava-send a \"b=$(printf 'x\\ny')\"", "control characters"),
    (f"lava-send a b={'x' * 4000}", "at most 4000 characters"),
    ("lava-wait", "usage: lava-wait"),
    ("lava-wait a b", "usage: lava-wait"),
    ("lava-wait-all a b c", "usage: lava-wait-all"),
    ("lava-sync", "usage: lava-sync"),
    ("lava-group a b", "usage: lava-group"),
]


def test_wrong_calls(group: Group) -> None:
    """Each is refused with a sentence, and nothing is said or waited for."""
    ran = group.run(*(f"{call} && echo taken; echo next" for call, _ in WRONG))
    assert (ran.status, ran.judged, group.calls) == (0, [], ['set lava-group --say "box|client"'])
    parts = "\n".join(ran.lines).split("\nnext\n")
    for part, (call, words) in zip(parts, WRONG, strict=False):
        assert words in part, call
    assert "taken" not in ran.lines


HOSTILE = ["'", '"', "\\", "$(id)", "`id`", "*", "~141", "|", "-n", "%s", "{,}", '": "', "é", "\U0001f4a9", "=", "  "]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        (st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), max_size=12))
        | st.sampled_from(HOSTILE),
        min_size=1,
        max_size=8,
    )
)
def test_all_values_arrive(group: Group, values: list[str]) -> None:
    """Whatever a value is, it arrives as it was sent, by a word of JSON that nothing needs to escape."""
    pairs = [f"k{number}={value}" for number, value in enumerate(values)]
    quoted = ["'" + pair.replace("'", "'\\''") + "'" for pair in pairs]
    group.run(f"lava-send m {' '.join(quoted)}", system="b'x")
    text = group.said("lava:m")
    assert not set(text) & set("\"\\{},'")
    group.answer("lava:m", {"4": text})
    ran = group.run("lava-wait-all m; cat $CACHE")
    said = [line for line in ran.output.split("\n") if line.startswith("b'x:")]
    assert said == [f"b'x:{pair}" for pair in pairs]
