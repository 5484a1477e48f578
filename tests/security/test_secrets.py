"""Secrets: not on the disk, not in any log, event, answer, process's arguments or core file."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from attrs import frozen
from cast import JSON, Cast, Running, basic
from lab import Lab, tackroom
from raw import ask, send
from waiting import until

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
#: requests that are none, with a secret in them where Authorization would be
MALFORMED = (
    "GET / HTTP/1.1\r\nHost: x\r\nAuthorization Bearer {0}\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nAuthorization:\r\n Bearer {0}\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {0}\x01\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {0}\0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {0}\rx\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nAuthorization : Bearer {0}\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\n Authorization: Bearer {0}\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\n(Authorization): Bearer {0}\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {0}" + "x" * 9000 + "\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: R:{0}@x\r\n\r\n",
    "GET http://R:{0}@x/jobs/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /jobs/?token={0} HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nReferer: http://R:{0}@x/\r\nCookie: {0}\r\nUser-Agent: {0}\r\n\r\n",
    "Authorization: Bearer {0}\r\n\r\n",
    "PUT /recipes/1/logs/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {0}\r\nContent-Length: x\r\n\r\n",
    "PUT /recipes/1/logs/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {0}\r\nTransfer-Encoding: x\r\n\r\n",
)


@frozen
class Vault:
    """Secrets of every kind, and a lab in which they were used rightly and wrongly."""

    lab: Lab
    mine: Running
    secrets: Mapping[str, str]

    def found(self, content: bytes) -> list[str]:
        """Return which secrets are in it: as they are, or as a header has them."""
        return [name for name, secret in self.secrets.items() if secret.encode() in content]


@pytest.fixture(scope="module")
def vault(lab: Lab, cast: Cast) -> Iterator[Vault]:
    """Use secrets of every kind, and provoke every error that one can come with."""
    mine = cast.running(cast.token("bob", "read", "submit"), visibility="private")
    bob = cast.token("bob", "read", "submit")
    key = lab.post(f"/recipes/{mine.recipe}/key?rotate=1", {})["key"]
    headers = {
        "admin": cast.admin,
        "token": bob,
        "short": cast.token("bob", "read", seconds=3600),
        "key": {"Authorization": f"Bearer {key}"},
        "basic key": {"Authorization": basic(str(mine.recipe), key)},
        "rotated key": mine.bearer,
        "system": cast.system_key(mine.system),
        "basic token": {"Authorization": basic("bob", bob["Authorization"].removeprefix("Bearer "))},
    }
    secrets = {name: value["Authorization"].partition(" ")[2] for name, value in headers.items()}
    made = Vault(lab, mine, secrets)
    for name, sent in headers.items():
        for method, path, body in calls(mine):
            answer = ask(lab, method, path, {**JSON, **sent}, body)
            assert not made.found(answer.body + repr(answer.pairs).encode()), (name, method, path)
    for request in MALFORMED:
        for name, secret in secrets.items():
            answer = send(lab, request.format(secret).encode())
            assert not made.found(answer.body + repr(answer.pairs).encode()), (name, request)
    yield made


def calls(mine: Running) -> Iterator[tuple[str, str, bytes | None]]:
    """Yield calls that succeed, are refused, or go wrong, on both planes."""
    yield "GET", f"/jobs/{mine.job}", None
    yield "GET", mine.url + "logs/private.log", None
    yield "PUT", mine.url + "logs/private.log", b"secret words\n"
    yield "PUT", mine.url + "logs/new.log", b"x"
    yield "PUT", mine.url + "logs/.hidden", b"x"
    yield "PUT", mine.url + "logs/private.log/below", b"x"
    yield "PUT", mine.url + "logs/\xff".encode("latin-1").decode("latin-1").replace("\xff", "%ff"), b"x"
    yield "PUT", "/recipes/1999999/logs/x", b"x"
    yield "POST", f"{mine.url}tasks/{mine.task}/results/", b"{"
    yield "POST", "/jobs/", b"{"
    yield "POST", "/jobs/", b'{"recipe_sets": [{"recipes": [{"system": "none", "tasks": [{"name": "x"}]}]}]}'
    yield "POST", "/tokens/", b"[]"
    yield "POST", "/systems/", b"{}"
    yield "DELETE", "/tokens/1999999", None
    yield "GET", "/events?limit=1000", None
    yield "GET", "/queue", None
    yield "GET", "/metrics", None
    yield "GET", "/nowhere", None
    yield "GET", "/jobs/?limit=x", None
    yield "BREW", "/", None


def test_no_log_has_a_secret(vault: Vault) -> None:
    """Neither httpd's logs nor what our processes say: not of calls, and not of what is no request at all."""
    run = vault.lab.data / "run"
    said = {path: path.read_bytes() for path in (vault.lab.said, *run.glob("*.log"))}
    assert {path.name: vault.found(text) for path, text in said.items() if vault.found(text)} == {}
    if vault.lab.front == "apache":
        assert b'"/recipes/' in said[run / "access.log"]
    else:
        assert b"Invalid request from" in said[vault.lab.said]


