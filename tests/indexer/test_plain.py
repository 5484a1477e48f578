"""Plain logs: their first error is marked, and a long one without any is read fast."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from wsgi_app.indexer import index
from wsgi_app.model import LogIndex

SIZE = 32 << 20
#: CPU time of reading a plain log by that of `sha256sum`; design.md section 10 asks for 2.5 of a console's log
BAR = 5


@pytest.mark.parametrize(
    "line",
    [
        "make: error: no rule",
        "Error: none",
        "ERROR none",
        "git: fatal: none",
        "FATAL",
        "Fatal, none",
        "1 FAILED",
        "Traceback (most recent call last):",
        "Segmentation fault (core dumped)",
        "bash: foo: command not found",
        "tar: No space left on device",
    ],
)
def test_the_first_error_is_marked(tmp_path: Path, line: str) -> None:
    """The line is named, and only the first of two."""
    found = read(tmp_path, f"first\n{line}\nERROR again\n".encode())
    assert [(mark.kind, mark.line, mark.title) for mark in found.marks] == [("error", 2, line)]


@pytest.mark.parametrize("line", ["error:", "terrors", "fatality: 1", "5: command not found", "ERRORS", "FAILEDX"])
def test_what_is_no_error_is_not_marked(tmp_path: Path, line: str) -> None:
    """Words that only look like one."""
    assert read(tmp_path, f"first\n{line}\n".encode()).marks == ()


def test_a_long_plain_log_is_read_nearly_as_fast_as_its_digest(tmp_path: Path) -> None:
    """Text in small letters, without an error, so that all of it is searched: what most logs are."""
    line = b"the quick brown fox jumps over the lazy dog again: it took 12 ms (error rate 0)\n"
    path = tmp_path / "body"
    path.write_bytes(line * (SIZE // len(line)))
    begun = os.times().children_user
    subprocess.run(["sha256sum", path], check=True, capture_output=True)
    digest = os.times().children_user - begun
    begun = time.process_time()
    assert read(tmp_path, path.read_bytes()).marks == ()
    assert time.process_time() - begun < BAR * digest


def read(directory: Path, body: bytes) -> LogIndex:
    """Index a plain log."""
    path = directory / "some.log"
    path.write_bytes(body)
    found = index.read(path, path.name, 100)
    assert found.format is None
    return found
