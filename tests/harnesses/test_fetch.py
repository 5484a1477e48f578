"""Fetching and unpacking, with archives that mean no good."""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import pytest

from wsgi_app.harnesses import fetch

Fill = Callable[[tarfile.TarFile], None]


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    """An archive member without content."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


Mode = Literal["w", "w:gz", "w:xz", "w:bz2"]


def packed(path: Path, *members: tarfile.TarInfo, mode: Mode = "w") -> Path:
    """Write members into an archive; regular files get their own name as content."""
    with tarfile.open(path, mode) as tar:
        for info in members:
            body = info.name.encode() if info.isreg() else b""
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return path


SYM, HARD, DIR = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE


@pytest.mark.parametrize(
    "members",
    [
        [member("../evil")],
        [member("/evil")],
        [member("a/../../evil")],
        [member("l", SYM, "/etc"), member("x")],
        [member("l", SYM, "..")],
        [member("a/l", SYM, "../../evil")],
        [member("a/l", SYM, "b/../../../evil")],
        [member("d/out", SYM, "up/../evil"), member("d/up", SYM, "..")],
        [member("real", DIR), member("l", SYM, "real"), member("l/evil")],
        [member("l", SYM, "nothing"), member("l/evil")],
        [member("h", HARD, "../outside")],
        [member("h", HARD, "/etc/passwd")],
        [member("l", SYM, "x"), member("h", HARD, "l")],
        [member("null", tarfile.CHRTYPE)],
        [member("disk", tarfile.BLKTYPE)],
        [member("pipe", tarfile.FIFOTYPE)],
        [member("d", DIR), member("d", SYM, "x")],
    ],
    ids=lambda members: " ".join(info.name for info in members),
)
def test_hostile_archives(tmp_path: Path, members: list[tarfile.TarInfo]) -> None:
    """Members and links that leave the directory, and devices, are refused, and nothing is made outside."""
    (tmp_path / "outside").write_text("mine")
    inside = tmp_path / "deep" / "in"
    inside.mkdir(parents=True)
    archive = packed(tmp_path / "evil.tar", *members)
    with pytest.raises(fetch.CannotFetch):
        fetch.unpack(archive, inside)
    made = {path.name for path in [*tmp_path.iterdir(), *(tmp_path / "deep").iterdir()]}
    assert made == {"outside", "deep", "in", "evil.tar"}
    assert (tmp_path / "outside").stat().st_nlink == 1


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
def test_good_archive(tmp_path: Path, mode: Mode) -> None:
    """Files, modes, and links that stay inside are unpacked; special mode bits are dropped."""
    archive = packed(
        tmp_path / "t",
        member("./top/bin/run", mode=0o6777),
        member("top/lib/data"),
        member("top/bin/link", SYM, "../lib/data"),
        member("top/hard", HARD, "top/lib/data"),
        member("top/lib/data"),
        mode=mode,
    )
    target = tmp_path / "in"
    target.mkdir()
    fetch.unpack(archive, target)
    assert (target / "top/bin/link").read_text() == "top/lib/data"
    assert (target / "top/hard").read_text() == "top/lib/data"
    assert (target / "top/bin/run").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize("body", [b"", b"no archive", b"\x1f\x8b broken", b"\xfd7zXZ\x00 broken"])
def test_no_archive(tmp_path: Path, body: bytes) -> None:
    """Something that is no archive is refused with a word."""
    (tmp_path / "t").write_bytes(body)
    with pytest.raises(fetch.CannotFetch, match="cannot unpack"):
        fetch.unpack(tmp_path / "t", tmp_path)


def test_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive that unpacks to more than the limit is refused."""
    monkeypatch.setattr(fetch, "UNPACKED_LIMIT", 10)
    (tmp_path / "in").mkdir()
    with pytest.raises(fetch.CannotFetch, match="too much"):
        fetch.unpack(packed(tmp_path / "t", member("twelve-bytes")), tmp_path / "in")


@pytest.mark.parametrize("names", [["a", "b", "c", "d"], ["a/b/c/d"], ["x", "x", "x", "x"]])
def test_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str]) -> None:
    """Members are counted, and directories that they need, also when one replaces the other."""
    monkeypatch.setattr(fetch, "MEMBER_LIMIT", 3)
    (tmp_path / "in").mkdir()
    with pytest.raises(fetch.CannotFetch, match="too much"):
        fetch.unpack(packed(tmp_path / "t", *map(member, names)), tmp_path / "in")


