"""`tackroom worker add|list|show|set|drain|undrain|password|shutdown|remove`."""

import json
import re
import shlex
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from lab import Lab, running_lab


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A Tackroom."""
    with running_lab("none") as made:
        yield made


def row(lab: Lab, name: str) -> list[str]:
    """Return the words of a worker's line in the list."""
    [line] = [line for line in lab.command("worker", "list").stdout.splitlines() if line.split()[0] == name]
    return line.split()


def shown(lab: Lab, name: str) -> dict[str, object]:
    """Return a worker as JSON."""
    value: dict[str, object] = json.loads(lab.command("worker", "show", name, "--json").stdout)
    return value


def test_life_of_a_worker(lab: Lab) -> None:
    """Added with its system, listed, shown, changed, drained; removed, its system stays."""
    done = lab.command("worker", "add", "alpha", "--type", "kvm", "--tag", "x86")
    create, start = done.stdout.splitlines()
    assert done.stderr == ""
    assert re.fullmatch(r"buildbot-worker create-worker alpha 127\.0\.0\.1 alpha [0-9a-f]{32}", create)
    assert start == "buildbot-worker start alpha"
    system = json.loads(lab.command("system", "show", "alpha", "--json").stdout)
    assert (system["type"], system["tags"], system["state"]) == ("kvm", ["x86"], "offline")
    head = lab.command("worker", "list").stdout.splitlines()[0].split()
    assert head == ["NAME", "STATE", "HEALTH", "RECIPE", "VERSION", "ADDRESS", "LAST", "SEEN", "NOTES"]
    assert row(lab, "alpha") == ["alpha", "offline", "unknown", "never"]
    assert ["detach", "no"] in [line.split() for line in lab.command("worker", "show", "alpha").stdout.splitlines()]
    lab.command("worker", "set", "alpha", "--detach")
    assert (shown(lab, "alpha")["detach"], row(lab, "alpha")[-1]) == (True, "detach")
    lab.command("worker", "set", "alpha", "--no-detach")
    assert shown(lab, "alpha")["detach"] is False
    lab.command("worker", "drain", "alpha", "--reason", "new fan")
    system = json.loads(lab.command("system", "show", "alpha", "--json").stdout)
    assert (system["health"], system["reason"]) == ("maintenance", "new fan")
    assert row(lab, "alpha")[:3] == ["alpha", "offline", "maintenance"]
    lab.command("worker", "undrain", "alpha")
    system = json.loads(lab.command("system", "show", "alpha", "--json").stdout)
    assert (system["health"], system["reason"]) == ("good", None)
    assert lab.command("worker", "shutdown", "alpha").stdout == ""
    assert lab.command("worker", "remove", "alpha").stdout == ""
    assert lab.command("worker", "show", "alpha", check=False).returncode == 4
    assert lab.command("system", "show", "alpha").returncode == 0


def test_what_is_typed_on_its_machine(lab: Lab) -> None:
    """The line says where the worker is to call, in a form that a stock worker takes and a shell does not change."""

    def line(name: str, *words: str) -> list[str]:
        made = json.loads(lab.command("worker", "add", name, *words, "--json").stdout)
        create, start = map(shlex.split, made["commands"])
        assert create[:2] == ["buildbot-worker", "create-worker"]
        assert create[-2:] == [name, made["password"]]
        assert start[2] == create[-4]
        return create[2:-2]

    assert line("b1", "--master", "lab.example.org") == ["b1", "lab.example.org"]
    assert line("b2", "--master", "lab.example.org:9989") == ["b2", "lab.example.org"]
    assert line("b3", "--master", "192.0.2.7:10000", "--directory", "/srv/b 3") == ["/srv/b 3", "192.0.2.7:10000"]
    assert line("b4", "--tls", "--master", "lab.example.org") == ["--use-tls", "b4", "lab.example.org:9990"]
    own = line("b5", "--tls", "--trust-roots", "/etc/lab=ca", "--master", "lab.example.org:1234")[0]
    assert own == r"--connection-string=tls:host=lab.example.org:port=1234:trustRoots=/etc/lab\=ca"
    sixth = line("b6", "--master", "[2001:db8::7]:9989")[0]
    assert sixth == r"--connection-string=tcp:host=2001\:db8\:\:7:port=9989"
    assert line("b7") == ["b7", urlsplit(lab.url).hostname]


