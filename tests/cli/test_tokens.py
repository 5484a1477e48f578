"""`tackroom token create|list|revoke`."""

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from lab import Lab, running_lab, tackroom


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A Tackroom."""
    with running_lab("none") as made:
        yield made


def run_as(lab: Lab, token: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run the command with another token than the admin's."""
    environ = {**lab.environment(), "TACKROOM_URL": lab.url, "TACKROOM_TOKEN": token}
    return subprocess.run([*tackroom(), *words], env=environ, capture_output=True, text=True, check=False, timeout=60)


def entry(lab: Lab, name: str) -> dict[str, object]:
    """Return what the list says of the token of that name."""
    found = json.loads(lab.command("token", "list", "--json").stdout)
    [one] = [one for one in found if one["name"] == name]
    assert "token" not in one
    value: dict[str, object] = one
    return value


def test_create_prints_the_token_and_nothing_else(lab: Lab) -> None:
    """The token on standard output works; the list has it without its secret; revoked it is void at once."""
    done = lab.command("token", "create", "nightly", "--user", "ann")
    assert done.stderr == ""
    secret = done.stdout.removesuffix("\n")
    assert "\n" not in secret
    assert len(secret) >= 32
    known = entry(lab, "nightly")
    assert (known["user"], known["scopes"], known["expires"]) == ("ann", ["read", "submit"], None)
    mine = run_as(lab, secret, "token", "list")
    assert [line.split()[1] for line in mine.stdout.splitlines()[2:]] == ["ann"]
    assert secret not in lab.command("token", "list").stdout
    lab.command("token", "revoke", str(known["id"]))
    refused = run_as(lab, secret, "token", "list")
    assert (refused.returncode, refused.stderr.count("\n")) == (4, 1)
    assert "TACKROOM_TOKEN" in refused.stderr
    assert all(one["id"] != known["id"] for one in json.loads(lab.command("token", "list", "--json").stdout))


def test_scopes_and_expiry(lab: Lab) -> None:
    """--scope says all scopes; --days and --expires say when it ends."""
    made = json.loads(lab.command("token", "create", "s", "--scope", "read", "--days", "2", "--json").stdout)
    assert made["scopes"] == ["read"]
    left = datetime.fromisoformat(made["expires"]) - datetime.now(UTC)
    assert timedelta(days=2) - timedelta(minutes=5) < left <= timedelta(days=2)
    for given, wanted in (
        ("2031-02-03", "2031-02-03T00:00:00.000Z"),
        ("2031-02-03T04:05:06Z", "2031-02-03T04:05:06.000Z"),
        ("2031-02-03T04:05:06+02:00", "2031-02-03T02:05:06.000Z"),
    ):
        name = f"until {given}"
        lab.command("token", "create", name, "--expires", given)
        assert entry(lab, name)["expires"] == wanted
    rows = lab.command("token", "list", "--user", "admin").stdout.splitlines()
    assert rows[0].split() == ["ID", "USER", "NAME", "SCOPES", "CREATED", "EXPIRES"]
    assert any(row.endswith("never") for row in rows)


@pytest.mark.parametrize(
    "words",
    [
        ["create", "x", "--scope", "everything"],
        ["create", "x", "--days", "0"],
        ["create", "x", "--days", "1", "--expires", "2031-01-01"],
        ["create", "x", "--expires", "tomorrow"],
        ["create"],
        ["revoke"],
        ["revoke", "x"],
    ],
    ids=" ".join,
)
def test_wrong_use(lab: Lab, words: list[str]) -> None:
    """What makes no sense is wrong use."""
    assert lab.command("token", *words, check=False).returncode == 2


def test_refusals(lab: Lab) -> None:
    """Unknown ids, a time that is past, and more than one's own rights are refused with a sentence."""
    own = lab.command(
        "token", "create", "small", "--user", "bob", "--scope", "read", "--scope", "submit"
    ).stdout.strip()
    for done in (
        lab.command("token", "revoke", "999999", check=False),
        lab.command("token", "create", "x", "--expires", "2020-01-01", check=False),
        run_as(lab, own, "token", "create", "more", "--scope", "admin"),
        run_as(lab, own, "token", "create", "other", "--user", "ann", "--scope", "read"),
        run_as(lab, "void", "token", "list"),
    ):
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1), done
    less = run_as(lab, own, "token", "create", "less", "--scope", "read")
    assert less.returncode == 0
    # whoever only reads makes no token
    assert run_as(lab, less.stdout.strip(), "token", "create", "least", "--scope", "read").returncode == 4
