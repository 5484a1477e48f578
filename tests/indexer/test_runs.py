"""Formats of test runs that are told in more than one way, and what must not be taken for one."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_app.indexer import index
from wsgi_app.model import LogIndex

ReadBytes = Callable[..., LogIndex]

XMTEST = Path(__file__).parent / "corpus" / "xm-test"
BAR = b":" * 80 + b"\n"


def _results(name: str) -> set[tuple[str, str]]:
    found = index.read(XMTEST / f"{name}.log", f"{name}.log", 1000)
    return {(result.path, result.result.value) for result in found.results}


def test_the_outputs_of_one_xmtest_run_agree() -> None:
    """Raw log, extract, XML and the parallel harness's output name the same tests with the same results."""
    raw = _results("output")
    assert len(raw) == 7
    assert _results("passfail") == _results("xml") == _results("parallel") == raw


def test_xmtest_extracts_are_part_of_the_run() -> None:
    """The failures and the report name some of the run's tests; the report says what it does not name."""
    raw = _results("output")
    failures = _results("failures")
    assert failures < raw
    assert _results("report") == failures | {("/summary", "Fail")}


@pytest.mark.parametrize(
    "content",
    [
        b"PASS: tests/one\n",
        b"PASS: tests/one\nFAIL: tests/two\n",
        b"ERROR: one\nERROR: two\nERROR: three\nERROR: four\n",
        b"FAIL: this is prose\nPASS: and so is this\nSKIP: and this too\n",
        b"see ::   RESULT: below\n:: [ a note ] :: of somebody\n",
        b"the script has <LAVA_SIGNAL_ in it\n",
        b"*** case closed\nXm-test is a test\n",
        b"<results>\n<other>\n<name>x</name>\n",
    ],
)
def test_what_only_looks_like_a_run(content: bytes, read_bytes: ReadBytes) -> None:
    """A few lines that could be a test's make no run of tests."""
    found = read_bytes(content, "build.log")
    assert (found.format, found.results) == (None, ())


HOSTILE = {
    "signals": (
        b"<LAVA_SIGNAL_STARTRUN a 1>\n",
        b"<LAVA_SIGNAL_STARTTC x" + b"y" * 50 + b"><LAVA_SIGNAL_STARTRUN b>\n",
    ),
    "open signals": (b"<LAVA_SIGNAL_STARTRUN a 1>\n", b"<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=a A=" * 20 + b"\n"),
    "headings": (b":: [   LOG    ] :: x\n", BAR + b"::   x\n" + BAR + b":: [   PASS   ] :: y (Expected (Expected )\n"),
    "bars": (b":: [   LOG    ] :: x\n", BAR),
    "underlines": (b"# TOTAL: 1\n", b"FAIL: abc\n=========\n"),
    "directories": (b"# TOTAL: 1\n", b"Making check in a\nmake: Entering directory '/a/b'\nPASS: a\n"),
    "ready": (b"*** case a from group b\n", b"cp 01_a_b.py 01_a_b.test\n*** case c from group b\n"),
    "details": (b"Xm-test execution summary:\n", b"FAIL: 01_a_b\n\tx\nXm-test execution summary:\n"),
    "tags": (b"<results>\n<group>\n<name>\n", b"<group><name>g<test><name>01_a<state>PASS</test>\n"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_runs_take_linear_time(name: str, read_bytes: ReadBytes) -> None:
    """Four times as much of what is hard to read takes no more than ten times as long."""
    head, lines = HOSTILE[name]

    def seconds(size: int) -> float:
        content = head + lines * (size // len(lines))
        times = []
        for _ in range(3):
            begun = time.process_time()
            assert read_bytes(content, max_results=10**6).format is not None
            times.append(time.process_time() - begun)
        return min(times)

    assert seconds(400_000) < 10 * seconds(100_000) + 0.05


@pytest.mark.parametrize("name", HOSTILE)
def test_one_long_line_of_a_run_is_linear(name: str, read_bytes: ReadBytes) -> None:
    """A megabyte without a newline takes less than two seconds."""
    head, lines = HOSTILE[name]
    line = lines.replace(b"\n", b" ")
    begun = time.process_time()
    read_bytes(head + line * (1_000_000 // len(line)))
    assert time.process_time() - begun < 2
