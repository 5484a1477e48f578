"""What a worker's machine does before a task is started: its file is verified, and there is something to run."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from wsgi_app.harnesses.buildbot.prepare import CHECK

SCRIPT = b"#!/bin/sh\necho hello\n"
DIGEST = hashlib.sha256(SCRIPT).hexdigest()


def check(place: Path, tools: tuple[str, ...], digest: str) -> subprocess.CompletedProcess[str]:
    """Run it where there are these programs only."""
    home, programs = place / "home", place / "bin"
    home.mkdir()
    programs.mkdir()
    (home / "script").write_bytes(SCRIPT)
    for tool in tools:
        program = shutil.which(tool)
        assert program is not None
        (programs / tool).symlink_to(program)
    shell = shutil.which("dash")
    assert shell is not None
    words = [shell, "-c", CHECK, "check", str(home), str(home), "./script", "script", digest]
    return subprocess.run(words, env={"PATH": str(programs)}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("tools", [("sha256sum",), ("openssl",), ("sha256sum", "openssl")])
def test_a_file_is_verified(tools: tuple[str, ...], tmp_path: Path) -> None:
    """By whatever program is there for it; a file that is another is not run."""
    (tmp_path / "good").mkdir()
    assert check(tmp_path / "good", tools, DIGEST).returncode == 0
    (tmp_path / "damaged").mkdir()
    damaged = check(tmp_path / "damaged", tools, DIGEST[::-1])
    assert (damaged.returncode, damaged.stderr) == (1, "script was damaged on its way\n")


def test_nothing_to_verify_by(tmp_path: Path) -> None:
    """Then it is not run, and says what is missing."""
    refused = check(tmp_path, (), DIGEST)
    assert refused.returncode == 1
    assert refused.stderr == "there is no sha256sum, shasum, openssl or sha256 to verify script by\n"
