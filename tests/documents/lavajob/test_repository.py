"""Test definitions that are fetched: from git repositories and archives below the folder, and never from elsewhere."""

import gzip
import io
import lzma
import os
import socket
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from lavashell import ShellBench

from wsgi_app.config import Config
from wsgi_app.core.sources import Sources
from wsgi_app.documents.lavajob.archive import MOST_PACKED
from wsgi_app.documents.lavajob.repository import fetch_definition
from wsgi_app.documents.lavajob.shell import RunFacts, script_of
from wsgi_app.errors import BadLavaJob

YAML = b"""
params: {WORD: yes}
run:
  steps:
    - cat ./lib/words
    - sh automated/run.sh "$WORD"
"""
FILES = {
    "automated/test.yaml": YAML,
    "automated/run.sh": b'lava-test-case "said-$1" --result pass\n',
    "lib/words": "w\u00f6rds\n".encode(),
    ".gitattributes": b"lib/words export-ignore\n*.sh filter=lfs\n",
}


def git(place: Path, *words: str) -> str:
    """Run git in a place."""
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *words], cwd=place, env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def write(place: Path, files: dict[str, bytes]) -> None:
    """Write files below a place."""
    for name, body in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(body)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that may be read, with a repository of two commits, the first of them tagged."""
    made = tmp_path / "folder"
    place = made / "tests.git"
    write(place, FILES)
    git(place, "init", "--quiet")
    for number in (1, 2):
        (place / "number").write_text(f"{number}\n")
        git(place, "add", "--all")
        git(place, "commit", "--quiet", "--message", str(number))
        if number == 1:
            git(place, "tag", "v1")
            git(place, "branch", "old")
    return made


@pytest.fixture
def sources(folder: Path, config: Config) -> Sources:
    """What reads below the folder."""
    return Sources(evolve(config, descriptor_files=str(folder), descriptor_hosts=("127.0.0.1:9",)))


def entry(**fields: Any) -> dict[str, Any]:
    """An entry of `definitions`."""
    return {"from": "git", "repository": "tests.git", "path": "automated/test.yaml", **fields}


def tarred(files: dict[str, bytes]) -> bytes:
    """A tar of files."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name, body in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(body)
            tar.addfile(about, io.BytesIO(body))
    return whole.getvalue()


def test_from_git(folder: Path, sources: Sources, tmp_path: Path) -> None:
    """The commit is what it was at submission, and all its files are there when it runs, whatever shell runs it."""
    found = fetch_definition(entry(history=False), sources, ("at",))
    assert found.commit == git(folder / "tests.git", "rev-parse", "HEAD")
    assert (found.repository, found.params, found.warnings) == ("tests.git", {"WORD": "True"}, ())
    script = script_of(found, RunFacts(name="test", test_no=0))
    (folder / "tests.git").rename(folder / "gone")
    for shell in ("dash", "busybox"):
        bench = ShellBench.make(tmp_path / shell, shell)
        ran = bench.ran(bench.start(script.replace("/bin/sh", f"{bench.home}/bin/sh")))
        assert (ran.status, ran.judged) == (0, [("/said-True", "Pass")])
        assert "w\u00f6rds" in ran.lines


@pytest.mark.parametrize("how", ["revision", "short", "branch", "tag", "both"])
def test_which_commit(folder: Path, sources: Sources, how: str) -> None:
    """A revision, also a short one, a branch or a tag; a revision comes before the branch."""
    commit = git(folder / "tests.git", "rev-parse", "v1")
    fields = {
        "revision": {"revision": commit},
        "short": {"revision": commit[:9]},
        "branch": {"branch": "old"},
        "tag": {"revision": "v1"},
        "both": {"revision": commit, "branch": "main"},
    }
    assert fetch_definition(entry(**fields[how]), sources, ()).commit == commit


@pytest.mark.parametrize("pack", ["plain", "gz", "xz"])
def test_from_archives(folder: Path, sources: Sources, pack: str) -> None:
    """An archive is unpacked, however it is compressed; the same files make the same script."""
    body = tarred(FILES)
    packed = {"plain": body, "gz": gzip.compress(body), "xz": lzma.compress(body)}[pack]
    (folder / "tests.tar").write_bytes(packed)
    where = entry(**{"from": "url", "repository": (folder / "tests.tar").as_uri()})
    found = fetch_definition(where, sources, ())
    assert (found.params, found.commit) == ({"WORD": "True"}, None)
    assert found.archive == fetch_definition(where, sources, ()).archive


