"""Files that descriptors name: what is below the folder is read, and nothing else."""

import os
import socket
from pathlib import Path

import pytest

from wsgi_app.config import Config
from wsgi_app.core.sources import MOST_BYTES, CannotRead, Sources


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of files for descriptors, with some in it, and beside it what is nobody's business."""
    folder = tmp_path / "descriptors"
    (folder / "sub").mkdir(parents=True)
    (folder / "a b.json").write_text("A")
    (folder / "sub" / "100%.json").write_text("B")
    (folder / "link.json").symlink_to("sub/100%.json")
    (tmp_path / "secret").write_text("S")
    (tmp_path / "descriptors-too").mkdir()
    (tmp_path / "descriptors-too" / "x").write_text("S")
    (folder / "out").symlink_to(tmp_path / "secret")
    (folder / "up").symlink_to("..")
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "fifo")
    (folder / "null").symlink_to("/dev/null")
    return folder


@pytest.fixture
def sources(folder: Path) -> Sources:
    """What reads from the folder, at its default place."""
    return Sources(Config(data=folder.parent))


@pytest.mark.parametrize(
    ("uri", "body"),
    [
        ("a b.json", b"A"),
        ("a%20b.json", b"A"),
        ("file:a%20b.json", b"A"),
        ("./sub/../a%20b.json", b"A"),
        ("sub/100%25.json", b"B"),
        ("link.json", b"B"),
        ("up/descriptors/link.json", b"B"),
        ("link.json?query#fragment", b"B"),
        ("{folder}/link.json", b"B"),
        ("file:{folder}/link.json", b"B"),
        ("FILE://localhost{folder}/link.json", b"B"),
    ],
)
def test_files(folder: Path, sources: Sources, uri: str, body: bytes) -> None:
    """A file below the folder is read by its path there, and by its whole path; links within are followed."""
    assert sources.fetch(uri.format(folder=folder)) == body


def test_tables(folder: Path, sources: Sources) -> None:
    """A table is read by a path that is taken as it is, and by a URI."""
    assert sources.table("sub/100%.json") == b"B"
    assert sources.table(f"{folder}/sub/100%.json") == b"B"
    assert sources.table("file:sub/100%25.json") == b"B"
    with pytest.raises(CannotRead, match="below"):
        sources.table("../secret")
    with pytest.raises(CannotRead, match="invalid host in URI: 'h'"):
        sources.table("file://h/a")
    with pytest.raises(CannotRead, match=r"open http://h/a: no such file"):
        sources.table("http://h/a")


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("", "that is no file's name"),
        ("file:///", "that is not below the folder for such files"),
        (".", "that is no regular file"),
        ("sub", "that is no regular file"),
        ("nope", "open nope: no such file or directory"),
        ("sub/nope/x", "no such file or directory"),
        ("a%20b.json/x", "not a directory"),
        ("../secret", "that is not below"),
        ("%2e%2e/secret", "that is not below"),
        ("sub/../../secret", "that is not below"),
        ("../descriptors-too/x", "that is not below"),
        ("{folder}-too/x", "that is not below"),
        ("out", "that is not below"),
        ("up/secret", "that is not below"),
        ("null", "that is not below"),
        ("/etc/passwd", "that is not below"),
        ("file:///etc/passwd", "that is not below"),
        ("loop", "too many levels of symbolic links"),
        ("fifo", "that is no regular file"),
        ("a\n", "a URI has no control characters"),
        ("a%00", "that is no file's name"),
        ("a%0ab", "that is no file's name"),
        ("%ff" * 300, "file name too long"),
        ("x" * 5000, "file name too long"),
        ("file://[x/", "cannot be read"),
        ("file://h/a%20b.json", "invalid host in URI: 'h'. Only 'localhost' or empty string are supported"),
        ("//h/a%20b.json", "invalid host in URI: 'h'"),
        ("ftp://h/a", "unsupported scheme ftp"),
        ("data:,x", "unsupported scheme data"),
        ("http://127.0.0.1/a", "127.0.0.1:80 is not among the hosts"),
    ],
)
def test_refused(folder: Path, sources: Sources, uri: str, said: str) -> None:
    """What leads out of the folder, and what is no file, is refused in a sentence that can be read."""
    with pytest.raises(CannotRead) as refused:
        sources.fetch(uri.format(folder=folder))
    assert said in str(refused.value)
    assert len(str(refused.value)) < 500


def test_links_outside_are_not_seen(folder: Path, sources: Sources) -> None:
    """Whether there is a link outside of the folder makes no difference to a path that leads through it and back."""
    (folder.parent / "there").symlink_to("descriptors/sub")
    for name in ("there", "absent"):
        assert sources.fetch(f"../{name}/../descriptors/link.json") == b"B"
        with pytest.raises(CannotRead, match="not below the folder"):
            sources.fetch(f"{folder.parent}/{name}/../link.json")


def test_a_folder_behind_a_link(folder: Path, tmp_path: Path) -> None:
    """A folder that the settings name by a link is known by both of its names."""
    (tmp_path / "other").symlink_to(folder)
    sources = Sources(Config(data=tmp_path / "nowhere", descriptor_files=str(tmp_path / "other")))
    for way in ("link.json", f"{folder}/link.json", f"{tmp_path}/other/link.json"):
        assert sources.fetch(way) == b"B"


def test_sizes(folder: Path, sources: Sources) -> None:
    """A file is read up to a size, whatever it claims to be."""
    (folder / "large").write_bytes(b"x" * MOST_BYTES)
    assert len(sources.fetch("large")) == MOST_BYTES
    os.truncate(folder / "large", 1 << 40)
    with pytest.raises(CannotRead, match=f"large is larger than {MOST_BYTES} bytes"):
        sources.fetch("large")


def test_socket(folder: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket is no file."""
    # the path of a socket has few bytes
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket")
        with pytest.raises(CannotRead, match="open socket: no such device or address"):
            sources.fetch("socket")


def test_other_folder(tmp_path: Path, folder: Path) -> None:
    """A site names another folder; one that is itself a link is followed, one that is not there has no files."""
    (tmp_path / "link").symlink_to(folder)
    assert Sources(Config(descriptor_files=str(tmp_path / "link"))).fetch("link.json") == b"B"
    with pytest.raises(CannotRead, match="no such file"):
        Sources(Config(descriptor_files=str(tmp_path / "none"))).fetch("link.json")
