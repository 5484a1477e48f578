"""`tackroom notify list|show|redeliver|test|address`, and whose a system is."""

import json
from collections.abc import Iterator

import pytest
from lab import Lab, running_lab
from waiting import until


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A Tackroom."""
    with running_lab("none") as made:
        yield made


def test_life_of_a_delivery(lab: Lab) -> None:
    """A job tells of its end: listed, shown with why it failed, repeated when there is an address."""
    lab.command("system", "add", "alpha")
    shown = json.loads(lab.command("system", "set", "alpha", "--owner", "ann", "--json").stdout)
    assert shown["owner"] == "ann"
    value = {
        "name": "boot",
        "notify": {"criteria": {"status": "finished"}},
        "recipe_sets": [{"recipes": [{"tasks": [{"name": "t"}]}]}],
    }
    job = lab.post("/jobs/", value)
    lab.command("job", "cancel", str(job["id"]))

    def found() -> list[dict[str, object]]:
        listed: list[dict[str, object]] = json.loads(
            lab.command("notify", "list", "--job", str(job["id"]), "--json").stdout
        )
        return listed

    until(lambda: bool(found()), "the publisher to decide who is told")
    (one,) = found()
    assert (one["state"], one["target"], one["job"]) == ("failed", "admin", job["id"])
    head, _, line, *_ = lab.command("notify", "list", "--state", "failed", "--job", str(job["id"])).stdout.splitlines()
    assert head.split() == ["ID", "JOB", "RECIPE", "AT", "METHOD", "TARGET", "STATE", "ATTEMPTS", "DUE", "REASON"]
    assert line.split()[3:7] == ["finished", "email", "admin", "failed"]
    assert lab.command("notify", "list", "--job", str(job["id"]), "--state", "delivered").stdout.splitlines()[2:] == []
    text = lab.command("notify", "show", str(one["id"])).stdout
    assert "where user admin gets mail is not known: tackroom notify address" in text
    refused = lab.command("notify", "redeliver", str(one["id"]), check=False)
    assert (refused.returncode, "there is nowhere to send it" in refused.stderr) == (4, True)


def test_addresses(lab: Lab) -> None:
    """Said bit by bit, and shown."""
    assert lab.command("notify", "address", "ann", check=False).returncode == 4
    lab.command("notify", "address", "ann", "--email", "ann@example.org")
    lab.command("notify", "address", "ann", "--irc-handle", "ann_", "--irc-server", "irc.example.org")
    lab.command("notify", "address", "ann", "--irc-server", "")
    found = json.loads(lab.command("notify", "address", "ann", "--json").stdout)
    assert found == {"user": "ann", "email": "ann@example.org", "irc_handle": "ann_", "irc_server": None}
    assert ["email", "ann@example.org"] in [
        line.split() for line in lab.command("notify", "address", "ann").stdout.splitlines()
    ]


def test_a_test(lab: Lab) -> None:
    """Its delivery is shown; what is of callbacks only is wrong use elsewhere."""
    number = lab.command("notify", "test", "callback", "http://ci.invalid/hook", "--token", "hush").stdout.strip()
    shown = json.loads(lab.command("notify", "show", number, "--json").stdout)
    assert (shown["test"], shown["target"], shown["callback"]["header"]) == (
        True,
        "http://ci.invalid/hook",
        "Authorization",
    )
    assert "hush" not in str(shown)
    assert lab.command("notify", "test", "email", "a@b.example", "--token", "x", check=False).returncode == 2
    assert lab.command("notify", "test", "email", "nobody", check=False).returncode == 4