def test_from_a_file(folder: Path, sources: Sources) -> None:
    """A definition may be a file of its own."""
    (folder / "test.yaml").write_bytes(YAML)
    found = fetch_definition({"from": "url", "repository": "test.yaml", "x": 1}, sources, ())
    assert (len(found.steps), found.archive, found.warnings) == (2, None, ("x has no effect",))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"repository": "/etc"}, "not below the folder"),
        ({"repository": "file:///etc"}, "not below the folder"),
        ({"repository": "../folder2"}, "not below the folder"),
        ({"repository": "nothing"}, "cannot be fetched"),
        ({"repository": "https://example.org/x.git"}, "not among the hosts"),
        ({"repository": "http://user:key@127.0.0.1:9/x.git"}, "name or password"),
        ({"repository": "http://127.0.0.1:9/x.git"}, "cannot be fetched"),
        ({"repository": "ext::sh -c 'touch evil'"}, "unsupported scheme|cannot be fetched"),
        ({"repository": "ssh://example.org/x.git"}, "unsupported scheme"),
        ({"repository": "git@example.org:x.git"}, "cannot be fetched"),
        ({"repository": "a\0b"}, "control characters"),
        ({"revision": "--upload-pack=touch evil"}, "is no branch, tag or commit"),
        ({"revision": "+main:refs/heads/x"}, "is no branch, tag or commit"),
        ({"revision": "nowhere"}, "has no branch, tag or commit nowhere"),
        ({"revision": "0" * 40}, "has no branch, tag or commit"),
        ({"path": "nothing.yaml"}, "there is no file nothing.yaml"),
        ({"path": "automated"}, "there is no file automated"),
        ({"path": "number"}, "expected a mapping"),
        ({"path": "automated/run.sh"}, "automated/run.sh: line 1|expected a mapping"),
        ({"path": None}, "expected a text"),
        ({"recursive": True}, "submodules are not fetched"),
        ({"from": "bzr"}, "is not fetched from 'bzr'"),
        ({"from": "url"}, "no regular file"),
    ],
)
def test_what_is_refused(sources: Sources, folder: Path, fields: dict[str, Any], words: str) -> None:
    """Nothing outside is read or run, and the reason is told."""
    with pytest.raises(BadLavaJob, match=words):
        fetch_definition(entry(**fields), sources, ("at",))
    assert not list(folder.rglob("evil"))
    assert not Path("evil").exists()


def test_archives_that_are_refused(folder: Path, sources: Sources) -> None:
    """Files that would lie elsewhere, devices, bombs and torn ones; what is too large says how large it may be."""
    odd = io.BytesIO()
    with tarfile.open(fileobj=odd, mode="w") as tar:
        about = tarfile.TarInfo("dev")
        about.type = tarfile.CHRTYPE
        tar.addfile(about)
    bodies = {
        "would lie elsewhere": tarred({"a/../../x": b"x"}),
        "something else than files": odd.getvalue(),
        "more than": gzip.compress(bytes(64 * 1024 * 1024)),
        "is damaged": tarred(FILES)[:1200],
        "cannot be decompressed": b"\x1f\x8bnothing of the kind",
        "is larger than": os.urandom(MOST_PACKED + 1),
    }
    for words, body in bodies.items():
        (folder / "x.tar").write_bytes(body)
        with pytest.raises(BadLavaJob, match=words):
            fetch_definition(entry(**{"from": "url", "repository": "x.tar"}), sources, ())


def test_nothing_of_a_repository_is_run(folder: Path, sources: Sources, tmp_path: Path) -> None:
    """Hooks and configured programs of the repository itself stay where they are."""
    place = folder / "tests.git"
    program = tmp_path / "evil.sh"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\ncat\n")
    program.chmod(0o755)
    for hook in ("post-checkout", "reference-transaction", "pre-auto-gc", "post-merge"):
        (place / ".git" / "hooks" / hook).symlink_to(program)
    for name in ("core.fsmonitor", "core.sshCommand", "filter.lfs.smudge", "uploadpack.packObjectsHook"):
        git(place, "config", name, str(program))
    assert fetch_definition(entry(), sources, ()).commit
    assert not (tmp_path / "ran").exists()


def test_a_slow_host(folder: Path, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that never answers costs its time and no more, and the environment's proxies and keys are not used."""
    monkeypatch.setattr("wsgi_app.documents.lavajob.repository._GIT_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
        slow = Sources(evolve(config, descriptor_files=str(folder), descriptor_hosts=(host,)))
        began = time.monotonic()
        with pytest.raises(BadLavaJob, match="not fetched in time"):
            fetch_definition(entry(repository=f"http://{host}/x.git"), slow, ())
        assert time.monotonic() - began < 5


def test_a_repository_that_is_too_large(folder: Path, sources: Sources) -> None:
    """What goes along with each task has a bound, and the message says which."""
    (folder / "tests.git" / "big").write_bytes(os.urandom(MOST_PACKED))
    git(folder / "tests.git", "add", "big")
    git(folder / "tests.git", "commit", "--quiet", "--message", "big")
    with pytest.raises(BadLavaJob, match=f"at most {MOST_PACKED} are sent along"):
        fetch_definition(entry(), sources, ())
    assert fetch_definition(entry(revision="v1"), sources, ()).commit
