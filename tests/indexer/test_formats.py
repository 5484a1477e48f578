"""Log formats: a corpus with what must be found in it, and what a corpus cannot show."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml, TestCase, TestSuite

from wsgi_app.indexer import formats, index, reader
from wsgi_app.indexer.formats import FORMATS, detect
from wsgi_app.indexer.formats.title import title
from wsgi_app.model import LogIndex, Mark
from wsgi_app.states import ResultValue

CORPUS = Path(__file__).parent / "corpus"
LOGS = sorted(CORPUS.glob("*/*.log"))
ReadBytes = Callable[..., LogIndex]


def name_of(path: Path) -> str:
    """Name a log of the corpus."""
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", LOGS, ids=name_of)
def test_corpus(path: Path, plain_values: Callable[[LogIndex], dict[str, Any]]) -> None:
    """What was found by eye in each log of the corpus is found."""
    expected = json.loads(path.with_suffix(".json").read_text())
    assert plain_values(index.read(path, path.name, 1000)) == expected


@pytest.mark.parametrize("path", LOGS, ids=name_of)
def test_each_log_has_the_format_of_its_folder(path: Path) -> None:
    """No format takes another's logs: each is known by what it says, under a name that says nothing."""
    assert (detect(path.read_bytes()[: 1 << 16], "taskout.log").name or "plain") == path.parent.name


@pytest.mark.parametrize("format_", FORMATS, ids=lambda format_: str(format_.name))
def test_each_format_has_a_corpus(format_: Any) -> None:
    """Each format that finds something has three logs at least, each with what must be found in it."""
    if format_.name == "binary":
        return
    folder = CORPUS / (format_.name or "plain")
    assert len(list(folder.glob("*.log"))) >= 3
    assert {path.stem for path in folder.glob("*.log")} == {path.stem for path in folder.glob("*.json")}