@pytest.mark.parametrize(
    "words",
    [
        ["add"],
        ["add", "a/b"],
        ["add", "x", "--trust-roots", "/x"],
        ["add", "x", "--master", ""],
        ["add", "x", "--master", "lab:0"],
        ["add", "x", "--master", "lab:http"],
        ["add", "x", "--master", "pb://lab"],
        ["add", "x", "--master", "a b"],
        ["set", "x"],
        ["drain"],
    ],
    ids=" ".join,
)
def test_wrong_use(lab: Lab, words: list[str]) -> None:
    """What makes no sense is wrong use, and nothing is made."""
    assert lab.command("worker", *words, check=False).returncode == 2
    assert lab.command("worker", "show", "x", check=False).returncode == 4


def test_of_a_system_that_there_is(lab: Lab) -> None:
    """A system can be given a worker; one that is no worker is not drained as one; what is not there is refused."""
    lab.command("system", "add", "gamma", "--type", "kvm")
    refused = lab.command("worker", "drain", "gamma", check=False)
    assert (refused.returncode, refused.stderr.count("\n")) == (4, 1)
    assert json.loads(lab.command("system", "show", "gamma", "--json").stdout)["health"] == "unknown"
    lab.command("worker", "add", "gamma", "--detach")
    assert (shown(lab, "gamma")["detach"], shown(lab, "gamma")["online"]) == (True, False)
    assert json.loads(lab.command("system", "show", "gamma", "--json").stdout)["type"] == "kvm"
    for words in (
        ["add", "gamma"],
        *([word, "nobody"] for word in ("show", "password", "shutdown", "remove", "drain")),
    ):
        done = lab.command("worker", *words, check=False)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1), words


def test_a_new_password(lab: Lab) -> None:
    """`password` prints the new password alone on standard output, and says that the old one is void."""
    old = lab.command("worker", "add", "delta").stdout.splitlines()[0].split()[-1]
    done = lab.command("worker", "password", "delta")
    assert "void" in done.stderr
    assert re.fullmatch(r"[0-9a-f]{32}\n", done.stdout)
    assert done.stdout.strip() != old
    told = json.loads(lab.command("worker", "password", "delta", "--json").stdout)
    assert set(told) == {"name", "password"}
    # nobody is told it later
    assert told["password"] not in lab.command("worker", "show", "delta", "--json").stdout


def test_who_is_away_with_a_recipe(lab: Lab) -> None:
    """The list says of a worker that a recipe is its though it is not connected: its system's state does not."""
    lab.command("worker", "add", "wanderer")
    lab.job({"name": "t"}, system="wanderer")

    def call_roll(sequence: int, *workers: dict[str, object]) -> list[int]:
        value = {"gateway": "0123456789abcdef", "sequence": sequence, "workers": workers}
        return [recipe["id"] for recipe in lab.post("/workers/roll-call?wait=0", value)["start"]]

    [recipe] = call_roll(1, {"name": "wanderer", "heard": 0})
    call_roll(2, {"name": "wanderer", "heard": 0, "recipe": recipe})
    assert "connected" not in row(lab, "wanderer")
    call_roll(3)
    assert row(lab, "wanderer")[:4] == ["wanderer", "running", "unknown", str(recipe)]
    assert row(lab, "wanderer")[-2:] == ["not", "connected"]
    assert ["online", "no"] in [line.split() for line in lab.command("worker", "show", "wanderer").stdout.splitlines()]
