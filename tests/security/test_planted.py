"""What somebody with the service user's rights, or an archive that was unpacked there, left in the log tree."""

import os
import pwd
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from cast import Cast, Running
from lab import SERVICE, Lab
from raw import ask

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SECRET = b"not to be told\n"


class Garden:
    """Plants things below a recipe's logs."""

    def __init__(self, lab: Lab, running: Running) -> None:
        self.running = running
        self.logs = lab.data / "logs" / "recipes" / str(running.recipe) / "logs"
        self.secret = lab.data.parent / f"secret-{running.recipe}"
        self.secret.mkdir()
        (self.secret / "file").write_bytes(SECRET)
        for path in (self.secret, self.secret / "file"):
            self._give(path)

    def link(self, name: str, target: Path | str) -> None:
        """Plant a symbolic link."""
        (self.logs / name).symlink_to(target)
        self._give(self.logs / name)

    def fifo(self, name: str) -> None:
        """Plant a FIFO, at which a reader waits for a writer, and a writer for a reader."""
        os.mkfifo(self.logs / name, 0o666)
        self._give(self.logs / name)

    def socket(self, name: str) -> None:
        """Plant a socket that nobody listens on."""
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(self.logs / name))
        self._give(self.logs / name)

    @staticmethod
    def _give(path: Path) -> None:
        if os.geteuid() == 0:
            account = pwd.getpwnam(SERVICE)
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


@pytest.fixture
def garden(lab: Lab, cast: Cast) -> Iterator[Garden]:
    """A recipe in whose logs something is planted."""
    made = Garden(lab, cast.running())
    there = {path.name for path in made.logs.iterdir()}
    yield made
    # other tests look at the whole of the data
    for path in made.logs.iterdir():
        if path.name not in there:
            path.unlink()
    shutil.rmtree(made.secret)


def test_symbolic_links_lead_nowhere(lab: Lab, garden: Garden) -> None:
    """Neither to files nor through directories, of whomever: not for reading, writing, declaring or listing."""
    mine = garden.running
    garden.link("file.log", garden.secret / "file")
    garden.link("relative.log", f"../../../../../secret-{mine.recipe}/file")
    garden.link("passwd.log", "/etc/passwd")
    garden.link("token.log", lab.data / "admin.token")
    garden.link("own.log", "private.log")
    garden.link("loop.log", "loop.log")
    garden.link("dangling.log", garden.secret / "made")
    garden.link("deep", garden.secret)
    garden.link("root", "/")
    names = [f"{name}.log" for name in ("file", "relative", "passwd", "token", "own", "dangling", "loop")]
    for name in (*names, "deep/file", "deep/made", "root/etc/passwd"):
        url = f"{mine.url}logs/{name}"
        for method in ("GET", "HEAD", "PUT", "POST"):
            answer = ask(lab, method, url, mine.bearer, b'{"size":1}' if method in ("PUT", "POST") else None)
            assert answer.status in (403, 404, 415), (name, method)
            assert not any(word in answer.body for word in (SECRET.strip(), b"root:", lab.token.encode()))
        assert ask(lab, "PUT", url, {**mine.bearer, "Content-Range": "bytes 0-0/*"}, b"x").status == 403, name
    assert (garden.secret / "file").read_bytes() == SECRET
    assert not (garden.secret / "made").exists()
    assert not (garden.secret / "deep").exists()
    listed = ask(lab, "GET", mine.url + "logs/").body + ask(lab, "GET", mine.url + "log-index").body
    assert b"private.log" in listed
    for name in (*names, "deep", "root", "passwd"):
        assert name.encode() not in listed, name


def test_what_is_no_file_holds_nobody_up(lab: Lab, garden: Garden) -> None:
    """A FIFO, a socket: no reader and no writer waits there, none is listed, and the recipe settles in time."""
    mine = garden.running
    garden.fifo("fifo.log")
    garden.socket("socket.log")
    for name in ("fifo.log", "socket.log"):
        url = f"{mine.url}logs/{name}"
        assert ask(lab, "GET", url, timeout=5).status == 404
        assert ask(lab, "HEAD", url, timeout=5).status == 404
        assert ask(lab, "PUT", url, mine.bearer, b"x", timeout=5).status == 409
        assert ask(lab, "PUT", url, {**mine.bearer, "Content-Range": "bytes 0-0/*"}, b"x", timeout=5).status == 409
        assert ask(lab, "POST", url, {**mine.bearer, "Content-Type": "application/json"}, b'{"size":1}').status == 409
    garden.link("elsewhere.log", garden.secret / "file")
    garden.link("gone.log", "nowhere")
    assert ask(lab, "POST", f"{mine.url}status", {**FORM, **mine.bearer}, b"status=Aborted").status == 204
    assert lab.settled(mine.job, 20)["verdict"] == "infrastructure"
    logs = ask(lab, "GET", mine.url + "log-index").json["logs"]
    assert [(log["path"], log["state"]) for log in logs] == [("logs/private.log", "finished")]
    assert ask(lab, "GET", mine.url + "logs/").body.count(b"<li>") == 1


def test_a_place_elsewhere_for_all_logs(lab: Lab, garden: Garden) -> None:
    """A directory of the recipe that was moved away and linked to is not served, and is when it is back."""
    mine = garden.running
    moved = garden.secret / "moved"
    garden.logs.rename(moved)
    garden.logs.symlink_to(moved)
    assert ask(lab, "GET", mine.url + "logs/private.log").status == 403
    assert ask(lab, "PUT", mine.url + "logs/private.log", mine.bearer, b"x").status == 403
    garden.logs.unlink()
    moved.rename(garden.logs)
    assert ask(lab, "GET", mine.url + "logs/private.log").body == b"secret words\n"
