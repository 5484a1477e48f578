"""Log formats: a corpus with what must be found in it, and logs from hell."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from wsgi_app.indexer import index
from wsgi_app.indexer.formats import FORMATS, detect
from wsgi_app.indexer.formats.format import Format
from wsgi_app.indexer.formats.title import title
from wsgi_app.model import LogIndex, Mark, ParsedResult
from wsgi_app.states import ResultValue

CORPUS = Path(__file__).parent / "corpus"

WORDS = [
    b"ok 1 a", b"not ok 2 - b # TODO c", b"ok 3 # SKIP", b"1..3", b"1..0 # skip", b"    ", b"\t", b"# Subtest: s",
    b"# ", b"TAP version 14", b"KTAP version 1", b"  ---", b"message: x", b"  ...", b"Bail out!", b"[    1.000000] ",
    b"<3>",
    b"Kernel panic - not syncing: x", b"Oops: 0000 [#1]", b"BUG: x", b"------------[ cut here ]------------",
    b"WARNING: CPU: 1 PID: 2 at a.c:3", b"INFO: task a:1 blocked for more than 1 seconds", b"\n", b"\r\n", b"\0" * 70,
    b"\xff\xfe", b"error: ", b"Unable to handle k", b"kernel BUG at /x/mm/y.c:1!",
]  # fmt: skip
logs = st.one_of(st.binary(max_size=2000), st.lists(st.sampled_from(WORDS), max_size=60).map(b"".join))


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*/*.log")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_corpus(path: Path, plain_values: Callable[[LogIndex], dict[str, Any]]) -> None:
    """What was found by eye in each log of the corpus is found."""
    expected = json.loads(path.with_suffix(".json").read_text())
    assert plain_values(index.read(path, path.name, 1000)) == expected


@pytest.mark.parametrize("format_", FORMATS, ids=lambda format_: str(format_.name))
@given(content=logs)
@example(content=b"    # Subtest: a\n1..2\n")
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_no_format_raises(format_: Format, content: bytes) -> None:
    """Whatever bytes a log has, each format reads them without a word, and says only what can be stored."""
    detect(content, "x.log")
    for found in format_.parse(iter(enumerate(content.split(b"\n"), 1))):
        texts = [found.title] if isinstance(found, Mark) else [found.path, found.message or ""]
        assert found.line >= 1
        for text in texts:
            assert len(text) <= 1000
            assert not set(text) & set("\n\r\0")
            text.encode()


@given(content=logs)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
def test_picked_lines_suffice(content: bytes, read_bytes: Callable[..., LogIndex]) -> None:
    """The quick expressions pick every line that matters: reading all lines finds nothing else."""
    format_ = detect(content, "taskout.log")
    everything = list(format_.parse(iter(enumerate(content.removesuffix(b"\n").split(b"\n"), 1))))
    found = read_bytes(content)
    if format_.name == "tap":
        assert list(found.results) == [item for item in everything if isinstance(item, ParsedResult)]
    if format_.name == "console":
        picked = {(mark.kind, mark.line) for mark in found.marks if mark.kind != "hole"}
        assert picked == {(mark.kind, mark.line) for mark in everything if isinstance(mark, Mark)}


HOSTILE = {
    "comments": b"# " * 40 + b"x\n",
    "indents": b" " * 200 + b"ok 1\n",
    "nesting": b"".join(b"    " * depth + b"# Subtest: s\n" for depth in range(60)),
    "stamps": b"[    1.000000]" * 8 + b"\n",
    "bugs": b"BUG: \n",
    "warnings": b"WARNING: " + b"a/" * 90 + b"\n",
    "locks": b"INFO: " + b"A" * 3000 + b"\n",
    "failures": b"not ok 1 - x\n  ---\n  message: y\n",
    "paths": b"kernel BUG at " + b"/x" * 400 + b"\n",
    "titles": b"BUG: " + b"1 2 " * 200 + b"\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_time_is_linear(name: str, read_bytes: Callable[..., LogIndex]) -> None:
    """Four times as much of what is hard to read takes no more than ten times as long."""
    head = b"[    1.000000] x\n" * 3 + b"TAP version 14\n"

    def seconds(size: int) -> float:
        content = head + HOSTILE[name] * (size // len(HOSTILE[name]))
        times = []
        for _ in range(3):
            begun = time.process_time()
            read_bytes(content, max_results=10**6)
            times.append(time.process_time() - begun)
        return min(times)

    assert seconds(400_000) < 10 * seconds(100_000) + 0.05


@pytest.mark.parametrize("name", HOSTILE)
def test_one_long_line_is_linear(name: str, read_bytes: Callable[..., LogIndex]) -> None:
    """A megabyte without a newline takes less than two seconds."""
    line = HOSTILE[name].replace(b"\n", b" ")
    begun = time.process_time()
    read_bytes(b"[    1.000000] x\n" * 3 + b"TAP version 14\n" + line * (1_000_000 // len(line)))
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("BUG: KASAN: slab-out-of-bounds in push+0x190/0x3b8", "BUG: KASAN: slab-out-of-bounds in push"),
        ("BUG: KASAN: use-after-free in i915_pop+0x1/0x2 [i915]", "BUG: KASAN: use-after-free in i915_pop"),
        ("Internal error: Oops - BUG: 0 [#1] PREEMPT SMP", "Internal error: Oops - BUG"),
        ("kernel BUG at /build/17/linux/mm/slub.c:109!", "kernel BUG at mm/slub.c!"),
        ("BUG: soft lockup - CPU#3 stuck for 22s! [burn:311]", "BUG: soft lockup"),
        ("BUG: spinlock lockup suspected on CPU#3, gdbus/2329", "BUG: spinlock lockup suspected"),
        ("INFO: task kworker/0:1:23 blocked for more than 120 seconds.", "INFO: task kworker blocked"),
        (
            "Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b",
            "Kernel panic - not syncing: Attempted to kill init!",
        ),
        (
            "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
            "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block",
        ),
    ],
)
def test_titles_compare_across_runs(line: str, expected: str) -> None:
    """A title keeps what names the crash and loses what differs between runs."""
    assert title(line) == expected


def test_a_title_depends_on_no_number(read_bytes: Callable[..., LogIndex]) -> None:
    """The same crash again, elsewhere in memory and time, is told once."""
    again = b"".join(
        b"[%5d.%06d] BUG: unable to handle page fault for address: %016x\n[%5d.000009] Oops: %04x [#%d] SMP\n"
        % (n, n, n * 7919, n, n, n)
        for n in range(1, 20)
    )
    found = read_bytes(again)
    assert [(mark.kind, mark.line) for mark in found.marks] == [("oops", 1)]
    assert [(item.line, item.result) for item in found.results] == [(1, ResultValue.FAIL)]


@pytest.mark.parametrize("name", ["vmcore", "dump/core.231", "a.log.gz", "x.tar", "x.zip"])
def test_binaries_are_known_by_name(name: str, read_bytes: Callable[..., LogIndex]) -> None:
    """Nothing is read out of what is no text, and its zeros are no holes."""
    found = read_bytes(b"BUG: x\n" + b"\0" * 5000, name)
    assert (found.format, found.results, found.marks) == ("binary", (), ())


REAL = Path(__file__).parents[3] / "shared" / "data" / "logs" / "kernel"


@pytest.mark.skipif(not REAL.is_dir(), reason="needs the real consoles that are not part of the project")
@pytest.mark.parametrize(
    ("name", "kind", "line", "expected"),
    [
        ("kernelpanic.log", "panic", 3201, "Kernel panic - not syncing: Attempted to kill the idle task!"),
        ("oops.log", "oops", 923, "Internal error: Oops - BUG"),
        ("oops.log", "bug", 1062, "BUG: spinlock lockup suspected"),
        ("kasan.log", "kasan", 10, "BUG: KASAN: slab-out-of-bounds in kmalloc_oob_right"),
    ],
)
def test_real_consoles(name: str, kind: str, line: int, expected: str) -> None:
    """Three real consoles tell what their readers look for."""
    found = index.read(REAL / name, name, 1000)
    assert [mark for mark in found.marks if mark.title == expected] == [Mark(kind, line, expected)]
