"""What a commit of a git repository holds, as tar: by git itself, within a time and a size, asking nobody for anything.

The repository is a stranger's: git gets an empty home and a configuration of its own, no hook or filter is run, and no
other protocol is spoken than the one that was allowed.
"""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from wsgi_app.core.download import CannotRead
from wsgi_app.core.excerpt import short

#: bytes of any file that git may write for it: a pack, or the tar; and KiB of its memory
_MOST_BYTES = 64 * 1024 * 1024
_MOST_MEMORY = 2 * 1024 * 1024

#: a branch, tag or commit: nothing that git would take for an option, a range, or a refspec that writes
_REVISION = re.compile(r"(?!.*(?:\.\.|//|@\{))[A-Za-z0-9_][A-Za-z0-9_./+@-]{0,199}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

_CONFIG = """
[safe]
    directory = *
[core]
    hooksPath = /dev/null
    attributesFile = /dev/null
    fsmonitor = false
[credential]
    helper =
[fetch]
    fsckObjects = false
    recurseSubmodules = false
[http]
    followRedirects = false
[gc]
    auto = 0
[maintenance]
    auto = false
[init]
    defaultBranch = main
[advice]
    detachedHead = false
"""


@frozen
class Tree:
    """The files of a commit, as an uncompressed tar."""

    commit: str
    tar: bytes


def fetch_tree(repository: str, revision: str, *, seconds: float) -> Tree:
    """Return what a branch, tag or commit of a repository holds; "" is its HEAD. Raises `CannotRead`.

    `repository` is a URL or an absolute path that may be asked.
    """
    if revision and not _REVISION.fullmatch(revision):
        raise CannotRead(f"{short(revision)!r} is no branch, tag or commit")
    with tempfile.TemporaryDirectory(prefix="tackroom-git-") as place:
        git = _Git(Path(place), repository, time.monotonic() + seconds)
        git.run("init", "--quiet", "--bare", git.home)
        commit = git.fetch(revision)
        # whatever the repository's own attributes say: all files, as they are
        (Path(git.home) / "info").mkdir(exist_ok=True)
        (Path(git.home) / "info" / "attributes").write_text("* -export-ignore -export-subst -text -ident -filter\n")
        tar = Path(place) / "tree.tar"
        git.run("archive", "--format=tar", f"--output={tar}", commit)
        return Tree(commit, tar.read_bytes())


class _Git:
    """Git at work on one repository, in a directory of its own, until a time."""

    def __init__(self, place: Path, repository: str, until: float) -> None:
        self.home = str(place / "repository.git")
        self._repository = repository
        self._until = until
        config = place / "config"
        config.write_text(_CONFIG)
        self._env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(place),
            "LC_ALL": "C",
            "GIT_DIR": self.home,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(config),
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "false",
            "GIT_ALLOW_PROTOCOL": "file" if repository.startswith("/") else repository.partition(":")[0],
        }

    def fetch(self, revision: str) -> str:
        """Fetch a branch, tag or commit, alone where that can be; return the commit."""
        try:
            self._fetch("--depth=1", refs=[revision or "HEAD"])
        except CannotRead:
            if not revision:
                raise
            # a short hash, or a server that tells of its branches only
            self._fetch(refs=["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"])
            names = [revision, f"refs/remotes/origin/{revision}", f"refs/tags/{revision}"]
        else:
            names = ["FETCH_HEAD"]
        for name in names:
            try:
                found = self.run("rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}")
            except CannotRead:
                continue
            commit = found.decode().strip()
            if _COMMIT.fullmatch(commit):
                return commit
        raise CannotRead(f"{short(self._repository)} has no branch, tag or commit {short(revision)}")

    def _fetch(self, *options: str, refs: Sequence[str]) -> None:
        self.run("fetch", "--quiet", "--no-tags", "--update-shallow", *options, "--", self._repository, *refs)

    def run(self, *words: str) -> bytes:
        """Run git with these words; return what it says. Raises `CannotRead`."""
        # the units of ulimit -f are 512 bytes
        limits = f"ulimit -f {_MOST_BYTES // 512} && ulimit -v {_MOST_MEMORY} && exec git"
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", f'{limits} "$@"', "git", *words],
                env=self._env,
                cwd=self._env["HOME"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise CannotRead(f"git cannot be run: {error}") from None
        with process:
            try:
                said, wrong = process.communicate(timeout=max(0.0, self._until - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise CannotRead(f"{short(self._repository)} was not fetched in time") from None
        if process.returncode == 127:
            raise CannotRead("git is not installed here")
        if process.returncode:
            why = " ".join(wrong.decode("utf-8", "replace").split()) or f"git has ended with {process.returncode}"
            raise CannotRead(f"{short(self._repository)} cannot be fetched: {short(why)}")
        return said
