"""`tackroom system add|list|show|set|remove|key`."""

import json
from collections.abc import Iterator

import pytest
from lab import Lab, running_lab


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A Tackroom."""
    with running_lab("none") as made:
        yield made


def row(lab: Lab, name: str) -> list[str]:
    """Return the words of a system's line in the list."""
    [line] = [line for line in lab.command("system", "list").stdout.splitlines() if line.split()[0] == name]
    return line.split()


def test_life_of_a_system(lab: Lab) -> None:
    """Added, listed, shown, changed, given work, and removed when it has none."""
    key = lab.command("system", "add", "alpha", "--type", "kvm", "--tag", "x86").stdout.strip()
    assert lab.command("system", "list").stdout.splitlines()[0].split() == [
        *("NAME", "STATE", "HEALTH", "RECIPE", "TYPE", "TAGS", "LAST", "SEEN", "REASON")
    ]
    assert row(lab, "alpha") == ["alpha", "offline", "unknown", "kvm", "x86", "never"]
    job = lab.job({"name": "t"}, system="alpha")
    recipe = job["recipe_sets"][0]["recipes"][0]["id"]
    assert lab.call("POST", "/systems/alpha/claim", key=key).json["id"] == recipe
    assert row(lab, "alpha")[:4] == ["alpha", "running", "unknown", str(recipe)]
    shown = lab.command("system", "show", "alpha").stdout
    assert ["recipe", str(recipe)] in [line.split() for line in shown.splitlines()]
    held = lab.command("system", "remove", "alpha", check=False)
    assert (held.returncode, held.stderr.count("\n")) == (4, 1)
    lab.command("job", "cancel", str(job["id"]))
    lab.settled(job["id"])
    lab.call("POST", f"/recipes/{recipe}/tasks/1/status", b"")
    assert lab.command("system", "remove", "alpha").stdout == ""
    assert lab.command("system", "show", "alpha", check=False).returncode == 4


def test_set_changes_only_what_is_said(lab: Lab) -> None:
    """Each option changes its field and no other; empty text takes a value away; tags are replaced, added, taken."""
    lab.command("system", "add", "beta", "--type", "kvm", "--tag", "a", "--tag", "b")

    def after(*words: str) -> dict[str, object]:
        told = json.loads(lab.command("system", "set", "beta", *words, "--json").stdout)
        assert told == json.loads(lab.command("system", "show", "beta", "--json").stdout)
        return {name: told[name] for name in ("type", "tags", "address", "health", "reason")}

    fresh = {"type": "kvm", "tags": ["a", "b"], "address": None, "health": "unknown", "reason": None}
    assert after("--health", "maintenance", "--reason", "new fan") == {
        **fresh,
        "health": "maintenance",
        "reason": "new fan",
    }
    assert after("--health", "good", "--reason", "") == {**fresh, "health": "good"}
    assert after("--add-tag", "c", "--add-tag", "a", "--remove-tag", "b")["tags"] == ["a", "c"]
    assert after("--tag", "z")["tags"] == ["z"]
    assert after("--tag", "")["tags"] == []
    assert after("--type", "", "--address", "192.0.2.7") == {
        **fresh,
        "type": None,
        "tags": [],
        "address": "192.0.2.7",
        "health": "good",
    }
    assert after("--address", "")["address"] is None


def test_set_refuses_nonsense(lab: Lab) -> None:
    """Nothing to change, tags said twice, an unknown health are wrong use; a bad address is refused by its name."""
    lab.command("system", "add", "gamma")
    for words in ([], ["--tag", "a", "--add-tag", "b"], ["--health", "ill"]):
        assert lab.command("system", "set", "gamma", *words, check=False).returncode == 2
    bad = lab.command("system", "set", "gamma", "--address", "nowhere", check=False)
    assert (bad.returncode, "address" in bad.stderr) == (4, True)
    assert lab.command("system", "add", "gamma", check=False).returncode == 4


def test_a_new_key_voids_the_old_one(lab: Lab) -> None:
    """`key` prints the new key alone on standard output, and says that the old one is void."""
    old = json.loads(lab.command("system", "add", "delta", "--json").stdout)["key"]
    done = lab.command("system", "key", "delta")
    new = done.stdout.strip()
    assert "void" in done.stderr
    assert lab.call("POST", "/systems/delta/claim", key=new).status == 204
    assert lab.call("POST", "/systems/delta/claim", key=old).status == 401
    assert json.loads(lab.command("system", "key", "delta", "--json").stdout)["system"] == "delta"
    assert lab.command("system", "key", "nobody", check=False).returncode == 4


def test_many_systems_are_listed(lab: Lab) -> None:
    """The list has all pages, and is safe for a terminal."""
    names = [f"many{number:03}" for number in range(120)]
    for name in names:
        lab.post("/systems/", {"name": name, "reason": "\x1b[31m"})
    listed = lab.command("system", "list").stdout
    assert [line.split()[0] for line in listed.splitlines() if line.startswith("many")] == names
    assert "\x1b" not in listed
    assert {one["name"] for one in json.loads(lab.command("system", "list", "--json").stdout)} >= set(names)
