"""What lies where a console log is looked for, and is none."""

import os
from pathlib import Path

from wsgi_app.core.linefile import read_blocks, read_lines


def test_what_is_no_file_has_no_lines(tmp_path: Path) -> None:
    """A directory (logs may lie below what another harness takes for a name), a FIFO: nothing is read, nobody waits."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "log").write_bytes(b"a\nb")
    for name in (".", "fifo", "none"):
        assert list(read_blocks(tmp_path / name, 10)) == []
        assert list(read_lines(tmp_path / name, 0, 10, (0, 0), longest=10)) == []
    assert list(read_blocks(tmp_path / "log", 10)) == [b"a\nb"]
