"""The one pass over a log."""

import hashlib
import os
import resource
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wsgi_app.indexer import index, reader
from wsgi_app.indexer.index import LogChanging
from wsgi_app.model import LogIndex, Mark
from wsgi_app.states import ResultValue

ReadBytes = Callable[..., LogIndex]


def offsets(found: LogIndex) -> list[tuple[int, int]]:
    """Unpack the kept lines."""
    return list(struct.iter_unpack(">QQ", found.offsets))


def count_lines(content: bytes) -> int:
    """Count lines the slow way."""
    return len(content.removesuffix(b"\n").split(b"\n")) if content else 0


def test_an_empty_log(read_bytes: ReadBytes) -> None:
    """Nothing is found in nothing, and it has a fingerprint."""
    found = read_bytes(b"")
    assert (found.size, found.lines, found.offsets) == (0, 0, b"")
    assert found.sha256 == hashlib.sha256().hexdigest()


@given(
    content=st.lists(
        st.sampled_from([b"\n", b"x", b"ok 1 - a\n", b"y" * 700, b"\0" * 40, b"\0" * 100, b"BUG: z\n"]), max_size=40
    ).map(b"".join),
    block=st.integers(1, 200),
    longest=st.integers(1, 300),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_block_borders_do_not_show(content: bytes, block: int, longest: int, read_bytes: ReadBytes) -> None:
    """However the blocks fall, lines, offsets, fingerprint and holes are the same; long lines are still one line."""
    with pytest.MonkeyPatch.context() as patch:
        whole = read_bytes(content)
        patch.setattr(index, "BLOCK", block)
        patch.setattr(reader, "STRIDE", 64)
        cut = read_bytes(content)
        patch.setattr(reader, "MAX_LINE", longest)
        short = read_bytes(content)
    for found in (whole, cut, short):
        assert found.lines == count_lines(content)
        assert found.sha256 == hashlib.sha256(content).hexdigest()
        assert [mark for mark in found.marks if mark.kind == "hole"] == [
            mark for mark in whole.marks if mark.kind == "hole"
        ]
        for line, offset in offsets(found):
            assert content[:offset].count(b"\n") == line - 1
            assert offset == 0 or content[offset - 1 : offset] == b"\n"
    assert (cut.results, cut.marks) == (whole.results, whole.marks)


def test_offsets_are_sparse(read_bytes: ReadBytes) -> None:
    """About one line in 64 KiB is kept, the first one too."""
    content = b"".join(b"line %d\n" % number for number in range(100_000))
    found = read_bytes(content)
    kept = offsets(found)
    assert kept[0] == (1, 0)
    assert len(content) // 65600 <= len(kept) <= len(content) // 65536 + 1
    assert all(content[offset:].startswith(b"line %d\n" % (line - 1)) for line, offset in kept)


def test_results_have_the_right_lines_in_a_large_log(read_bytes: ReadBytes) -> None:
    """Lines are counted right across many blocks, and what lies across a border is found."""
    lines = [b"[%9.6f] noise %s" % (number, b"." * (number * 7919 % 199)) for number in range(60_000)]
    wanted = sorted({number * 7907 % 60_000 for number in range(50)})
    for place, number in enumerate(wanted):
        lines[number] = b"[%9.6f] BUG: KASAN: odd in function%s" % (
            number,
            b"abcdefghij"[place % 10 : place % 10 + 1] * place,
        )
    found = read_bytes(b"\n".join(lines))
    assert found.size > 5 * index.BLOCK
    assert found.lines == 60_000
    assert len(found.results) > 40
    assert {item.line - 1 for item in found.results} <= set(wanted)


def test_holes_are_marked_once(read_bytes: ReadBytes) -> None:
    """A run of NUL bytes is one mark with the line in which it lies; single ones are none."""
    found = read_bytes(b"a\nb\0c\n" + b"\0" * 3_000_000 + b"d\ne" + b"\0" * 64 + b"\n")
    assert [(mark.kind, mark.line) for mark in found.marks] == [("hole", 3), ("hole", 4)]


def test_marks_are_bounded(read_bytes: ReadBytes) -> None:
    """A log full of holes does not fill the database."""
    assert len(read_bytes((b"\0" * 64 + b"x") * 5000).marks) == index.MAX_MARKS


def test_too_many_results_end_in_a_warning(read_bytes: ReadBytes) -> None:
    """As many results as allowed are taken, then one Warn says that there were more; the log is read to its end."""
    found = read_bytes(b"TAP version 13\n" + b"ok 1 - a\n" * 5000, max_results=100)
    assert [item.result for item in found.results] == [ResultValue.PASS] * 100 + [ResultValue.WARN]
    assert found.results[-1].line == 102
    assert found.lines == 5001


def test_too_many_lines_end_in_a_warning(read_bytes: ReadBytes) -> None:
    """Lines that look like results and are none do not keep the indexer busy for ever."""
    found = read_bytes(b"TAP version 13\nok 1 - a\n" + b"# nothing\n" * 5000, max_results=10)
    assert {item.result for item in found.results} == {ResultValue.PASS, ResultValue.WARN}
    assert found.lines == 5002


def test_an_endless_line_needs_no_memory(tmp_path: Path) -> None:
    """A sparse gigabyte without a newline is read within 64 MiB."""
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.write(b"start\n")
        file.truncate(1 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = index.read(path, "taskout.log", 100)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024
    assert (found.lines, found.size) == (2, 1 << 30)
    assert found.marks == (Mark("hole", 2, "NUL bytes where text should be"),)


def test_a_log_that_grows_is_refused(tmp_path: Path) -> None:
    """What changes while it is read has no fingerprint yet, and reading ends although the writing does not."""
    path = tmp_path / "log"
    path.write_bytes(b"x\n" * 5_000_000)
    stop = threading.Event()

    def grow() -> None:
        with path.open("ab", buffering=0) as file:
            while not stop.is_set():
                file.write(b"more\n")

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        with pytest.raises(LogChanging):
            index.read(path, "taskout.log", 100)
    finally:
        stop.set()
        thread.join()
    assert index.read(path, "taskout.log", 100).size == path.stat().st_size


@pytest.mark.parametrize("kind", ["link", "pipe", "directory", "nothing"])
def test_only_files_are_read(kind: str, tmp_path: Path) -> None:
    """Links lead out of the tree and pipes hang: both are refused at once."""
    path = tmp_path / "log"
    if kind == "link":
        path.symlink_to("/etc/hostname")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    with pytest.raises(OSError):
        index.read(path, "taskout.log", 100)


def test_flush_needs_no_right_to_write(tmp_path: Path) -> None:
    """File and directories up to the root are flushed; a log that is gone is said to be."""
    path = tmp_path / "1" / "logs" / "console.log"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    path.chmod(0o440)
    index.flush(path, tmp_path)
    with pytest.raises(FileNotFoundError):
        index.flush(path.with_name("gone"), tmp_path)