@pytest.mark.parametrize(
    ("files", "fragment", "expected"),
    [
        (["runtest.sh", "Makefile"], "", "runtest.sh"),
        (["top/runtest.sh"], "", "top/runtest.sh"),
        (["top/a/runtest.sh", "top/b/Makefile"], "#a", "top/a/runtest.sh"),
        (["top/a/runtest.sh", "top/b/Makefile"], "#b/", "make run"),
        (["a b/runtest.sh"], "#a%20b", "a b/runtest.sh"),
    ],
)
def test_entry_points(tmp_path: Path, files: list[str], fragment: str, expected: str) -> None:
    """runtest.sh comes before make, a lone top directory is looked into, a fragment names a directory."""
    archive = packed(tmp_path / "t.tar", *(member(name) for name in files))
    argv, place = fetch.fetch(archive.as_uri() + fragment, tmp_path / "in")
    assert place.is_dir()
    assert " ".join(argv).endswith(expected)


@pytest.mark.parametrize("fragment", ["", "#missing", "#../..", "#/etc"])
def test_nothing_to_run(tmp_path: Path, fragment: str) -> None:
    """An archive without a test, and a fragment that leads nowhere or out, are refused."""
    archive = packed(tmp_path / "t.tar", member("README"))
    with pytest.raises(fetch.CannotFetch):
        fetch.fetch(archive.as_uri() + fragment, tmp_path / "in")


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """A web server: /flaky breaks twice, /file and /ftp redirect there, /loop for ever to itself.

    /garbage is answered by no HTTP, /chunks with chunks that are none, others give 404.
    """
    body = packed(tmp_path / "served.tar", member("runtest.sh")).read_bytes()
    left = [b"cut", b"503"]
    words = {
        "/garbage": b"garbage\x1b[2J\r\n\r\n",
        "/chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\nx",
        "/head": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        "/headers": b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 1000 + b"\r\n",
        "/version": b"ICY 200 OK\r\n\r\n",
    }

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is given)
            pass

        def _get(self) -> None:
            if self.path in words:
                self.wfile.write(words[self.path])
                return
            where = {"/file": (tmp_path / "served.tar").as_uri(), "/loop": "/loop", "/ftp": "ftp://127.0.0.1/x"}.get(
                self.path
            )
            trouble = left.pop() if self.path == "/flaky" and left else b""
            status = 302 if where else 503 if trouble == b"503" else 200 if self.path == "/flaky" else 404
            content = body if status == 200 else b""
            self.send_response(status)
            if where:
                self.send_header("Location", where)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:512] if trouble == b"cut" else content)

    setattr(Handler, "do_" + "GET", Handler._get)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_download_is_tried_again(tmp_path: Path, web: str) -> None:
    """A 503 and a body that is cut off are tried again."""
    argv, _ = fetch.fetch(f"{web}/flaky", tmp_path / "in", pause=0.01)
    assert argv[-1].endswith("runtest.sh")


@pytest.mark.parametrize(
    "path", ["/gone", "/file", "/ftp", "/loop", "/garbage", "/chunks", "/head", "/headers", "/version"]
)
def test_download_fails(tmp_path: Path, web: str, path: str) -> None:
    """A 404, redirects to other schemes or in a loop, and what is no HTTP are refused."""
    with pytest.raises(fetch.CannotFetch):
        fetch.fetch(web + path, tmp_path / "in", pause=0.01)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x.tar", "data:,x", "x.tar", "http://[bad/x"])
def test_other_urls(tmp_path: Path, url: str) -> None:
    """Only http, https and file URLs are fetched."""
    with pytest.raises(fetch.CannotFetch):
        fetch.fetch(url, tmp_path / "in", pause=0.01)


def test_download_limit(tmp_path: Path, web: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download that is larger than the limit is refused."""
    monkeypatch.setattr(fetch, "DOWNLOAD_LIMIT", 100)
    with pytest.raises(fetch.CannotFetch, match="larger than"):
        fetch.fetch((tmp_path / "served.tar").as_uri(), tmp_path / "in")
