"""`tackroom log put`: it gets there whole, whatever happens meanwhile, and sends nothing twice that was taken."""

import fcntl
import hashlib
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab import Lab, running_lab, tackroom
from waiting import until

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A Tackroom behind httpd, whose access log counts what it received."""
    with running_lab("apache") as made:
        yield made


def bytes_of(size: int) -> bytes:
    """Return so many bytes, no range of which is like another."""
    return hashlib.shake_128(b"a log").digest(size)


class Target:
    """A log of a running recipe that nobody has written yet."""

    def __init__(self, lab: Lab, system: str) -> None:
        self.lab = lab
        recipe = lab.job({"name": "t"}, system=system)["recipe_sets"][0]["recipes"][0]
        self.task = recipe["tasks"][0]["id"]
        self.recipe = lab.claim(system)["id"]
        self.key = lab.post(f"/recipes/{self.recipe}/key", {})["key"]
        self.path = "logs/up.log"
        self.disk = lab.data / "logs" / "recipes" / str(self.recipe) / self.path

    def size(self) -> int:
        """How much of it is on the server's disk."""
        return self.disk.stat().st_size if self.disk.exists() else 0

    def received(self) -> int:
        """How many bytes of it were taken by PUT."""
        lines = (self.lab.data / "run" / "access.log").read_text().splitlines()
        mine = [line for line in lines if f'"/recipes/{self.recipe}/{self.path}"' in line]
        return sum(int(found[1]) for line in mine if (found := re.search(r" PUT 20[14] .* in=(\d+) ", line)))

    def put(self, data: bytes, first: int = 0) -> None:
        """Write some of it, as somebody else than the command."""
        headers = {"Content-Range": f"bytes {first}-{first + len(data) - 1}/*"} if first else {}
        answer = self.lab.call("PUT", f"/recipes/{self.recipe}/{self.path}", data, headers, key=self.key)
        assert answer.status in (201, 204), answer

    def words(self, *more: str) -> list[str]:
        """The command that uploads a file to it."""
        return [*tackroom(), "log", "put", str(self.recipe), self.path, *more]

    def environment(self) -> dict[str, str]:
        """The command's environment: with a key, so that no token is needed."""
        return {**self.lab.environment(), "TACKROOM_URL": self.lab.url, "TACKROOM_KEY": self.key}

    def run(self, *more: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[str]":
        """Run the command to its end."""
        done = subprocess.run(
            self.words(*more), env=self.environment(), input=stdin, capture_output=True, check=False, timeout=90
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    @contextmanager
    def running(self, *more: str) -> "Iterator[subprocess.Popen[str]]":
        """Start the command; kill what is left of it."""
        with subprocess.Popen(
            self.words(*more),
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            yield process
            process.kill()

    def require(self, done: "subprocess.CompletedProcess[str]", data: bytes) -> None:
        """The log is there, sealed, and the command has said so, and nothing else where there is no terminal."""
        digest = hashlib.sha256(data).hexdigest()
        assert (done.returncode, done.stderr) == (0, ""), done
        assert done.stdout == f"verified {digest} recipes/{self.recipe}/{self.path}\n"
        assert hashlib.sha256(self.disk.read_bytes()).hexdigest() == digest
        assert self.lab.call("PUT", f"/recipes/{self.recipe}/{self.path}", b"x", key=self.key).status == 409


@pytest.fixture
def target(lab: Lab, request: pytest.FixtureRequest) -> Target:
    """A log of the test's own."""
    return Target(lab, re.sub(r"[^a-z0-9]", "-", request.node.name.lower()).strip("-")[:60])


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file that takes a while: no range of it is like another."""
    path = tmp_path / "large.log"
    path.write_bytes(bytes_of(96 * MIB + 12345))
    return path


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A file of two ranges and a bit."""
    path = tmp_path / "small.log"
    path.write_bytes(bytes_of(2 * MIB + 999))
    return path


def test_verified_and_then_nothing_is_sent(target: Target, small: Path) -> None:
    """What is sealed with the same content is verified at once; other content is refused in a sentence."""
    data = small.read_bytes()
    target.require(target.run(str(small)), data)
    assert target.received() == len(data)
    again = target.run(str(small), "--json")
    assert json.loads(again.stdout)["declared"] == {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    assert target.received() == len(data)
    small.write_bytes(data + b"more")
    other = target.run(str(small))
    assert (other.returncode, other.stdout, other.stderr.count("\n")) == (1, "", 1)
    assert "takes no more" in other.stderr
    assert target.disk.read_bytes() == data


def test_killed_in_the_middle_it_goes_on_from_there(target: Target, large: Path) -> None:
    """After kill -9 the same command sends what is missing and nothing else."""
    data = large.read_bytes()
    with target.running(str(large)) as process:
        until(lambda: target.size() > 8 * MIB, "some of it to be there")
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    there = target.size()
    assert there < len(data), "it was through before it was killed"
    target.require(target.run(str(large)), data)
    # the range that was under way may have been sent twice
    assert len(data) <= target.received() <= len(data) + MIB


def test_a_server_that_restarts_is_waited_for(target: Target, large: Path) -> None:
    """httpd and all go away in the middle and come back: the upload goes on, and no range is lost."""
    data = large.read_bytes()
    with target.running(str(large)) as process:
        until(lambda: target.size() > 8 * MIB, "some of it to be there")
        target.lab.stop()
        assert process.poll() is None
        assert target.size() < len(data), "it was through before the server stopped"
        target.lab.start()
        out, said = process.communicate(timeout=90)
    target.require(subprocess.CompletedProcess([], process.returncode, out, said), data)
    assert target.received() <= len(data) + MIB


@pytest.mark.parametrize(
    "before",
    [b"something else", b"x" * (2 * MIB + 999), b"longer " * MIB],
    ids=["shorter", "as long", "longer"],
)
def test_something_else_was_there_before(target: Target, small: Path, before: bytes) -> None:
    """A beginning, or a whole log, that is not the file's is found out by its digest, and replaced."""
    for first in range(0, len(before), MIB):
        target.put(before[first : first + MIB], first)
    target.require(target.run(str(small)), small.read_bytes())


def test_the_beginning_is_there(target: Target, small: Path) -> None:
    """What somebody else has sent of the same file is not sent again."""
    data = small.read_bytes()
    target.put(data[:MIB])
    target.require(target.run(str(small)), data)
    assert target.received() == len(data)


def test_an_empty_file(target: Target, tmp_path: Path) -> None:
    """No bytes are a log, too."""
    empty = tmp_path / "empty"
    empty.touch()
    target.require(target.run(str(empty)), b"")


@pytest.mark.parametrize("size", [0, 2 * MIB + 7])
def test_standard_input(target: Target, size: int) -> None:
    """What comes from a pipe is declared at its end."""
    data = bytes_of(size)
    target.require(target.run("-", stdin=data), data)


def test_standard_input_can_be_followed(target: Target) -> None:
    """What comes slowly is there before the end of it."""
    with target.running("-") as process:
        assert process.stdin is not None
        process.stdin.write("first\n")
        process.stdin.flush()
        until(lambda: target.size() == 6, "the first line")
        process.stdin.write("second\n")
        process.stdin.flush()
        until(lambda: target.size() == 13, "the second line")
        out, said = process.communicate(timeout=30)
    target.require(subprocess.CompletedProcess([], process.returncode, out, said), b"first\nsecond\n")


def test_without_a_key_one_is_made(lab: Lab, target: Target, small: Path) -> None:
    """The token of the job's owner is enough."""
    done = lab.command("log", "put", str(target.recipe), target.path, str(small))
    target.require(done, small.read_bytes())


def test_the_recipe_has_ended(lab: Lab, target: Target, small: Path) -> None:
    """What comes too late is refused in a sentence; a log that is there from before is verified all the same."""
    target.require(target.run(str(small)), small.read_bytes())
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for status in (b"Running", b"Completed"):
        place = f"/recipes/{target.recipe}/tasks/{target.task}/status"
        assert lab.call("POST", place, b"status=" + status, form, key=target.key).status == 204
    until(
        lambda: lab.call("GET", f"/recipes/{target.recipe}/", headers={"Accept": "application/json"}).json["settled"],
        "the end",
    )
    known = lab.command("log", "put", str(target.recipe), target.path, str(small))
    assert known.stdout.startswith("verified ")
    late = lab.command("log", "put", str(target.recipe), "logs/late.log", str(small), check=False)
    assert (late.returncode in (1, 4), late.stdout, late.stderr.count("\n")) == (True, "", 1)
    late = target.run(str(small.with_name("none")))
    assert late.returncode == 2


def test_refusals_are_not_tried_again(target: Target, small: Path) -> None:
    """A wrong key, and a path that no log has, end it at once."""
    target.key = "wrong"
    denied = target.run(str(small))
    assert (denied.returncode, denied.stdout, denied.stderr.count("\n")) == (4, "", 1)
    target.path = "up.log"
    assert target.run(str(small)).returncode == 2


def test_it_gives_up(lab: Lab, target: Target, large: Path) -> None:
    """A server that stays away is given up after the time that was said, with the command's own status for that."""
    with target.running("--give-up-after", "1", str(large)) as process:
        until(lambda: target.size() > 4 * MIB, "some of it to be there")
        lab.stop()
        try:
            out, said = process.communicate(timeout=30)
        finally:
            lab.start()
    assert (process.returncode, out, said.count("\n")) == (3, "", 1), said
    target.require(target.run(str(large)), large.read_bytes())


@pytest.mark.parametrize("columns", [40, 132])
def test_the_bar_fits_the_terminal(target: Target, large: Path, columns: int) -> None:
    """On a terminal there is a bar with rate and time left, never as wide as the window; it goes away at the end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        target.words(str(large)), env=target.environment(), stdout=subprocess.PIPE, stderr=theirs, text=True
    )
    os.close(theirs)
    seen = b""
    # the kernel says EIO once nobody has the other end open
    while block := _read(ours):
        seen += block
    os.close(ours)
    assert process.communicate()[0].startswith("verified ")
    assert process.returncode == 0
    lines = [line.removesuffix("\x1b[K") for line in seen.decode().split("\r")]
    assert max(map(len, lines)) < columns
    assert lines[-1] == ""
    shown = [line for line in lines if "MiB/s" in line]
    assert any(re.search(r" \d+ % [0-9.]+ MiB/96\.0 MiB [0-9.]+ MiB/s ETA \d+:\d\d$", line) for line in shown) or (
        columns == 40 and shown
    )
    if columns > 100:
        assert all(re.search(r"^logs/up\.log \[#*\.*\] ", line) for line in shown)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""