def test_the_disk_has_hashes_only(vault: Vault) -> None:
    """The admin's token is in its file; of other secrets there is no trace, neither in the database nor in the gate."""
    found = {}
    for path in vault.lab.data.rglob("*"):
        if stat.S_ISREG(path.lstat().st_mode) and (names := vault.found(path.read_bytes() + path.name.encode())):
            found[str(path.relative_to(vault.lab.data))] = names
    assert found == {"admin.token": ["admin"]}


def test_a_backup_has_hashes_only(vault: Vault, tmp_path: Path) -> None:
    """A copy of the data tells no more than the data: no token, but the admin's file where it is copied, and no key."""
    copy = tmp_path / "copy"
    vault.lab.command("backup", str(copy))
    found = {path.name: vault.found(path.read_bytes()) for path in copy.rglob("*") if path.is_file()}
    assert found
    assert {name: names for name, names in found.items() if names} in ({}, {"admin.token": ["admin"]})


def test_no_event_has_a_secret(vault: Vault) -> None:
    """Not in a page of events, and not in the table behind it."""
    after = 0
    while page := vault.lab.call("GET", f"/events?limit=1000&after={after}").json["events"]:
        assert vault.found(json.dumps(page).encode()) == []
        after = page[-1]["id"]
    assert after > 0


def test_no_process_shows_a_secret(vault: Vault) -> None:
    """Anybody on the machine reads the arguments of a process: of the server's and of the command's."""
    lab = vault.lab
    assert lab.process is not None
    processes = [lab.process.pid, *lab.pids("")]
    assert len(processes) >= 5
    environ = {**lab.environment(), "TACKROOM_URL": lab.url, "TACKROOM_TOKEN": lab.token}
    with subprocess.Popen(
        [*tackroom(), "job", "wait", str(vault.mine.job), "--timeout", "20"],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as command:
        until(lambda: b"wait" in Path(f"/proc/{command.pid}/cmdline").read_bytes(), "the command")
        for pid in [*processes, command.pid]:
            assert vault.found(Path(f"/proc/{pid}/cmdline").read_bytes()) == []
        command.terminate()
    # what starts a process hands it the environment, which is its user's own; the server's children get no secret
    for pid in processes:
        assert vault.found(Path(f"/proc/{pid}/environ").read_bytes()) == []


def test_no_process_leaves_a_core_file(vault: Vault) -> None:
    """A process that crashes writes no core, whatever limit the server was started with, and may not raise it."""
    assert vault.lab.process is not None
    for pid in [vault.lab.process.pid, *vault.lab.pids("")]:
        (line,) = [line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if "core file" in line]
        assert line.split()[4:6] == ["0", "0"], line


def test_modes(vault: Vault) -> None:
    """Nobody but the service user reads or writes anything of the data; its group may read, but not the token."""
    data = vault.lab.data
    assert stat.S_IMODE((data / "admin.token").stat().st_mode) == 0o600
    assert stat.S_IMODE(data.stat().st_mode) == 0o750
    closed = {data}
    for path in sorted(data.rglob("*")):
        mode = path.lstat().st_mode
        assert not mode & 0o020, path
        if stat.S_ISDIR(mode):
            assert not mode & 0o007, path
            closed.add(path)
        # httpd and serve write two small files for everybody; nobody gets to them
        elif mode & 0o007:
            assert path.name in ("httpd.pid", "url"), path
        assert path.parent in closed, path
    if os.geteuid() == 0 and sys.platform == "linux":
        reads = subprocess.run(
            ["/bin/ls", str(data)], user="nobody", group="nogroup", extra_groups=[], capture_output=True, check=False
        )
        assert reads.returncode != 0