@pytest.mark.parametrize("path", LOGS, ids=name_of)
def test_blocks_do_not_show(
    path: Path, plain_values: Callable[[LogIndex], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log of the corpus says the same in blocks of seven bytes."""
    whole = plain_values(index.read(path, path.name, 1000))
    monkeypatch.setattr(index, "BLOCK", 7)
    assert plain_values(index.read(path, path.name, 1000)) == whole


@pytest.mark.parametrize("path", LOGS, ids=name_of)
def test_the_rest_is_counted(path: Path) -> None:
    """When a format has enough, lines and fingerprint are still those of the whole log."""
    whole, few = index.read(path, path.name, 1000), index.read(path, path.name, 1)
    assert (few.lines, few.sha256, few.offsets) == (whole.lines, whole.sha256, whole.offsets)
    assert len(few.results) <= 2


def test_many_lines_of_what_is_no_text(read_bytes: ReadBytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offsets are kept in logs that are read as bytes too."""
    monkeypatch.setattr(reader, "STRIDE", 100)
    content = b"<testsuite>\n" + b"<testcase name='a'/>\n\n" * 2000
    found = read_bytes(content)
    assert (found.lines, found.format) == (4001, "junit")
    lines = content.split(b"\n")
    for place in range(0, len(found.offsets), 16):
        line, offset = (int.from_bytes(found.offsets[begin : begin + 8]) for begin in (place, place + 8))
        assert content[offset:].startswith(lines[line - 1] + b"\n")
        assert content[:offset].count(b"\n") == line - 1


#: an outcome in junitparser's words, the worst first
OUTCOMES = {"failure": "Fail", "error": "Fail", "skipped": "Skip"}


def cases(suite: Any) -> Counter[tuple[str, str]]:
    """Count the test cases of a suite that junitparser has read, by name and outcome."""
    found: Counter[tuple[str, str]] = Counter()
    for item in suite:
        if isinstance(item, TestSuite):
            found += cases(item)
        elif isinstance(item, TestCase):
            tags = {result._tag for result in item.result}
            found[item.name, next((said for tag, said in OUTCOMES.items() if tag in tags), "Pass")] += 1
    return found


@pytest.mark.parametrize("name", ["pytest", "surefire", "utf16"])
def test_junit_against_junitparser(name: str) -> None:
    """Another reader of JUnit XML finds the same test cases with the same outcomes; it knows nothing of flaky ones."""
    path = CORPUS / "junit" / f"{name}.log"
    found = index.read(path, path.name, 1000)
    ours = Counter(
        (item.path.rpartition("/")[2], "Pass" if item.result is ResultValue.WARN else item.result.value)
        for item in found.results
    )
    read: Any = JUnitXml.fromfile(str(path))
    assert ours == cases([read] if isinstance(read, TestSuite) else read)


def test_subunit_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where python-subunit is not installed the log says so, says how to mend it, and is read all the same."""
    monkeypatch.setitem(sys.modules, "subunit.v2", None)
    path = CORPUS / "subunit" / "testtools.log"
    found = index.read(path, path.name, 1000)
    assert (found.format, found.lines, found.results) == ("subunit", 12, ())
    assert [(mark.kind, mark.line) for mark in found.marks] == [("unread", 1)]
    assert "tackroom[subunit]" in found.marks[0].title


def test_too_many_packets_end_in_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a hostile stream costs has an end, and that is told; a test that was cut off by it is no failure."""
    monkeypatch.setattr(formats.subunit, "_MOST_PACKETS", 8)
    path = CORPUS / "subunit" / "testtools.log"
    found = index.read(path, path.name, 1000)
    assert [item.result for item in found.results] == [ResultValue.PASS, ResultValue.WARN]
    assert found.lines == 12


def test_subunit_is_imported_in_one_place_and_late() -> None:
    """One module knows python-subunit, and who reads no subunit does not wait for it to load."""
    package = Path(formats.__file__).parents[2]
    homes = [
        path.name
        for path in package.rglob("*.py")
        if re.search(r"^\s*(?:import|from) subunit\b", path.read_text(), re.M)
    ]
    assert homes == ["subunit.py"]
    script = "import sys, wsgi_app.indexer.index; print(*{'subunit', 'testtools', 'iso8601'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert loaded.stdout == "\n"


@pytest.mark.parametrize(
    ("encoding", "name", "expected"),
    [
        ("iso-8859-15", "10 €", "10 €"),
        ("koi8-r", "стойка", "стойка"),
        ("Shift_JIS", "試験", "試験"),
        ("gb18030", "测试", "测试"),
        ("cp9999", "x", "x"),
        ("zlib", "x", "x"),
        ("utf-7", "+ADw-", "+ADw-"),
        ("no such thing", "x", "x"),
    ],
)
def test_junit_in_any_encoding(encoding: str, name: str, expected: str, read_bytes: ReadBytes) -> None:
    """What a report declares is believed where it can be, and does no harm where not."""
    codec = encoding if encoding in ("iso-8859-15", "koi8-r", "Shift_JIS", "gb18030") else "ascii"
    body = f'<?xml version="1.0" encoding="{encoding}"?><testsuite>\n<testcase name="{name}"/></testsuite>'
    found = read_bytes(body.encode(codec))
    assert [(item.line, item.path) for item in found.results] == [(2, f"/{expected}")]


def test_a_bare_subtest_that_is_too_long_stays_without_name(read_bytes: ReadBytes) -> None:
    """Results wait for the name of their subtest, but not in any number; none is lost and their order stays."""
    count = 10_050
    content = b"TAP version 13\n" + b"".join(b"    ok %d\n" % n for n in range(1, count + 1)) + b"ok 1 - late\n1..1\n"
    found = read_bytes(content, max_results=count + 10)
    assert [item.line for item in found.results] == list(range(2, count + 3))
    assert (found.results[0].path, found.results[-1].path) == ("/test 1", "/late")
    assert found.results[-2].path == f"/test {count}"


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


def test_a_title_depends_on_no_number(read_bytes: ReadBytes) -> None:
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
def test_binaries_are_known_by_name(name: str, read_bytes: ReadBytes) -> None:
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


def test_references(tmp_path: Path) -> None:
    """What refers to a file elsewhere is a case, as three plain words or with keys."""
    log = tmp_path / "taskout.log"
    log.write_text(
        "<LAVA_SIGNAL_TESTREFERENCE trace fail https://a.example/x?TEST=1>\n"
        "<LAVA_SIGNAL_TESTREFERENCE TEST_CASE_ID=dump RESULT=pass REFERENCE=https://a.example/y>\n"
        "<LAVA_SIGNAL_TESTREFERENCE nothing>\n"
    )
    found = index.read(log, log.name, 10).results
    assert [(one.path, one.result, one.line, one.message) for one in found] == [
        ("/trace", ResultValue.FAIL, 1, "https://a.example/x?TEST=1"),
        ("/dump", ResultValue.PASS, 2, "https://a.example/y"),
    ]


@pytest.mark.parametrize(
    ("said", "measurement", "units", "message"),
    [
        ("MEASUREMENT=12.75 UNITS=s", 12.75, "s", None),
        ("UNITS=MB/s MEASUREMENT=-1e3", -1000.0, "MB/s", None),
        ("MEASUREMENT=+.5", 0.5, None, None),
        ("MEASUREMENT=7. UNITS=" + "u" * 300, 7.0, "u" * 255, None),
        ("MEASUREMENT=0 REFERENCE=http://a/b", 0.0, None, "http://a/b"),
        ("MEASUREMENT=1e999 UNITS=s", None, None, "1e999 s"),
        ("MEASUREMENT=nan", None, None, "nan"),
        ("MEASUREMENT=inf", None, None, "inf"),
        ("MEASUREMENT=1_000", None, None, "1_000"),
        ("MEASUREMENT=0x10", None, None, "0x10"),
        ("MEASUREMENT=fast UNITS=s", None, None, "fast s"),
        ("MEASUREMENT=\xd9\xa1", None, None, "\u0661"),
        ("UNITS=s", None, None, "s"),
        ("MEASUREMENT=", None, None, None),
    ],
)
def test_signal_measurements(
    said: str, measurement: float | None, units: str | None, message: str | None, read_bytes: ReadBytes
) -> None:
    """What is a finite number is measured, in its units; anything else stays in the message."""
    signal = f"<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=a RESULT=pass {said}>\n"
    (found,) = read_bytes(signal.encode("latin-1")).results
    assert (found.measurement, found.units, found.message) == (measurement, units, message)
