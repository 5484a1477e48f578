"""Kernel consoles: which lines tell a crash, in real ones, whatever stands before them, and mixed with tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_app.indexer import index
from wsgi_app.model import LogIndex

ReadBytes = Callable[..., LogIndex]

REAL = Path(__file__).parents[3] / "shared" / "data" / "logs" / "kernel"
BOOT = b"[    0.000000] Linux version 6.9.1 (builder@lab) #1 SMP\n"


@pytest.mark.skipif(not REAL.is_dir(), reason="needs the real consoles that are not part of the project")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kasan.log", {(10, "kasan")}),
        ("kernelpanic.log", {(3161, "oops"), (3164, "oops"), (3201, "panic"), (6175, "panic")}),
        ("oops.log", {(92, "rcu"), (923, "oops"), (926, "oops"), (1062, "bug"), (1300, "lockup")}),
    ],
)
def test_real_consoles_tell_nothing_twice(name: str, expected: set[tuple[int, str]]) -> None:
    """What three real consoles tell is what was found by eye; their hundreds of later lines add nothing."""
    found = index.read(REAL / name, name, 1000)
    assert {(mark.line, mark.kind) for mark in found.marks} == expected
    assert [result.line for result in found.results if result.path.startswith("/kernel/")] == sorted(
        line for line, _ in expected
    )


@pytest.mark.parametrize(
    "prefix",
    [
        b"",
        b"<1>",
        b"[   12.345678] ",
        b"<1>[   12.345678] ",
        b"[   12.345678][ T1234] ",
        b"<1>[   12.345678][    C3] ",
        b"Mar  4 10:11:12 bay3 kernel: ",
        b"Mar  4 10:11:12 bay3 kernel: [   12.345678] ",
        b"2026-03-04T10:11:12.000001+00:00 [   12.345678] ",
        b"2026-03-04 10:11:12,001 [   12.345678] [  T1] ",
        b"2026-03-04T10:11:12Z bay3 kernel: ",
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_prefixes(prefix: bytes, end: bytes, read_bytes: ReadBytes) -> None:
    """An oops is one result with one title, whatever the logging puts before its lines."""
    lines = [
        b"Unable to handle kernel NULL pointer dereference at virtual address 0000000000000010",
        b"Internal error: Oops: 0000000096000004 [#1] PREEMPT SMP",
        b"pc : frob_irq+0x24/0x90",
        b"---[ end trace 0000000000000000 ]---",
    ]
    found = read_bytes(BOOT + b"".join(prefix + line + end for line in lines))
    title = "Unable to handle kernel NULL pointer dereference"
    assert [(mark.kind, mark.line, mark.title) for mark in found.marks] == [("oops", 2, title)]
    assert [(result.path, result.line) for result in found.results] == [(f"/kernel/{title}", 2)]


def test_callers_are_kept_apart(read_bytes: ReadBytes) -> None:
    """What another processor prints in the midst of an oops is told, and what the oops prints is not."""
    oops = b"[    5.00000%d][  T10] "
    other = b"[    5.00000%d][    C3] "
    found = read_bytes(
        BOOT
        + (oops % 1 + b"BUG: unable to handle page fault for address: ffffc90000a3f000\n")
        + (other % 2 + b"WARNING: CPU: 3 PID: 0 at kernel/frob.c:1 tick+0x1/0x2\n")
        + (oops % 3 + b"Oops: 0002 [#1] PREEMPT SMP\n")
        + (oops % 4 + b"WARNING: CPU: 0 PID: 10 at kernel/other.c:1 tock+0x1/0x2\n")
        + (other % 5 + b"WARNING: CPU: 3 PID: 0 at kernel/third.c:1 tack+0x1/0x2\n")
    )
    assert [(mark.kind, mark.line) for mark in found.marks] == [("oops", 2), ("warning", 3), ("warning", 6)]


def test_more_callers_than_are_kept(read_bytes: ReadBytes) -> None:
    """Thousands of callers cost no memory for ever, and the crash of the last one is told."""
    lines = b"".join(b"[    1.000000][T%5d] Oops: 0000 [#%d]\n" % (n, n) for n in range(5000))
    found = read_bytes(BOOT + lines + b"[    2.000000][T99999] divide error: 0000 [#1]\n")
    assert [(mark.line, mark.title) for mark in found.marks] == [(2, "Oops"), (5002, "divide error")]


def test_tests_in_a_console(read_bytes: ReadBytes) -> None:
    """LAVA signals and TAP are read in one console, beside its crashes."""
    found = read_bytes(
        BOOT
        + b"[    1.000000] <LAVA_SIGNAL_TESTCASE TEST_CASE_ID=a RESULT=pass>\n"
        + b"[    2.000000] TAP version 14\n[    2.000001] 1..1\n[    2.000002] not ok 1 b\n"
        + b"[    3.000000] BUG: KFENCE: out-of-bounds read in c+0x1/0x2\n"
    )
    values = [(result.line, result.path, result.result.value) for result in found.results]
    assert sorted(values) == [
        (2, "/a", "Pass"),
        (5, "/b", "Fail"),
        (6, "/kernel/BUG: KFENCE: out-of-bounds read in c", "Fail"),
    ]
